//! What the board wants, done as the script has it.

use super::agenda::Coming;
use super::{CALLER, Drive};
use crate::language::{LookupFails, Manner, Person, Row, ValuesFail, default_directory};
use crate::moment::Happened;
use cordboard_core::board::{Effect, Input, LegFailure, Rehearsal};
use cordboard_core::flow::{LookupError, Profile, Prompt, Request, RunEnd, ValueError};
use cordboard_core::ids::{AgentId, DeploymentName, LegId, LookupId, PlayId};
use cordboard_core::record::ContactRecord;
use cordboard_plugin::FlowStart;

/// What is said of failures for people.
pub(super) const AS_WRITTEN: &str = "as the script has it";
/// A directory answers so soon, unless the script says otherwise.
const LOOKUP_MS: u64 = 50;
/// Those who waited before the caller talk for so long, where the agent wouldn't hang up.
const OTHERS_TALK_MS: u64 = 60_000;

impl Drive<'_> {
    // tidy: long-function: an arm an effect, and nothing else.
    pub(super) fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::StartFlow { contact, run, version, channel, origin, dialled, seed, at, past } => {
                if let Some(Request::ContinueAs { deployment, .. }) = self.called.take() {
                    self.happened(Happened::ContinuesAs(deployment));
                }
                let start = FlowStart { contact, run, channel, origin, dialled, seed, at, past, ask_anew: false };
                let handle = self.stage.host.start_flow(version, start, self.sender.clone());
                self.flows.insert((contact, run), handle);
                self.computing.insert((contact, run));
            }
            // Nothing is deployed while a script is played.
            Effect::Rehearse(wanted) => self.at_once.push_back(Input::Rehearsed {
                contact: wanted.contact,
                run: wanted.run,
                result: Rehearsal::Failed(RunEnd::NotStarted("a script rehearses nothing".into())),
            }),
            Effect::RehearseOn { .. } | Effect::TakeOver { .. } => {}
            Effect::ReplyFlow { contact, run, entry, at, reply } => {
                if self.flows.contains_key(&(contact, run)) {
                    self.replied(&reply);
                }
                if let Some(flow) = self.flows.get(&(contact, run)) {
                    flow.reply(entry, at, reply);
                    self.computing.insert((contact, run));
                }
            }
            Effect::CancelFlow { contact, run } => {
                self.computing.remove(&(contact, run));
                if let Some(flow) = self.flows.remove(&(contact, run)) {
                    flow.cancel();
                }
            }
            Effect::RingLeg(leg) => {
                if leg == CALLER {
                    self.happened(Happened::Rings);
                }
            }
            Effect::AnswerLeg(leg) => self.at_once.push_back(Input::LegAnswered(leg)),
            Effect::RejectLeg { leg, .. } | Effect::RedirectLeg { leg, .. } | Effect::HangUpLeg(leg) => self.over(leg),
            Effect::CallAgent { leg, agent, timeout_ms, .. } => self.agent_rings(leg, agent, timeout_ms),
            Effect::Bridge(a, b) => self.bridge(a, b),
            Effect::Unbridge(..) => {}
            Effect::Play { leg, play, prompt, repeat } => self.plays(leg, play, &prompt, repeat),
            Effect::StopPlay { leg, .. } => {
                self.agenda.drop_play(leg);
                if leg == CALLER {
                    self.plays = None;
                }
            }
            Effect::Lookup { lookup, directory, kind, value, .. } => self.look_up(lookup, &directory, &kind, &value),
            Effect::Fetch(wanted) => self.fetch(*wanted),
            Effect::LoadValue { ticket, contact, key, .. } => {
                let result = match (self.case.values_fail, &self.case.values) {
                    (Some(ValuesFail::NotGranted), _) | (None, None) => Err(ValueError::NotGranted),
                    (Some(ValuesFail::Unavailable), _) => Err(ValueError::Unavailable(AS_WRITTEN.into())),
                    (Some(ValuesFail::Quota), _) | (None, Some(_)) => Ok(self.values.get(&key).cloned()),
                };
                self.at_once.push_back(Input::ValueLoaded { contact, ticket, result });
            }
            Effect::StoreValue { ticket, contact, key, value, .. } => {
                let result = self.store(key, value);
                self.at_once.push_back(Input::ValueStored { contact, ticket, result });
            }
            // No queue has a scorer: the longest idle agent is taken.
            Effect::Score(_) => {}
            Effect::Journal { contact, frame, sync, .. } => {
                if sync {
                    self.at_once.push_back(Input::JournalDurable { contact, frame });
                }
            }
            Effect::KeepRecord(record) => self.keep(*record),
            Effect::Tell(event) => self.tell(event),
            Effect::KeepDecision(_) | Effect::RolloutStepped(..) | Effect::UnloadVersion(_) | Effect::Drained => {}
        }
    }

    fn keep(&mut self, record: ContactRecord) {
        if self.caller == Some(record.id) {
            self.attributes = record.attributes;
        }
    }

    /// A call is over.
    fn over(&mut self, leg: LegId) {
        self.agenda.drop_call(leg);
        self.phones.remove(&leg);
        if leg == CALLER {
            self.plays = None;
            self.gone = true;
        }
        if self.talk == Some(leg) {
            self.talk = None;
        }
    }

    fn agent_rings(&mut self, leg: LegId, agent: AgentId, timeout_ms: u32) {
        let manner = self.case.agents.iter().find(|plan| plan.agent.id == agent).map(|plan| plan.manner);
        let (after_ms, input) = match manner {
            Some(Manner::Answers { after_ms, .. }) => (after_ms, Input::LegAnswered(leg)),
            Some(Manner::Rejects { after_ms }) => (after_ms, Input::LegFailed(leg, LegFailure::Declined)),
            Some(Manner::Ignores) => (u64::from(timeout_ms), Input::LegFailed(leg, LegFailure::NoAnswer)),
            None => (0, Input::LegFailed(leg, LegFailure::Unreachable)),
        };
        self.phones.insert(leg, agent);
        self.agenda.note(self.now.plus_ms(after_ms), Coming::OfCall(leg, Box::new(input)));
    }

    fn bridge(&mut self, person: LegId, agent: LegId) {
        let id = self.phones.get(&agent);
        let manner = self.case.agents.iter().find(|plan| Some(&plan.agent.id) == id).map(|plan| plan.manner);
        let talks_ms = match manner {
            Some(Manner::Answers { talks_ms, .. }) => talks_ms,
            Some(Manner::Rejects { .. } | Manner::Ignores) | None => None,
        };
        let talks_ms = if person == CALLER {
            self.talk = Some(agent);
            talks_ms
        } else {
            talks_ms.or(Some(OTHERS_TALK_MS))
        };
        if let Some(ms) = talks_ms {
            let ended = Input::LegEnded { leg: agent, fault: None };
            self.agenda.note(self.now.plus_ms(ms), Coming::OfCall(agent, Box::new(ended)));
        }
    }

    fn plays(&mut self, leg: LegId, play: PlayId, prompt: &Prompt, repeat: bool) {
        self.agenda.drop_play(leg);
        if leg != CALLER {
            // Nobody listens to those who wait before the caller.
            if !repeat {
                self.at_once.push_back(Input::PlayFinished { leg, play });
            }
            return;
        }
        let spoken = self.stage.speech.spoken(prompt);
        for missing in spoken.missing {
            if self.reported.insert(missing.clone()) {
                self.happened(Happened::Note(format!("nothing is recorded for {missing}: it can't be said")));
            }
        }
        self.plays = Some(!repeat);
        if !repeat {
            self.agenda.note(self.now.plus_ms(spoken.ms), Coming::PlayOver(leg, play));
        }
    }

    fn look_up(&mut self, lookup: LookupId, directory: &DeploymentName, kind: &str, value: &str) {
        let default = default_directory();
        let fits = |row: &Row, times: u32| {
            row.directory.as_ref().or(default.as_ref()) == Some(directory)
                && row.kind.as_ref().is_none_or(|wanted| wanted.fits(kind))
                && row.value.as_ref().is_none_or(|wanted| wanted.fits(value))
                && row.times.is_none_or(|most| times < most)
        };
        let rows = self.case.directory.as_deref().unwrap_or_default().iter().zip(&mut self.answered);
        let mut row = None;
        for (candidate, times) in rows {
            if fits(candidate, *times) {
                *times += 1;
                row = Some(candidate);
                break;
            }
        }
        let after_ms = row.and_then(|row| row.after).map(|after| after.0);
        let result = match row.map(|row| (row.fails, &row.answers)) {
            // Nothing is ever heard of it.
            Some((Some(LookupFails::Timeout), _)) if after_ms.is_none() => return,
            Some((Some(fails), _)) => Err(failure(fails)),
            Some((None, Some(person))) => Ok(Some(profile(person))),
            Some((None, None)) | None => Ok(None),
        };
        let input = Input::LookedUp { lookup, version: None, result };
        self.agenda.note(self.now.plus_ms(after_ms.unwrap_or(LOOKUP_MS)), Coming::Input(Box::new(input)));
    }

    fn store(&mut self, key: String, value: Option<String>) -> Result<(), ValueError> {
        match (self.case.values_fail, &self.case.values) {
            (Some(ValuesFail::NotGranted), _) | (None, None) => return Err(ValueError::NotGranted),
            (Some(ValuesFail::Unavailable), _) => return Err(ValueError::Unavailable(AS_WRITTEN.into())),
            (Some(ValuesFail::Quota), _) => return Err(ValueError::Quota),
            (None, Some(_)) => {}
        }
        match value {
            Some(value) => self.values.insert(key, value),
            None => self.values.remove(&key),
        };
        Ok(())
    }
}

fn failure(fails: LookupFails) -> LookupError {
    let text = || AS_WRITTEN.to_owned();
    match fails {
        LookupFails::Timeout => LookupError::Timeout,
        LookupFails::Busy => LookupError::Busy,
        LookupFails::Unavailable => LookupError::Unavailable(text()),
        LookupFails::Unsupported => LookupError::Unsupported(text()),
    }
}

fn profile(person: &Person) -> Profile {
    Profile {
        id: person.id.clone(),
        display_name: person.name.clone(),
        fields: person.fields.as_ref().map_or_else(Vec::new, |fields| fields.0.clone()),
    }
}
