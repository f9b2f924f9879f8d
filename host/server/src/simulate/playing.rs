//! Many conversations at once.

use anyhow::{Context as _, Result};
use cordboard_script::{Case, Difference, Played, Stage, play};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// A conversation to be played.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) case: Arc<Case>,
    pub(super) stage: Stage,
}

/// How a conversation went, all the times it was played.
pub(super) struct Outcome {
    /// The first time that is kept.
    pub(super) played: Played,
    /// How often it was played.
    pub(super) times: u32,
    /// It went otherwise another time.
    differs: Option<Difference>,
}

impl Outcome {
    /// The first difference; that it isn't the same each time is one.
    pub(super) fn difference(&self) -> Option<&Difference> {
        self.played.difference.as_ref().or(self.differs.as_ref())
    }

    pub(super) fn held(&self) -> bool {
        self.difference().is_none()
    }

    fn again(&mut self, played: Played) {
        self.times += 1;
        if self.played.moments == played.moments && self.played.difference == played.difference {
            return;
        }
        let (before, now) = (&self.played.moments, &played.moments);
        let at = before.iter().zip(now).position(|(before, now)| before != now).unwrap_or(before.len().min(now.len()));
        let shown = now.get(at).map_or_else(|| "nothing more".to_owned(), |moment| moment.what.to_string());
        self.differs.get_or_insert(Difference {
            place: None,
            expected: "the same each time it is played".into(),
            got: format!("another time: {shown}"),
            moment: before.get(at).map(|_| at),
        });
        if played.difference.is_some() && self.played.difference.is_none() {
            self.played = played;
        }
    }
}

/// Plays each so often, so many at once.
pub(super) async fn all(work: Vec<Job>, repeat: u32, jobs: u32) -> Result<Vec<Outcome>> {
    let count = work.len() as u64;
    let all = count * u64::from(repeat);
    let outcomes: Arc<Mutex<Vec<Option<Outcome>>>> = Arc::new(Mutex::new(work.iter().map(|_| None).collect()));
    let (work, next) = (Arc::new(work), Arc::new(AtomicU64::new(0)));
    let mut players = tokio::task::JoinSet::new();
    for _ in 0..u64::from(jobs).min(all) {
        let (work, next, outcomes) = (Arc::clone(&work), Arc::clone(&next), Arc::clone(&outcomes));
        players.spawn(async move {
            loop {
                let number = next.fetch_add(1, Relaxed);
                let at = usize::try_from(number % count).unwrap_or_default();
                let Some(job) = work.get(at).filter(|_| number < all) else { return };
                let played = Box::pin(play(&job.stage, &job.case)).await;
                let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(outcome) = outcomes.get_mut(at) {
                    match outcome {
                        Some(outcome) => outcome.again(played),
                        None => *outcome = Some(Outcome { played, times: 1, differs: None }),
                    }
                }
            }
        });
    }
    while let Some(ended) = players.join_next().await {
        ended.context("a conversation could not be played: a fault of the program")?;
    }
    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
    outcomes.drain(..).map(|outcome| outcome.context("a conversation was left out")).collect()
}
