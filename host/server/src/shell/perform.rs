//! Effects, performed; and what signalling, media and flows report, put into the board's words.

use super::legs::{Leg, Legs, Sdp};
use super::notes::Notebook;
use super::values::ValueParts;
use super::writer::Keep;
use super::{BoardHandle, RunKey};
use crate::events::Events;
use crate::holds::Holds;
use crate::prompts::{PromptLibrary, Reported};
use cordboard_core::board::{Effect, Input, LegFailure, LegOffer, LegSource, Refusal, Rehearsal, Rehearse};
use cordboard_core::flow::{Address, Prompt, RejectCause};
use cordboard_core::ids::{AgentId, ContactId, DeploymentName, LegId, LookupId, PlayId, Version};
use cordboard_core::rollout::RolloutStep;
use cordboard_media::{MediaEvent, MediaHandle, PlaySource, SdpError, SessionId};
use cordboard_plugin::{FlowHandle, FlowMessage, FlowStart, PluginHost};
use cordboard_sip::{CallId, Dial, EndCause, Party, SipEvent, SipHandle, Source, Target};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tracing::{debug, error, warn};

/// Performs effects.
pub(crate) struct Performer {
    pub(super) legs: Legs,
    pub(super) flows: BTreeMap<RunKey, Flow>,
    notes: Notebook,
    pub(super) parts: Parts,
    reported: Reported,
    /// Inputs that an effect led to at once.
    pub(super) at_once: VecDeque<Input>,
    /// Everything has ended.
    pub(super) drained: bool,
}

/// A run, and of which version.
pub(super) struct Flow {
    handle: FlowHandle,
    version: Version,
}

/// What effects are performed with.
pub(crate) struct Parts {
    /// Signalling.
    pub sip: SipHandle,
    /// Media.
    pub media: MediaHandle,
    /// Plugins.
    pub plugins: PluginHost,
    /// Versions about to serve.
    pub holds: Holds,
    /// Where flows' calls go.
    pub flow_messages: mpsc::Sender<FlowMessage>,
    /// Recordings.
    pub prompts: Arc<PromptLibrary>,
    /// The live stream.
    pub events: Events,
    /// To the store.
    pub keep: mpsc::UnboundedSender<Keep>,
    /// Back to the board.
    pub board: BoardHandle,
    /// Stored values.
    pub stored: ValueParts,
    /// To who keeps what canaries do by themselves.
    pub rollouts: mpsc::UnboundedSender<(DeploymentName, RolloutStep)>,
}

impl Performer {
    /// A performer with no calls.
    pub(crate) fn new(parts: Parts, notes: Notebook) -> Self {
        Self {
            legs: Legs::default(),
            flows: BTreeMap::new(),
            notes,
            parts,
            reported: Reported::default(),
            at_once: VecDeque::new(),
            drained: false,
        }
    }

    // tidy: long-function: an arm an effect, and nothing else.
    /// Does what the board wants.
    pub(super) fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::StartFlow { contact, run, version, channel, origin, dialled, seed, at, past } => {
                let start = FlowStart { contact, run, channel, origin, dialled, seed, at, past, ask_anew: false };
                let handle = self.parts.plugins.start_flow(version, start, self.parts.flow_messages.clone());
                self.notes.begin(contact);
                self.flows.insert((contact, run), Flow { handle, version });
            }
            Effect::Rehearse(wanted) => self.rehearse(*wanted),
            Effect::RehearseOn { contact, run, past } => {
                if let Some(flow) = self.flows.get(&(contact, run)) {
                    flow.handle.rehearse_on(past);
                }
            }
            Effect::TakeOver { contact, run } => {
                if let Some(flow) = self.flows.get(&(contact, run)) {
                    flow.handle.take_over();
                }
            }
            Effect::ReplyFlow { contact, run, entry, at, reply } => {
                if let Some(flow) = self.flows.get(&(contact, run)) {
                    flow.handle.reply(entry, at, reply);
                }
            }
            Effect::CancelFlow { contact, run } => {
                if let Some(flow) = self.gone((contact, run)) {
                    flow.handle.cancel();
                }
            }
            Effect::RingLeg(leg) => self.with_call(leg, |sip, call| sip.ring(call, None)),
            Effect::AnswerLeg(leg) => self.answer(leg),
            Effect::RejectLeg { leg, refusal } => self.reject(leg, refusal),
            Effect::RedirectLeg { leg, target } => {
                self.with_call(leg, |sip, call| sip.redirect(call, target));
                self.forget(leg);
            }
            Effect::HangUpLeg(leg) => {
                self.with_call(leg, |sip, call| sip.hang_up(call));
                self.forget(leg);
            }
            Effect::CallAgent { leg, agent, contact, origin, timeout_ms } => {
                self.call_agent(leg, agent, contact, &origin, timeout_ms);
            }
            Effect::Bridge(a, b) => {
                if let (Some(first), Some(second)) = (self.session(a), self.session(b))
                    && !self.parts.media.bridge(first, second)
                {
                    // Nobody would hear the other: the agent's side ends, the person's goes on.
                    self.with_call(b, |sip, call| sip.hang_up(call));
                    self.forget(b);
                    self.at_once
                        .push_back(Input::LegEnded { leg: b, fault: Some("the media threads are busy".into()) });
                }
            }
            Effect::Unbridge(a, _) => {
                if let Some(a) = self.session(a) {
                    self.parts.media.unbridge(a);
                }
            }
            Effect::Play { leg, play, prompt, repeat } => self.play(leg, play, &prompt, repeat),
            Effect::StopPlay { leg, .. } => {
                if let Some(session) = self.session(leg) {
                    self.parts.media.stop(session);
                }
            }
            Effect::Lookup { lookup, version, kind, value, timeout_ms, .. } => {
                self.look_up(lookup, version, kind, value, timeout_ms);
            }
            Effect::Fetch(wanted) => super::fetches::fetch(&self.parts, *wanted),
            Effect::LoadValue { ticket, contact, version, key } => {
                super::values::load(&self.parts, contact, ticket, version, key);
            }
            Effect::StoreValue { ticket, contact, version, key, value } => {
                super::values::store(&self.parts, contact, ticket, version, (key, value));
            }
            Effect::Score(request) => super::scoring::score(&self.parts, request),
            Effect::Journal { contact, frame, bytes, sync } => {
                self.keep(Keep::Frame { contact, frame, bytes, sync });
            }
            Effect::KeepDecision(decision) => self.keep(Keep::Decision(decision)),
            Effect::KeepRecord(record) => {
                // Before the record: with it, the contact's key leaves memory.
                self.notes.close(record.id);
                self.keep(Keep::Record(record));
            }
            Effect::Tell(event) => self.parts.events.tell(event),
            // One that is held is looked after by whoever holds it.
            Effect::UnloadVersion(version) => self.parts.holds.unless_held(version, || {
                self.parts.plugins.unload(version);
            }),
            // Nobody takes them any more only when the host ends.
            Effect::RolloutStepped(name, step) => drop(self.parts.rollouts.send((name, *step))),
            Effect::Drained => self.drained = true,
        }
    }

    fn keep(&self, keep: Keep) {
        if self.parts.keep.send(keep).is_err() {
            error!("the writer is gone: a journal frame, decision or record is lost");
        }
    }

    fn rehearse(&mut self, wanted: Rehearse) {
        let Rehearse { contact, run, version, channel, origin, dialled, seed, at, past, ask_anew } = wanted;
        let start = FlowStart { contact, run, channel, origin, dialled, seed, at, past, ask_anew };
        let handle = self.parts.plugins.rehearse(version, start, self.parts.flow_messages.clone());
        self.flows.insert((contact, run), Flow { handle, version });
    }

    /// A run that is over, or is to be dropped: what it used is noted.
    fn gone(&mut self, key: RunKey) -> Option<Flow> {
        let flow = self.flows.remove(&key)?;
        self.notes.used(key.0, flow.version, flow.handle.cost());
        Some(flow)
    }

    /// Asks a directory elsewhere; the board hears of it as `Input::LookedUp`.
    fn look_up(&self, lookup: LookupId, version: Version, kind: String, value: String, timeout_ms: u32) {
        let (plugins, board) = (self.parts.plugins.clone(), self.parts.board.clone());
        tokio::spawn(async move {
            let timeout = Duration::from_millis(timeout_ms.into());
            let result = plugins.lookup(version, &kind, &value, timeout).await;
            // The board has stopped: nobody waits any more.
            let _ = board.tell(Input::LookedUp { lookup, version: Some(version), result }).await;
        });
    }

    fn session(&self, leg: LegId) -> Option<SessionId> {
        self.legs.get(leg).map(|leg| leg.media)
    }

    fn with_call(&self, leg: LegId, act: impl FnOnce(&SipHandle, CallId)) {
        if let Some(leg) = self.legs.get(leg) {
            act(&self.parts.sip, leg.call);
        }
    }

    fn forget(&mut self, leg: LegId) {
        if let Some(leg) = self.legs.remove(leg) {
            self.parts.media.close(leg.media);
        }
    }

    fn answer(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        match std::mem::replace(&mut leg.sdp, Sdp::Agreed) {
            Sdp::AnswerReady(answer) => self.parts.sip.answer(leg.call, answer.into()),
            Sdp::OfferInAnswer => match self.parts.media.create_offer(leg.media) {
                Ok(offer) => {
                    leg.sdp = Sdp::AwaitAnswer;
                    self.parts.sip.answer(leg.call, offer.into());
                }
                Err(cause) => {
                    warn!(%cause, leg = %id, "no offer could be made");
                    self.at_once.push_back(Input::LegEnded { leg: id, fault: Some(cause.to_string()) });
                }
            },
            // Answered already.
            before @ (Sdp::AwaitAnswer | Sdp::AwaitReanswer | Sdp::Agreed) => leg.sdp = before,
        }
    }

    fn reject(&mut self, leg: LegId, refusal: Refusal) {
        let (code, reason, retry_after_s) = match refusal {
            Refusal::Cause(RejectCause::Busy) => (486, "Busy Here", None),
            Refusal::Cause(RejectCause::NotFound) => (404, "Not Found", None),
            Refusal::Cause(RejectCause::Forbidden) => (403, "Forbidden", None),
            Refusal::Cause(RejectCause::Unavailable) => (480, "Temporarily Unavailable", None),
            Refusal::Overloaded { retry_after_s } => (503, "Service Unavailable", Some(retry_after_s)),
        };
        self.with_call(leg, |sip, call| sip.reject(call, code, reason, retry_after_s));
        self.forget(leg);
    }

    fn call_agent(&mut self, leg: LegId, agent: AgentId, contact: ContactId, origin: &Address, timeout_ms: u32) {
        let opened = self.parts.media.open().and_then(|media| {
            self.parts.media.create_offer(media).inspect_err(|_| self.parts.media.close(media)).map(|sdp| (media, sdp))
        });
        let (media, sdp) = match opened {
            Ok(opened) => opened,
            Err(cause) => {
                warn!(%cause, %agent, "no media for an agent's call");
                self.at_once.push_back(Input::LegFailed(leg, LegFailure::Local));
                return;
            }
        };
        let user = origin.number.clone().unwrap_or_else(|| "anonymous".into());
        let call = self.parts.sip.dial(Dial {
            to: Target::Registered(agent.to_string()),
            from: Party { user, host: None, display: origin.display_name.clone() },
            sdp: sdp.into(),
            headers: vec![("X-Cordboard-Contact".into(), contact.to_string())],
            ring_timeout: Duration::from_millis(timeout_ms.into()),
        });
        self.legs.add(leg, Leg { call, media, sdp: Sdp::AwaitAnswer, agent: Some(agent) });
    }

    fn play(&mut self, leg: LegId, play: PlayId, prompt: &Prompt, repeat: bool) {
        let Some(session) = self.session(leg) else { return };
        let rendered = self.parts.prompts.render(prompt);
        if let Some(missing) = self.reported.fresh(rendered.missing) {
            // It may be somebody's name.
            warn!(%leg, "words that nothing is recorded for are left out; DEBUG tells which");
            debug!(%leg, "nothing is recorded for {missing}: it can't be said");
        }
        if rendered.clips.is_empty() {
            self.at_once.push_back(Input::PlayFinished { leg, play });
        } else {
            let taken = self.parts.media.play(session, play.0, PlaySource { clips: rendered.clips, repeat });
            if !taken {
                // Nothing will be heard of it: whoever waits for its end must not wait for ever.
                self.at_once.push_back(Input::PlayFinished { leg, play });
            }
        }
    }

    /// What the media threads report.
    pub(super) fn on_media(&mut self, event: MediaEvent) -> Option<Input> {
        match event {
            MediaEvent::Digit { session, digit, .. } => Some(Input::Digit(self.legs.of_session(session)?, digit)),
            MediaEvent::PlayFinished { session, play, .. } => {
                Some(Input::PlayFinished { leg: self.legs.of_session(session)?, play: PlayId(play) })
            }
            MediaEvent::NoMedia { session } => Some(Input::MediaLost(self.legs.of_session(session)?)),
            MediaEvent::FirstPacket { .. } => None,
            MediaEvent::RecordingFailed { session, .. } => {
                warn!(?session, "a recording failed");
                None
            }
        }
    }

    /// What flows report.
    pub(super) fn on_flow(&mut self, message: FlowMessage) -> Option<Input> {
        match message {
            FlowMessage::Call { contact, run, request } => Some(Input::FlowRequested { contact, run, request }),
            FlowMessage::Ended { contact, run, end, cost, stack } => {
                debug!(%contact, cpu_us = cost.cpu_us, steps = cost.steps, "the flow's run ended");
                if let Some(flow) = self.gone((contact, run)) {
                    self.notes.ended(contact, flow.version, &end, stack);
                }
                Some(Input::FlowEnded { contact, run, end })
            }
            FlowMessage::Rehearsed { contact, run, result, .. } => {
                debug!(%contact, "rehearsed: {result:?}");
                if !matches!(result, Rehearsal::Agreed { .. }) {
                    self.gone((contact, run));
                }
                Some(Input::Rehearsed { contact, run, result })
            }
            FlowMessage::Log { contact, run, level, text } => {
                // Journal rule 20: nobody knows what a flow's author writes here.
                debug!(target: "plugin", %contact, ?level, "flow: {text}");
                if let Some(version) = self.flows.get(&(contact, run)).map(|flow| flow.version) {
                    self.notes.logged(contact, version, level, text);
                }
                None
            }
        }
    }

    /// What the signalling reports.
    pub(super) fn on_sip(&mut self, event: SipEvent) -> Option<Input> {
        match event {
            SipEvent::Incoming { call, source, from, to, offer, .. } => {
                let source = match source {
                    Source::Trunk(name) => LegSource::Trunk(name),
                    Source::Registered(user) => match AgentId::new(user) {
                        Ok(agent) => LegSource::Phone(agent),
                        Err(_) => {
                            self.parts.sip.reject(call, 403, "Forbidden", None);
                            return None;
                        }
                    },
                };
                let media = self.open_for(call, offer.as_deref())?;
                let id = self.legs.next_incoming();
                let (media, sdp) = media;
                self.legs.add(id, Leg { call, media, sdp, agent: None });
                Some(Input::LegOffered(LegOffer { leg: id, origin: address(from), dialled: address(to), source }))
            }
            SipEvent::Ringing { .. } => None,
            SipEvent::Answered { call, sdp } => self.agreed(call, sdp.as_deref()),
            SipEvent::Acknowledged { call, sdp } => self.agreed(call, sdp.as_deref()),
            SipEvent::Failed { call, code, local, .. } => {
                let leg = self.legs.of_call(call)?;
                self.forget(leg);
                let failure = match code {
                    // No registration is the agent's matter, all else of ours is not.
                    503 if local => LegFailure::Local,
                    408 | 487 => LegFailure::NoAnswer,
                    404 | 410 | 500..=599 => LegFailure::Unreachable,
                    _ => LegFailure::Declined,
                };
                Some(Input::LegFailed(leg, failure))
            }
            SipEvent::Cancelled { call } => self.ended(call, None),
            SipEvent::Reoffer { call, offer } => {
                self.reoffer(call, offer.as_deref());
                None
            }
            SipEvent::Ended { call, cause } => self.ended(
                call,
                match cause {
                    EndCause::RemoteBye => None,
                    fault => Some(format!("{fault:?}")),
                },
            ),
            SipEvent::Dtmf { call, digit, .. } => Some(Input::Digit(self.legs.of_call(call)?, digit)),
            SipEvent::Registered { user, .. } => Some(Input::PhoneRegistered(AgentId::new(user).ok()?)),
            SipEvent::Unregistered { user, .. } => Some(Input::PhoneGone(AgentId::new(user).ok()?)),
        }
    }

    fn ended(&mut self, call: CallId, fault: Option<String>) -> Option<Input> {
        let leg = self.legs.of_call(call)?;
        self.forget(leg);
        Some(Input::LegEnded { leg, fault })
    }

    /// Media for an incoming call. A call that can't have any is refused here: there is nothing to decide.
    fn open_for(&mut self, call: CallId, offer: Option<&[u8]>) -> Option<(SessionId, Sdp)> {
        let media = match self.parts.media.open() {
            Ok(media) => media,
            Err(cause) => {
                warn!(%cause, "no media for an incoming call");
                self.parts.sip.reject(call, 503, "Service Unavailable", Some(5));
                return None;
            }
        };
        match offer.map(|offer| self.parts.media.accept_offer(media, offer)) {
            None => Some((media, Sdp::OfferInAnswer)),
            Some(Ok(answer)) => Some((media, Sdp::AnswerReady(answer))),
            Some(Err(cause)) => {
                debug!(%cause, "an offer that can't be answered");
                let (code, reason) = match cause {
                    SdpError::NoCommonCodec => (488, "Not Acceptable Here"),
                    _ => (400, "Bad Session Description"),
                };
                self.parts.sip.reject(call, code, reason, None);
                self.parts.media.close(media);
                None
            }
        }
    }

    /// Answered, or acknowledged: with the SDP that was still missing, if any was.
    fn agreed(&mut self, call: CallId, sdp: Option<&[u8]>) -> Option<Input> {
        let id = self.legs.of_call(call)?;
        let leg = self.legs.get_mut(id)?;
        if matches!(leg.sdp, Sdp::AwaitReanswer) {
            leg.sdp = Sdp::Agreed;
            // The call goes on with what was agreed before.
            if let Some(Err(cause)) = sdp.map(|sdp| self.parts.media.accept_answer(leg.media, sdp)) {
                warn!(%cause, leg = %id, "the answer to our offer in a re-INVITE can't be used");
            }
            return None;
        }
        if matches!(leg.sdp, Sdp::AwaitAnswer) {
            let accepted =
                sdp.ok_or(SdpError::NoCommonCodec).and_then(|sdp| self.parts.media.accept_answer(leg.media, sdp));
            if let Err(cause) = accepted {
                warn!(%cause, leg = %id, "the other side's answer can't be used");
                let (call, called) = (leg.call, leg.agent.is_some());
                self.parts.sip.hang_up(call);
                self.forget(id);
                return Some(if called {
                    Input::LegFailed(id, LegFailure::Declined)
                } else {
                    Input::LegEnded { leg: id, fault: Some(cause.to_string()) }
                });
            }
            leg.sdp = Sdp::Agreed;
        }
        self.parts.media.start(leg.media);
        Some(Input::LegAnswered(id))
    }

    fn reoffer(&mut self, call: CallId, offer: Option<&[u8]>) {
        let Some(leg) = self.legs.of_call(call).and_then(|id| self.legs.get_mut(id)) else { return };
        let answer = match offer {
            Some(offer) => self.parts.media.accept_offer(leg.media, offer).map_err(|cause| cause.to_string()),
            None => self.parts.media.create_offer(leg.media).map_err(|cause| cause.to_string()),
        };
        if offer.is_none() && answer.is_ok() {
            leg.sdp = Sdp::AwaitReanswer;
        }
        match answer {
            Ok(answer) => self.parts.sip.answer_reoffer(call, Some(answer.into())),
            Err(cause) => {
                debug!(cause, "a re-offer that can't be answered");
                self.parts.sip.answer_reoffer(call, None);
            }
        }
    }
}

fn address(party: Party) -> Address {
    let host = party.host.as_deref().unwrap_or("invalid");
    Address {
        uri: format!("sip:{}@{host}", party.user),
        number: (!party.user.is_empty()).then_some(party.user),
        display_name: party.display,
    }
}
