//! Running a script on a call.

use crate::call::{CallEnd, CallState, PhoneCall};
use crate::heard::has_tone;
use crate::script::Step;
use cordboard_media::{Clip, ClipError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often what is heard is looked at.
const LISTEN: Duration = Duration::from_millis(20);
/// How often the recording is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// A step that was done, and how long it took.
#[derive(Clone, Debug)]
pub struct StepDone {
    /// Which.
    pub step: Step,
    /// From the script's beginning to the step's end.
    pub at: Duration,
}

/// Why a script stopped.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// What was waited for did not come in time.
    #[error("{step:?}: nothing within the time")]
    TimedOut {
        /// The step.
        step: Step,
    },
    /// The call ended before the script did.
    #[error("{step:?}: the call is over ({end:?})")]
    CallOver {
        /// The step.
        step: Step,
        /// How the call ended.
        end: CallEnd,
    },
    /// The phone doesn't record, so it can't look at what it heard.
    #[error("{step:?}: the phone has no folder for recordings")]
    NoRecording {
        /// The step.
        step: Step,
    },
    /// A file can't be played.
    #[error("{path} can't be played")]
    Clip {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: ClipError,
    },
}

/// Does the steps one after the other, telling of each.
///
/// # Errors
/// [`RunError`], at the first step that can't be done; the call is left as it is.
pub async fn run_script(call: &PhoneCall, steps: &[Step], mut tell: impl FnMut(&StepDone)) -> Result<(), RunError> {
    let started = Instant::now();
    for step in steps {
        run_step(call, step).await?;
        tell(&StepDone { step: step.clone(), at: started.elapsed() });
    }
    Ok(())
}

async fn run_step(call: &PhoneCall, step: &Step) -> Result<(), RunError> {
    let timed_out = || match call.state() {
        CallState::Ended(end) => RunError::CallOver { step: step.clone(), end },
        CallState::Ringing | CallState::Answered => RunError::TimedOut { step: step.clone() },
    };
    match step {
        Step::Answered(limit) => call.answered(*limit).await.then_some(()).ok_or_else(timed_out),
        Step::Heard(limit) => listen(call, *limit, |heard| !heard.is_zero(), |_| false).await.ok_or_else(timed_out),
        Step::Quiet(quiet, limit) => {
            listen(call, *limit, |_| false, |silent| silent >= *quiet).await.ok_or_else(timed_out)
        }
        Step::HearTone(hertz, limit) => {
            if call.heard_path().is_none() {
                return Err(RunError::NoRecording { step: step.clone() });
            }
            hear_tone(call, *hertz, *limit).await.ok_or_else(timed_out)
        }
        Step::Press(keys) => {
            live(call, step)?;
            call.press(keys);
            let count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
            tokio::time::sleep(Duration::from_millis(200).saturating_mul(count)).await;
            Ok(())
        }
        Step::Tone(hertz, length) => {
            let ms = u32::try_from(length.as_millis()).unwrap_or(u32::MAX);
            say(call, step, Clip::tone(*hertz, ms, 8_000)).await
        }
        Step::Play(path) => match Clip::from_wav(path) {
            Ok(clip) => say(call, step, clip).await,
            Err(cause) => Err(RunError::Clip { path: path.clone(), cause }),
        },
        Step::Wait(length) => match call.ended(*length).await {
            Some(end) => Err(RunError::CallOver { step: step.clone(), end }),
            None => Ok(()),
        },
        Step::HangUp => {
            call.hang_up();
            Ok(())
        }
        Step::Ended(limit) => call.ended(*limit).await.map(|_| ()).ok_or_else(timed_out),
    }
}

fn live(call: &PhoneCall, step: &Step) -> Result<(), RunError> {
    match call.state() {
        CallState::Ended(end) => Err(RunError::CallOver { step: step.clone(), end }),
        CallState::Ringing | CallState::Answered => Ok(()),
    }
}

async fn say(call: &PhoneCall, step: &Step, clip: Clip) -> Result<(), RunError> {
    live(call, step)?;
    let limit = clip.duration() + Duration::from_secs(5);
    let play = call.play(Arc::new(clip));
    if call.said(play, limit).await { live(call, step) } else { Err(RunError::TimedOut { step: step.clone() }) }
}

/// Looks for a tone in what is heard from now on.
async fn hear_tone(call: &PhoneCall, hertz: f32, limit: Duration) -> Option<()> {
    let started = Instant::now();
    let before = call.heard().len();
    while started.elapsed() < limit {
        if has_tone(call.heard().get(before..).unwrap_or_default(), hertz) {
            return Some(());
        }
        if let Some(_over) = call.ended(LOOK).await {
            // What the writer still had.
            tokio::time::sleep(LOOK).await;
            return has_tone(call.heard().get(before..).unwrap_or_default(), hertz).then_some(());
        }
    }
    None
}

/// Watches what is heard until one of the conditions holds: on how long sound has been heard since now, or on how
/// long it has been silent.
async fn listen(
    call: &PhoneCall,
    limit: Duration,
    heard: impl Fn(Duration) -> bool,
    silent: impl Fn(Duration) -> bool,
) -> Option<()> {
    let started = Instant::now();
    let before = call.stats().map_or(Duration::ZERO, |stats| Duration::from_millis(stats.heard_ms));
    while started.elapsed() < limit {
        let stats = call.stats()?;
        let sound = Duration::from_millis(stats.heard_ms).saturating_sub(before);
        if heard(sound) || silent(Duration::from_millis(stats.silent_ms).min(started.elapsed())) {
            return Some(());
        }
        tokio::time::sleep(LISTEN).await;
    }
    None
}
