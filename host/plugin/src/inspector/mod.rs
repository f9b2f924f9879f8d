//! Asking inspectors: what is remarkable in a talk, and how the people in it feel.

mod check;

use crate::asked::{Askable, Asked, Picked, Ready};
use crate::bindings::inspector_0_1_0::{self as bound, Inspector, InspectorPre};
use crate::error::AskError;
use crate::guest::Guest;
use crate::web::{Reach, WebRole};
use check::Agreed;
use cordboard_core::ids::ContactId;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::runtime::Handle;
use wasmtime::Store;

/// How bad a finding is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Worth knowing.
    Notice,
    /// For a review.
    Warning,
    /// For a supervisor, today.
    Serious,
    /// For a supervisor, at once.
    Critical,
    /// Treated as a notice, and shown by this name.
    Other(String),
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speaker {
    /// Who called or was called.
    Person,
    /// The agent.
    Agent,
    /// A flow.
    Flow,
    /// Someone else.
    Other(String),
}

/// How a turn sounded, on average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Voice {
    /// In Hz; 0: unvoiced.
    pub pitch_hz: f32,
    /// Its standard deviation.
    pub pitch_deviation_hz: f32,
    /// Relative to full scale.
    pub loudness_db: f32,
    /// Syllables or words; 0: unknown.
    pub rate_per_minute: f32,
    /// How long others were talked over.
    pub overlap_ms: u32,
}

/// What one speaker said before another did.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Its number in the talk, without gaps.
    pub index: u32,
    /// Who.
    pub speaker: Speaker,
    /// Since the contact began.
    pub began_ms: u64,
    /// The same.
    pub ended_ms: u64,
    /// At most 8 KiB.
    pub text: String,
    /// How sure the recogniser is, 0 to 1.
    pub confidence: Option<f32>,
    /// How it sounded.
    pub voice: Option<Voice>,
}

/// A talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talk {
    /// The names of the attributes a contact can have. Keep the same `Arc` as long as nothing changes.
    pub offered: Arc<[String]>,
    /// Which contact.
    pub contact: ContactId,
    /// BCP 47.
    pub language: Option<String>,
    /// Which queue it came through.
    pub queue: Option<String>,
    /// Which agent talks.
    pub agent: Option<String>,
    /// One for each name in `offered`.
    pub attributes: Vec<Option<String>>,
}

/// Something an inspector looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectRule {
    /// Names it.
    pub id: String,
    /// For people.
    pub title: String,
}

/// Something remarkable.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The id of a rule the inspector named.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// The number of a turn that was given.
    pub turn: u32,
    /// Where in its text: first byte, and the one after the last.
    pub span: Option<(u32, u32)>,
    /// 0 to 1.
    pub confidence: f32,
    /// For reviewers.
    pub note: Option<String>,
    /// For the agent, now.
    pub prompt: Option<String>,
}

/// How someone feels.
#[derive(Clone, Debug, PartialEq)]
pub struct Emotion {
    /// Who.
    pub speaker: Speaker,
    /// One for each of the names in [`Inspection::emotion_names`], -1 to 1.
    pub numbers: Vec<f32>,
}

/// What new turns gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// What was found.
    pub findings: Vec<Finding>,
    /// What an emotion's numbers mean.
    pub emotion_names: Arc<[String]>,
    /// At most one for each speaker.
    pub emotions: Vec<Emotion>,
}

/// A talk as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The parts of its score, by name, 0 to 100; none where one doesn't apply.
    pub parts: Vec<(String, Option<f32>)>,
    /// All that was found.
    pub findings: Vec<Finding>,
    /// The rules that findings name.
    pub rules: Arc<[InspectRule]>,
    /// A person should review it.
    pub review: bool,
    /// What it was about.
    pub text: Option<String>,
}

/// The inspector's world.
pub(crate) struct InspectorWorld {
    pub(crate) pre: InspectorPre<Guest<WebRole>>,
    pub(crate) reach: Arc<Reach>,
}

/// An inspector version.
pub(crate) type InspectorProgram = Asked<InspectorWorld>;

/// An instance, and what it wants to see and say.
pub(crate) struct Configured {
    inspector: Inspector,
    attributes: Picked,
    agreed: Agreed,
}

impl Askable for InspectorWorld {
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
            let inspector = self.pre.instantiate_async(&mut *store).await?;
            let selection = inspector.cordboard_inspector_guest().call_configure(store, offered).await?;
            Ok(selection.map_err(bound::configure_error).and_then(|selection| {
                let attributes = check::attributes(offered, &selection.attributes)?;
                Ok(Configured { inspector, attributes, agreed: Agreed::new(selection)? })
            }))
        })
    }
}

impl InspectorProgram {
    pub(crate) async fn inspect(
        self: Arc<Self>,
        runtime: &Handle,
        wall_ms: u32,
        talk: Talk,
        turns: Vec<Turn>,
        first_new: u32,
    ) -> Result<Inspection, AskError> {
        check::input(&talk, &turns, check::LIVE)?;
        let offer = Arc::clone(&talk.offered);
        self.ask(runtime, wall_ms, offer, move |ready| Box::pin(inspect(ready, talk, turns, first_new))).await
    }

    pub(crate) async fn summarise(
        self: Arc<Self>,
        runtime: &Handle,
        wall_ms: u32,
        talk: Talk,
        turns: Vec<Turn>,
        told: Vec<Finding>,
    ) -> Result<Summary, AskError> {
        check::input(&talk, &turns, check::WHOLE)?;
        let offer = Arc::clone(&talk.offered);
        self.ask(runtime, wall_ms, offer, move |ready| Box::pin(summarise(ready, talk, turns, told))).await
    }
}

async fn inspect(
    ready: &mut Ready<InspectorWorld>,
    talk: Talk,
    turns: Vec<Turn>,
    first_new: u32,
) -> Result<Inspection, AskError> {
    let configured = Arc::clone(&ready.instance);
    let about = bound::talk(&talk, configured.attributes.of(&talk.attributes));
    let given: Vec<_> = turns.iter().map(bound::turn).collect();
    let inspected = ready.call(move |store, of| {
        Box::pin(async move {
            of.inspector.cordboard_inspector_guest().call_inspect(store, &about, &given, first_new).await
        })
    });
    let said = inspected.await?.map_err(|error| AskError::Refused(bound::inspect_error(error)))?;
    configured.agreed.inspection(said, &turns)
}

async fn summarise(
    ready: &mut Ready<InspectorWorld>,
    talk: Talk,
    turns: Vec<Turn>,
    told: Vec<Finding>,
) -> Result<Summary, AskError> {
    let configured = Arc::clone(&ready.instance);
    let about = bound::talk(&talk, configured.attributes.of(&talk.attributes));
    let given: Vec<_> = turns.iter().map(bound::turn).collect();
    let told: Vec<_> = told.iter().map(bound::told).collect();
    let summed = ready.call(move |store, of| {
        Box::pin(
            async move { of.inspector.cordboard_inspector_guest().call_summarise(store, &about, &given, &told).await },
        )
    });
    let said = summed.await?.map_err(|error| AskError::Refused(bound::inspect_error(error)))?;
    configured.agreed.summary(said, &turns)
}
