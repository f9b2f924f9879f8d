//! The shell around the board: it feeds inputs, performs effects, and decides nothing.
//!
//! One task owns the board and everything that translates between the board's names and those of signalling and
//! media. Whatever takes time (a look-up, a request, a score, a write) goes on elsewhere and comes back as an input.

mod fetches;
pub(crate) mod health;
pub(crate) mod hibernation;
mod legs;
mod notes;
mod perform;
mod scoring;
mod values;
mod writer;

pub(crate) use notes::{Lines, NoteParts, Notebook, tell_lines};
pub(crate) use perform::{Parts, Performer};
pub(crate) use values::ValueParts;
pub(crate) use writer::{Keep, Writer};

use crate::clock::Clock;
use cordboard_core::board::{Board, Input};
use cordboard_core::ids::{ContactId, RunId};
use cordboard_media::MediaEvent;
use cordboard_plugin::FlowMessage;
use cordboard_sip::SipEvent;
use tokio::sync::{mpsc, oneshot};

/// Inputs that may wait for the board. Beyond it whoever brings more waits; the board takes some ten microseconds
/// for each.
const MAX_WAITING_INPUTS: usize = 65_536;

enum Command {
    Input(Input),
    Ask(Box<dyn FnOnce(&Board) + Send>),
}

/// The way to the board, from anywhere.
#[derive(Clone)]
pub struct BoardHandle {
    commands: mpsc::Sender<Command>,
}

/// The board has stopped: the host is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host is shutting down")]
pub struct Stopped;

impl BoardHandle {
    /// A handle, and what the board's task reads.
    pub fn new() -> (Self, Commands) {
        let (commands, receiver) = mpsc::channel(MAX_WAITING_INPUTS);
        (Self { commands }, Commands(receiver))
    }

    /// Tells the board something.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn tell(&self, input: Input) -> Result<(), Stopped> {
        self.commands.send(Command::Input(input)).await.map_err(|_| Stopped)
    }

    /// Asks the board something. What was told before is seen.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Board) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (answer, answered) = oneshot::channel();
        let ask = Command::Ask(Box::new(move |board| {
            // Whoever asked may have gone away meanwhile.
            let _ = answer.send(question(board));
        }));
        self.commands.send(ask).await.map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }
}

/// What was told to the board and not yet heard.
pub struct Commands(mpsc::Receiver<Command>);

/// Everything that reaches the board.
pub(crate) struct Sources {
    /// From everywhere.
    pub commands: Commands,
    /// From the signalling.
    pub sip: mpsc::Receiver<SipEvent>,
    /// From the media threads.
    pub media: mpsc::Receiver<MediaEvent>,
    /// From the flows.
    pub flows: mpsc::Receiver<FlowMessage>,
}

/// Runs the board until it is drained.
pub(crate) async fn run(mut board: Board, clock: Clock, mut sources: Sources, mut performer: Performer) {
    loop {
        while let Some(effect) = board.poll_effect() {
            performer.perform(effect);
        }
        if performer.drained {
            return;
        }
        // What an effect led to at once, e.g. a phone that isn't there.
        if let Some(input) = performer.at_once.pop_front() {
            board.handle(clock.now(), input);
            continue;
        }
        let wake = board.poll_timeout().map(|at| clock.instant(at));
        let input = tokio::select! {
            Some(command) = sources.commands.0.recv() => match command {
                Command::Input(input) => Some(input),
                Command::Ask(question) => {
                    question(&board);
                    None
                }
            },
            Some(event) = sources.sip.recv() => performer.on_sip(event),
            Some(event) = sources.media.recv() => performer.on_media(event),
            Some(message) = sources.flows.recv() => performer.on_flow(message),
            () = sleep_until(wake) => Some(Input::Tick),
        };
        if let Some(input) = input {
            board.handle(clock.now(), input);
        }
    }
}

async fn sleep_until(wake: Option<std::time::Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Which run of which contact.
type RunKey = (ContactId, RunId);
