//! Callers and agents' phones.

use super::Centre;
use super::agenda::{CallerAct, Happening, PhoneAct};
use cordboard_core::agent::WantedState;
use cordboard_core::board::{Input, LegFailure, LegOffer, LegSource};
use cordboard_core::flow::Address;
use cordboard_core::ids::{AgentId, LegId, PlayId};

/// A call, as whoever is at the other end has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    answered: bool,
    over: bool,
    playing: Option<PlayId>,
}

impl Line {
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }
}

impl Centre<'_> {
    pub(super) fn arrive(&mut self) -> Input {
        self.legs += 1;
        self.arrived += 1;
        let leg = LegId(self.legs);
        let random = &mut self.random;
        let patience = 20 + random.exponential(self.plan.patience_ms);
        let entry = if random.chance(20) { 9 } else { random.between(1, 3) };
        let number = if random.chance(5) { "112".to_owned() } else { format!("{entry}00{}", random.below(10)) };
        let address = |number: String, name: Option<String>| Address {
            uri: format!("sip:{number}@example.net"),
            number: Some(number),
            display_name: name,
        };
        let caller = random.below(100_000);
        let origin = address(format!("+4930{caller:05}"), random.chance(300).then(|| "Zoë".into()));
        let leaves = if random.chance(self.plan.faults.lines) { CallerAct::Break } else { CallerAct::HangUp };
        self.lines.insert(leg, Line::default());
        self.note(patience, Happening::Caller(leg, leaves));
        if self.arrived < self.plan.contacts {
            let next = self.random.exponential(self.plan.arrival_ms);
            self.note(next, Happening::Arrive);
        } else {
            let rest = self.random.exponential(self.plan.patience_ms);
            self.note(rest, Happening::Drain);
        }
        let source = LegSource::Trunk("trunk".into());
        Input::LegOffered(LegOffer { leg, origin, dialled: address(number, None), source })
    }

    pub(super) fn caller_acts(&mut self, leg: LegId, act: CallerAct) -> Option<Input> {
        let line = self.lines.get_mut(&leg).filter(|line| !line.over)?;
        match act {
            CallerAct::Acknowledge => {
                line.answered = true;
                Some(Input::LegAnswered(leg))
            }
            CallerAct::HangUp | CallerAct::Break => {
                line.over = true;
                let fault = matches!(act, CallerAct::Break).then(|| "no answer to a BYE".into());
                Some(Input::LegEnded { leg, fault })
            }
            CallerAct::LoseMedia => Some(Input::MediaLost(leg)),
            CallerAct::Press(key) => line.answered.then_some(Input::Digit(leg, key)),
            // What was replaced or stopped may end late: that is ignored.
            CallerAct::Heard(play) => {
                line.playing.take_if(|playing| *playing == play);
                Some(Input::PlayFinished { leg, play })
            }
        }
    }

    pub(super) fn caller_answered(&mut self, leg: LegId) {
        if self.random.chance(self.plan.faults.lines) {
            return;
        }
        let delay = self.random.between(5, 300);
        self.note(delay, Happening::Caller(leg, CallerAct::Acknowledge));
        if self.random.chance(self.plan.faults.lines) {
            let later = self.random.exponential(30_000);
            self.note(later, Happening::Caller(leg, CallerAct::LoseMedia));
        }
    }

    /// Something plays to a caller, who may press keys upon it.
    pub(super) fn plays(&mut self, leg: LegId, play: PlayId, length_ms: u64, repeat: bool) {
        let Some(line) = self.lines.get_mut(&leg) else { return };
        line.playing = Some(play);
        if repeat {
            return;
        }
        // Now and then nobody tells that it ended.
        if !self.random.chance(self.plan.faults.lines / 4) {
            self.note(length_ms, Happening::Caller(leg, CallerAct::Heard(play)));
        }
        if self.random.chance(600) {
            let mut at = self.random.between(100, length_ms + 4_000);
            for _ in 0..self.random.one([1, 1, 1, 3, 6]).unwrap_or(1) {
                let key = self.random.one(['0', '0', '1', '1', '2', '7', '*', '#', 'A']).unwrap_or('0');
                self.note(at, Happening::Caller(leg, CallerAct::Press(key)));
                at += self.random.between(50, 1_500);
            }
        }
    }

    pub(super) fn play_stopped(&mut self, leg: LegId, play: PlayId) {
        if let Some(line) = self.lines.get_mut(&leg) {
            line.playing.take_if(|playing| *playing == play);
            if self.random.chance(300) {
                let late = self.random.below(40);
                self.note(late, Happening::Caller(leg, CallerAct::Heard(play)));
            }
        }
    }

    /// The board ended a call.
    pub(super) fn line_over(&mut self, leg: LegId) {
        if let Some(line) = self.lines.get_mut(&leg) {
            line.over = true;
        }
    }

    pub(super) fn phone_rings(&mut self, leg: LegId, agent: &AgentId, timeout_ms: u32) {
        self.lines.insert(leg, Line::default());
        let random = &mut self.random;
        let (act, delay) = if !self.registered.contains(agent) {
            (PhoneAct::Unreachable, random.between(0, 100))
        } else if random.chance(self.plan.faults.phones) {
            match random.below(5) {
                0 => (PhoneAct::Decline, random.between(500, 5_000)),
                1 => (PhoneAct::Unreachable, random.between(0, 8_000)),
                3 => (PhoneAct::Stall, random.between(0, 20)),
                // About when the board gives up as well.
                2 => (PhoneAct::GiveUp, u64::from(timeout_ms).saturating_sub(20) + random.below(40)),
                _ => return,
            }
        } else {
            (PhoneAct::PickUp, random.between(300, 12_000))
        };
        self.note(delay, Happening::Phone(leg, act));
    }

    pub(super) fn phone_acts(&mut self, leg: LegId, act: PhoneAct) -> Option<Input> {
        let line = self.lines.get_mut(&leg).filter(|line| !line.over)?;
        let failure = match act {
            PhoneAct::PickUp => {
                line.answered = true;
                self.talk_begins(leg);
                return Some(Input::LegAnswered(leg));
            }
            PhoneAct::LoseMedia => return Some(Input::MediaLost(leg)),
            PhoneAct::HangUp | PhoneAct::Break => {
                line.over = true;
                let fault = matches!(act, PhoneAct::Break).then(|| "session expired".into());
                return Some(Input::LegEnded { leg, fault });
            }
            PhoneAct::GiveUp => LegFailure::NoAnswer,
            PhoneAct::Decline => LegFailure::Declined,
            PhoneAct::Unreachable => LegFailure::Unreachable,
            PhoneAct::Stall => LegFailure::Local,
        };
        line.over = true;
        Some(Input::LegFailed(leg, failure))
    }

    fn talk_begins(&mut self, leg: LegId) {
        let talk = 100 + self.random.exponential(self.plan.talk_ms);
        let act = match self.random.chance(self.plan.faults.phones / 4) {
            true if self.random.chance(500) => PhoneAct::LoseMedia,
            true => PhoneAct::Break,
            false => PhoneAct::HangUp,
        };
        self.note(talk, Happening::Phone(leg, act));
    }

    /// An agent comes, goes, or wants something; and again later.
    pub(super) fn agent_moves(&mut self, agent: AgentId) -> Input {
        if !self.drained {
            let next = self.random.exponential(if self.registered.contains(&agent) { 120_000 } else { 15_000 });
            self.note(next, Happening::Agent(agent.clone()));
        }
        if !self.registered.contains(&agent) {
            // Wanted before the phone is there.
            if self.random.chance(200) {
                return Input::AgentWants(agent, WantedState::Ready);
            }
            self.registered.insert(agent.clone());
            return Input::PhoneRegistered(agent);
        }
        match self.random.below(12) {
            0 => {
                self.registered.remove(&agent);
                Input::PhoneGone(agent)
            }
            1 => Input::AgentWants(agent, WantedState::NotReady { reason: "break".into() }),
            2 => Input::AgentWants(agent, WantedState::SignedOut),
            3 => Input::PhoneRegistered(agent),
            _ => Input::AgentWants(agent, WantedState::Ready),
        }
    }
}
