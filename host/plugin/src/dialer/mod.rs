//! Asking dialers: how many people to call now, whom first, and when to try again. What they say is a proposal: whoever
//! asks holds the rules.

mod check;

use crate::asked::{Askable, Asked, Picked, Ready};
use crate::bindings::dialer_0_1_0::{self as bound, Dialer, DialerPre};
use crate::error::AskError;
use crate::guest::Guest;
use crate::web::{Reach, WebRole};
use cordboard_core::time::Timestamp;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::runtime::Handle;
use wasmtime::Store;

/// How a campaign calls people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An agent sees the lead first and starts the call.
    Preview,
    /// One call for each agent who is ready.
    Progressive,
    /// A fixed number of calls for each agent who is ready.
    Power,
    /// As many calls as will be answered when agents are free.
    Predictive,
}

/// A campaign at one moment. Ratios are from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// The time.
    pub now: Timestamp,
    /// How it calls.
    pub mode: Mode,
    /// Calls for each ready agent, for [`Mode::Power`].
    pub ratio: Option<f32>,
    /// Agents who could take a call at once.
    pub agents_ready: u32,
    /// Agents who talk.
    pub agents_talking: u32,
    /// Agents who finish a call.
    pub agents_wrapping_up: u32,
    /// Agents expected to become ready within the average ring time.
    pub agents_expected: f32,
    /// Calls that ring.
    pub ringing: u32,
    /// People who have answered and wait.
    pub waiting: u32,
    /// Lines that can be used.
    pub lines_free: u32,
    /// The most calls that would be started now, whatever is proposed.
    pub most: u32,
    /// Of recent attempts, how many a person answered.
    pub answer_rate: Option<f32>,
    /// On average. 0: unknown.
    pub ring_time_ms: u64,
    /// On average, wrap-up included. 0: unknown.
    pub handle_time_ms: u64,
    /// Of the people who answered, how many were abandoned.
    pub abandon_rate: f32,
    /// What that must not exceed.
    pub abandon_cap: f32,
    /// Leads that can be called now.
    pub leads_ready: u32,
}

/// How an attempt went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A person talked.
    Talked,
    /// A person answered, and nobody talked to them.
    Abandoned,
    /// It rang.
    NoAnswer,
    /// They talk to someone else.
    Busy,
    /// The call was refused.
    Rejected,
    /// An answering machine.
    Machine,
    /// A fax or modem.
    Fax,
    /// The number can't be reached; the network's reason.
    Unreachable(String),
    /// It failed on our side; why.
    Failed(String),
}

/// A call that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// Where the person was: minute of the day, 0 to 1439.
    pub local_minute: u16,
    /// 1 (Monday) to 7.
    pub local_weekday: u8,
    /// How it went.
    pub outcome: Outcome,
    /// 0 if nobody talked.
    pub talked_ms: u64,
}

/// Someone who can be called.
#[derive(Clone, Debug, PartialEq)]
pub struct Lead {
    /// 1 to 128 bytes, unique within a batch.
    pub id: String,
    /// A number for each column; one that is absent is NaN.
    pub numbers: Vec<f32>,
    /// How often it was tried.
    pub attempts: u32,
    /// The latest attempts, oldest first, at most 16.
    pub latest: Vec<Attempt>,
    /// What time it is where the person is: minute of the day, 0 to 1439.
    pub local_minute: u16,
    /// 1 (Monday) to 7.
    pub local_weekday: u8,
    /// A call that was promised for this time.
    pub promised: Option<Timestamp>,
}

/// What a dialer is asked.
#[derive(Clone, Debug)]
pub struct DialInput {
    /// The names of a lead's numbers. Keep the same `Arc` as long as nothing changes.
    pub columns: Arc<[String]>,
    /// The campaign now.
    pub figures: Figures,
    /// At most 1,000.
    pub leads: Vec<Lead>,
}

/// What a dialer proposes.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// How many to call now: at most `figures.most`, and as many as there are in `order`.
    pub dial: u32,
    /// Places in the leads that were offered, each at most once, the best first.
    pub order: Vec<usize>,
    /// When to ask again at the latest, in milliseconds.
    pub again_ms: u32,
    /// Names and numbers that explain it.
    pub reasons: Vec<(String, f32)>,
}

/// Whether and when to call a lead again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextTry {
    /// Not before so many milliseconds from now.
    AfterMs(u64),
    /// Not in this campaign; why.
    Never(String),
}

/// The dialer's world.
pub(crate) struct DialerWorld {
    pub(crate) pre: DialerPre<Guest<WebRole>>,
    pub(crate) reach: Arc<Reach>,
}

/// A dialer version.
pub(crate) type DialerProgram = Asked<DialerWorld>;

/// An instance, and what it wants to see and say.
pub(crate) struct Configured {
    dialer: Dialer,
    columns: Picked,
    reasons: Vec<String>,
}

impl Askable for DialerWorld {
    type Role = WebRole;
    type Instance = Configured;
    type Offer = Arc<[String]>;

    const IN_PLACE: bool = false;

    fn role(&self) -> WebRole {
        WebRole::new(&self.reach)
    }

    fn again(role: &mut WebRole) {
        role.again();
    }

    fn begin<'a>(
        &'a self,
        store: &'a mut Store<Guest<WebRole>>,
        offered: &'a Arc<[String]>,
    ) -> BoxFuture<'a, wasmtime::Result<Result<Configured, String>>> {
        Box::pin(async move {
            let dialer = self.pre.instantiate_async(&mut *store).await?;
            let selection = dialer.cordboard_dialer_guest().call_configure(store, &offered.to_vec()).await?;
            Ok(selection.map_err(bound::configure_error).and_then(|selection| {
                check::names("reasons", &selection.reasons)?;
                let columns = Picked::new(offered, &selection.columns)?;
                Ok(Configured { dialer, columns, reasons: selection.reasons })
            }))
        })
    }
}

impl DialerProgram {
    pub(crate) async fn propose(
        self: Arc<Self>,
        runtime: &Handle,
        wall_ms: u32,
        input: DialInput,
    ) -> Result<Proposal, AskError> {
        check::input(&input.columns, &input.leads)?;
        let offer = Arc::clone(&input.columns);
        self.ask(runtime, wall_ms, offer, move |ready| Box::pin(propose(ready, input))).await
    }

    pub(crate) async fn retry(
        self: Arc<Self>,
        runtime: &Handle,
        wall_ms: u32,
        columns: Arc<[String]>,
        lead: Lead,
        now: Timestamp,
    ) -> Result<NextTry, AskError> {
        check::input(&columns, std::slice::from_ref(&lead))?;
        let ended = lead.latest.last().map(|attempt| bound::outcome(&attempt.outcome));
        let ended = ended.ok_or_else(|| AskError::Input("the lead was never tried".into()))?;
        self.ask(runtime, wall_ms, columns, move |ready| Box::pin(retry(ready, lead, ended, now))).await
    }
}

async fn propose(ready: &mut Ready<DialerWorld>, input: DialInput) -> Result<Proposal, AskError> {
    let agreed = Arc::clone(&ready.instance);
    let figures = bound::figures(&input.figures);
    let leads: Vec<_> = input.leads.iter().map(|lead| bound::lead(lead, agreed.columns.of(&lead.numbers))).collect();
    let proposed = ready.call(move |store, of| {
        Box::pin(async move { of.dialer.cordboard_dialer_guest().call_propose(store, &figures, &leads).await })
    });
    let proposal = proposed.await?.map_err(|error| AskError::Refused(bound::dial_error(error)))?;
    check::proposal(proposal, &input, &agreed.reasons)
}

async fn retry(
    ready: &mut Ready<DialerWorld>,
    lead: Lead,
    ended: bound::types::Outcome,
    now: Timestamp,
) -> Result<NextTry, AskError> {
    let agreed = Arc::clone(&ready.instance);
    let lead = bound::lead(&lead, agreed.columns.of(&lead.numbers));
    let said = ready.call(move |store, of| {
        Box::pin(async move { of.dialer.cordboard_dialer_guest().call_retry(store, &lead, &ended, now.as_ms()).await })
    });
    let next = said.await?.map_err(|error| AskError::Refused(bound::dial_error(error)))?;
    check::next_try(bound::next_try(next))
}
