//! What the script lets the caller and others do.

use super::agenda::Coming;
use super::{CALLER, Drive};
use crate::language::{Pairs, Step};
use crate::moment::{Happened, Who};
use cordboard_core::agent::WantedState;
use cordboard_core::board::Input;

/// Between two keys, as a phone sends them.
const KEY_MS: u64 = 200;

impl Drive<'_> {
    /// What was to be done is done.
    pub(super) fn deed_done(&mut self) {
        self.busy = false;
        let now_ms = self.since_ms();
        self.course.done(now_ms);
    }

    pub(super) fn hang_up(&mut self) {
        self.happened(Happened::Deed(Who::Caller, "hangs up".into()));
        self.agenda.drop_call(CALLER);
        self.plays = None;
        self.gone = true;
        // Done before its consequences: the end of the conversation is one.
        self.deed_done();
        self.give(Input::LegEnded { leg: CALLER, fault: None });
    }

    /// Does a step of the script, or begins to.
    pub(super) fn deed(&mut self, step: &Step) {
        let says = |who: Who| Happened::Deed(who, step.to_string());
        match step {
            Step::Presses(keys) => {
                self.happened(says(Who::Caller));
                self.busy = true;
                let last = keys.0.chars().count().saturating_sub(1);
                for (at, key) in keys.0.chars().enumerate() {
                    let when = self.now.plus_ms(KEY_MS * at as u64);
                    self.agenda.note(when, Coming::Key(key, at == last));
                }
            }
            Step::Silent(span) => {
                self.happened(says(Who::Caller));
                self.busy = true;
                self.agenda.note(self.now.plus_ms(span.0), Coming::Silence);
            }
            Step::Listens => {
                self.busy = true;
                self.listening = true;
            }
            Step::HangsUp => self.hang_up(),
            Step::AgentReady(agent) => self.agent_wants(agent.clone(), WantedState::Ready, step),
            Step::AgentNotReady(agent) => {
                self.agent_wants(agent.clone(), WantedState::NotReady { reason: "script".into() }, step);
            }
            Step::AgentHangsUp => match self.talk.take() {
                Some(leg) => {
                    self.happened(says(Who::Agent));
                    self.agenda.drop_call(leg);
                    self.deed_done();
                    self.give(Input::LegEnded { leg, fault: None });
                }
                None => self.course.wrong("no agent talks with the caller".into()),
            },
            Step::OperatorSets(Pairs(pairs)) => {
                self.happened(says(Who::Operator));
                self.deed_done();
                self.operator_sets = true;
                for (name, value) in pairs {
                    if let Some(contact) = self.caller {
                        let (name, value) = (name.clone(), value.clone());
                        self.give(Input::SetAttribute { contact, name, value });
                    }
                }
                self.operator_sets = false;
            }
            Step::OperatorEnds => {
                self.happened(says(Who::Operator));
                self.deed_done();
                if let Some(contact) = self.caller {
                    self.give(Input::EndContact(contact));
                }
            }
            Step::QueueCloses(queue) => {
                self.happened(says(Who::Operator));
                self.deed_done();
                self.give(Input::RemoveQueue(queue.clone()));
            }
            // No deeds: nothing asks for them here.
            _ => self.deed_done(),
        }
    }

    fn agent_wants(&mut self, agent: cordboard_core::ids::AgentId, wanted: WantedState, step: &Step) {
        self.happened(Happened::Deed(Who::Agent, step.to_string()));
        self.deed_done();
        self.give(Input::AgentWants(agent, wanted));
    }
}
