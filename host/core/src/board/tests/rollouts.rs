//! Canaries on the board (journal rule 18): who gets one, and when it goes on or back.

use super::*;
use crate::board::Rehearsal;
use crate::board::rollouts::STEPS_EVERY_MS;
use crate::flow::{Choice, LookupError, LookupKey, Question, TypeAhead};
use crate::rollout::{
    Condition, Figure, Guard, Measure, Plan, Rollout, RolloutStep, Rule, Share, Stage, Stepped, Sticky, Until, Verdict,
};

fn share(percent: u16) -> Share {
    Share::new(percent * 100).unwrap()
}

fn figure(figure: Figure) -> Guard {
    Guard { measure: Measure::Figure(figure), margin: Share::NONE, most: None, minimum: 4 }
}

/// A canary for callers that begin with 777, and for nobody else.
fn canary(id: u64, n: u8, guards: Vec<Guard>) -> Rollout {
    let rule =
        |caller: &str, then| Rule { when: Condition { caller: Some(caller.into()), ..Condition::default() }, then };
    Rollout {
        id,
        version: version(n),
        plan: Plan {
            sticky: Sticky::Contact,
            rules: vec![rule("777*", Verdict::Canary), rule("*", Verdict::Stable)],
            stages: vec![Stage { share: share(5), until: None }],
            guards,
            window_ms: 600_000,
            false_alarms: share(1),
        },
        stage: 0,
        since: Timestamp::from_ms(1_700_000_000_000),
    }
}

/// A canary whose stages are short and whose guards are easily alarmed.
fn trying(what: u8, n: u8) -> Rollout {
    let guard =
        |figure| Guard { measure: Measure::Figure(figure), margin: Share::NONE, most: Share::new(1), minimum: 1 };
    let until = Some(Until { after_ms: 2_000, contacts: 1 });
    Rollout {
        id: u64::from(what),
        version: version(n),
        plan: Plan {
            sticky: Sticky::Caller,
            rules: vec![],
            stages: vec![Stage { share: Share::new(5_000).unwrap(), until }, Stage { share: Share::ALL, until }],
            guards: if what & 64 == 0 { vec![guard(Figure::Traps), guard(Figure::HangUps)] } else { vec![] },
            window_ms: 60_000,
            false_alarms: Share::ALL,
        },
        stage: usize::from(what & 1),
        since: Timestamp::from_ms(1_700_000_000_000),
    }
}

/// A deployment with such a canary.
pub(super) fn tried(what: u8) -> Deployment {
    let (deployment, n) = match what % 4 {
        0 => (deployment("scorer", World::Scorer, 4), 9),
        1 => (deployment("bank", World::Crm, 5), 3),
        _ => (Deployment { previous: Some(version(1)), ..deployment("reception", World::Flow, 2) }, 8),
    };
    Deployment { rollout: Some(Box::new(trying(what, n))), ..deployment }
}

fn with(rollout: Rollout) -> Deployment {
    Deployment { rollout: Some(Box::new(rollout)), ..deployment("reception", World::Flow, 1) }
}

fn menu() -> Request {
    Request::Ask(Question {
        id: "menu".into(),
        prompt: text("?"),
        choices: vec![Choice { id: "balance".into(), key: Some('1'), words: vec![] }],
        digits: None,
        silence_timeout_ms: 5_000,
        key_timeout_ms: 2_000,
        type_ahead: TypeAhead::Keep,
        secret: false,
    })
}

impl Desk {
    /// A call, answered, in the menu; and which version serves it.
    fn asks(&mut self, from: &str) -> (Call, Version) {
        self.taken();
        let leg = self.offer_leg(from, "100");
        let started = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::StartFlow { contact, run, version, .. } => Some((*contact, *run, *version)),
            _ => None,
        });
        let (id, run, version) = started.expect("a flow was started");
        let call = Call { id, leg, run };
        self.request(call, Request::Answer);
        self.give(Input::LegAnswered(leg));
        assert_eq!(self.request(call, menu()), None);
        (call, version)
    }

    /// The menu is answered, and the flow ends.
    fn ends_well(&mut self, call: Call) {
        self.give(Input::Digit(call.leg, '1'));
        self.returns(call, FlowEnd::Completed);
    }

    fn steps(&self) -> Vec<RolloutStep> {
        let steps = self.effects.iter().filter_map(|effect| match effect {
            Effect::RolloutStepped(_, step) => Some((**step).clone()),
            _ => None,
        });
        steps.collect()
    }

    fn serving(&self) -> Deployment {
        self.board
            .deployments()
            .into_iter()
            .find(|view| view.deployment.name.as_str() == "reception")
            .unwrap()
            .deployment
    }

    fn settle_stable(&mut self, contacts: usize) {
        for _ in 0..contacts {
            let (call, chosen) = self.asks("555");
            assert_eq!(chosen, version(1));
            self.ends_well(call);
        }
    }
}

#[test]
fn a_canary_that_traps_is_taken_back_and_its_callers_go_on_with_what_is_stable() {
    let mut desk = Desk::new();
    desk.give(Input::PutDeployment(with(canary(1, 2, vec![figure(Figure::Traps), figure(Figure::HangUps)]))));
    desk.settle_stable(60);
    let (parked, chosen) = desk.asks("7770");
    assert_eq!(chosen, version(2));
    let mut trapped = 0;
    while desk.serving().rollout.is_some() {
        let (call, _) = desk.asks("777");
        desk.give(Input::Digit(call.leg, '1'));
        desk.taken();
        desk.fails(call, RunEnd::Trap("unreachable".into()));
        trapped += 1;
        // The predecessor is what the canary is tried beside, though it never served before it.
        let resumed = desk.effects.iter().any(|effect| {
            matches!(effect, Effect::StartFlow { contact, version: v, past, .. }
                if *contact == call.id && *v == version(1) && !past.is_empty())
        });
        assert!(resumed, "nobody is dropped");
        assert!(trapped < 10, "it is never taken back");
    }
    assert!(trapped <= 8, "{trapped}");
    let steps = desk.steps();
    let [RolloutStep { rollout: 1, what: Stepped::RolledBack(breach), watched, .. }] = &steps[..] else {
        panic!("{steps:?}")
    };
    assert_eq!(breach.measure, Measure::Figure(Figure::Traps));
    assert_eq!((watched.canary_contacts, watched.stable_contacts), (trapped + 1, 60));
    // Whoever waits goes back where it agrees.
    let rehearsal = desk.effects.iter().find_map(|effect| match effect {
        Effect::Rehearse(wanted) => Some((wanted.contact, wanted.run, wanted.version)),
        _ => None,
    });
    let (contact, run, to) = rehearsal.expect("a rehearsal");
    assert_eq!((contact, to), (parked.id, version(1)));
    let entry = desk.last_entry(parked);
    let agreed = Rehearsal::Agreed { entry, request: menu() };
    desk.give(Input::Rehearsed { contact, run, result: agreed });
    assert!(desk.wanted(|effect| matches!(effect, Effect::TakeOver { .. })));
    let (_, chosen) = desk.asks("777");
    assert_eq!(chosen, version(1), "new ones get what is stable");
    // A document that was on its way doesn't bring it back; a new attempt is one.
    desk.give(Input::PutDeployment(with(canary(1, 2, vec![]))));
    assert_eq!(desk.serving().rollout, None);
    desk.give(Input::PutDeployment(with(canary(2, 2, vec![]))));
    assert!(desk.serving().rollout.is_some());
}

#[test]
fn a_canary_that_annoys_is_taken_back_by_who_hangs_up_where() {
    let mut desk = Desk::new();
    let in_menu = Guard { measure: Measure::HangUpsIn("menu".into()), ..figure(Figure::HangUps) };
    desk.give(Input::PutDeployment(with(canary(1, 2, vec![in_menu]))));
    desk.settle_stable(60);
    for n in 0.. {
        let (call, _) = desk.asks("777");
        desk.hang_up(call.leg);
        desk.fails(call, RunEnd::GuestError("gone".into()));
        if desk.serving().rollout.is_none() {
            break;
        }
        assert!(n < 10, "it is never taken back");
    }
    let steps = desk.steps();
    let Some(RolloutStep { what: Stepped::RolledBack(breach), .. }) = steps.last() else { panic!("{steps:?}") };
    assert!(breach.to_string().starts_with("hang-ups in `menu`: "), "{breach}");
}

#[test]
fn a_canary_that_is_slow_is_taken_back_by_its_steps() {
    let mut desk = Desk::new();
    let slow = Guard { measure: Measure::SlowSteps { factor_tenths: 20, at_least_ms: 50 }, ..figure(Figure::Traps) };
    desk.give(Input::PutDeployment(with(canary(1, 2, vec![slow]))));
    desk.settle_stable(60);
    for n in 0.. {
        let (call, _) = desk.asks("777");
        desk.give(Input::Digit(call.leg, '1'));
        desk.now = desk.now.plus_ms(300);
        assert_eq!(desk.request(call, Request::Say(text("hm"))), None);
        desk.hang_up(call.leg);
        desk.fails(call, RunEnd::GuestError("gone".into()));
        if desk.serving().rollout.is_none() {
            break;
        }
        assert!(n < 10, "it is never taken back");
    }
}

#[test]
fn a_canary_that_hangs_is_taken_back_before_any_of_its_steps_is_over() {
    let mut desk = Desk::new();
    let slow = Guard { measure: Measure::SlowSteps { factor_tenths: 20, at_least_ms: 50 }, ..figure(Figure::Traps) };
    desk.give(Input::PutDeployment(with(canary(1, 2, vec![slow]))));
    desk.settle_stable(60);
    let hanging: Vec<Call> = (0..6).map(|_| desk.asks("777").0).collect();
    let asked_at = desk.now;
    hanging.iter().for_each(|call| desk.give(Input::Digit(call.leg, '1')));
    desk.pass(STEPS_EVERY_MS - 1);
    assert!(desk.serving().rollout.is_some(), "nobody has looked yet");
    while desk.serving().rollout.is_some() {
        desk.pass(1);
        assert!(desk.now.ms_since(asked_at) <= 2 * STEPS_EVERY_MS, "it is never taken back");
    }
    let steps = desk.steps();
    let Some(RolloutStep { what: Stepped::RolledBack(breach), .. }) = steps.last() else { panic!("{steps:?}") };
    assert_eq!(breach.to_string(), "step-latency: 6 of 6 contacts, with the stable version 0 of 60");
    assert_eq!(desk.board.out.timers.iter().count(), 0, "nothing is looked at any more");
}

#[test]
fn stages_follow_each_other_and_then_it_serves_alone() {
    let mut desk = Desk::new();
    let until = Some(Until { after_ms: 60_000, contacts: 3 });
    let stages = [5, 50].map(|percent| Stage { share: share(percent), until });
    let mut staged = canary(1, 2, vec![figure(Figure::Traps)]);
    staged.plan.stages = stages.into();
    desk.give(Input::PutDeployment(with(staged.clone())));
    let (running, _) = desk.asks("777");
    for _ in 0..3 {
        let (call, _) = desk.asks("777");
        desk.ends_well(call);
    }
    assert_eq!(desk.serving().rollout.unwrap().stage, 0, "its time has not come");
    desk.taken();
    desk.pass(60_000);
    assert_eq!(desk.serving().rollout.as_ref().unwrap().stage, 1);
    assert!(matches!(&desk.steps()[..], [RolloutStep { what: Stepped::Advanced(1), .. }]));
    desk.pass(120_000);
    let second = desk.serving().rollout.unwrap();
    assert_eq!(second.stage, 1, "contacts are counted for each stage");
    // An earlier writing of the same attempt doesn't set it back.
    desk.give(Input::PutDeployment(with(staged)));
    assert_eq!(desk.serving().rollout.unwrap().stage, 1);
    for _ in 0..3 {
        let (call, _) = desk.asks("777");
        desk.ends_well(call);
    }
    let serving = desk.serving();
    assert_eq!((serving.version, serving.previous, serving.rollout), (version(2), Some(version(1)), None));
    assert!(matches!(desk.steps().last(), Some(RolloutStep { what: Stepped::Promoted, .. })));
    let (_, chosen) = desk.asks("555");
    assert_eq!(chosen, version(2));
    assert_eq!(desk.board.contact(running.id).unwrap().version, Some(version(2)));
    // Now it is the version before that steps in.
    desk.give(Input::Digit(running.leg, '1'));
    desk.taken();
    desk.fails(running, RunEnd::Trap("late".into()));
    assert!(desk.wanted(|effect| matches!(effect, Effect::StartFlow { version: v, .. } if *v == version(1))));
}

#[test]
fn an_operator_ends_a_canary_by_either_way() {
    let mut desk = Desk::new();
    desk.give(Input::PutDeployment(with(canary(1, 2, vec![]))));
    let (call, _) = desk.asks("777");
    desk.taken();
    desk.give(Input::PutDeployment(deployment("reception", World::Flow, 1)));
    assert_eq!(desk.rehearsals().len(), 1, "back to what is stable");
    desk.hang_up(call.leg);
    desk.fails(call, RunEnd::GuestError("gone".into()));
    assert!(desk.wanted(|effect| matches!(effect, Effect::UnloadVersion(v) if *v == version(2))));
    // Promoted: nobody goes back.
    desk.give(Input::PutDeployment(with(canary(2, 3, vec![]))));
    let (call, chosen) = desk.asks("777");
    assert_eq!(chosen, version(3));
    desk.taken();
    desk.give(Input::PutDeployment(deployment("reception", World::Flow, 3)));
    assert!(desk.rehearsals().is_empty());
    desk.ends_well(call);
    // With the deployment its canary goes.
    desk.give(Input::PutDeployment(Deployment { version: version(3), ..with(canary(3, 4, vec![])) }));
    desk.taken();
    desk.give(Input::RemoveDeployment(deployment_name("reception")));
    for gone in [3, 4] {
        assert!(desk.wanted(|effect| matches!(effect, Effect::UnloadVersion(v) if *v == version(gone))));
    }
    assert!(!desk.board.needs(version(4)));
}

#[test]
fn scorers_and_directories_have_canaries_too() {
    let mut desk = Desk::new();
    let of = |name: &str, world, stable, rollout| Deployment { rollout, ..deployment(name, world, stable) };
    let fallbacks = vec![figure(Figure::Descents)];
    let vip = Rule { when: Condition { queue: Some("support".into()), ..Condition::default() }, then: Verdict::Canary };
    let mut scoring = canary(1, 5, fallbacks.clone());
    scoring.plan.rules = vec![vip];
    desk.give(Input::PutDeployment(of("scorer", World::Scorer, 4, Some(Box::new(scoring)))));
    desk.give(Input::PutDeployment(of("bank", World::Crm, 6, Some(Box::new(canary(1, 7, fallbacks))))));
    desk.give(Input::PutQueue(Queue { scorer: Some(deployment_name("scorer")), ..queue("support") }));
    let key = || LookupKey { directory: Some(deployment_name("bank")), kind: "phone".into(), value: "1".into() };
    let (call, _) = desk.asks("777");
    desk.give(Input::Digit(call.leg, '1'));
    desk.request(call, Request::Lookup { key: key(), timeout_ms: 1_000 });
    let asked = desk.effects.iter().find_map(|effect| match effect {
        Effect::Lookup { lookup, version, .. } => Some((*lookup, *version)),
        _ => None,
    });
    let (lookup, asked) = asked.unwrap();
    assert_eq!(asked, version(7));
    desk.give(Input::LookedUp { lookup, version: None, result: Err(LookupError::Unavailable("down".into())) });
    let view = |desk: &Desk, name: &str| {
        desk.board
            .deployments()
            .into_iter()
            .find(|view| view.deployment.name.as_str() == name)
            .unwrap()
            .watched
            .unwrap()
    };
    let descents = |desk: &Desk, name: &str| view(desk, name).compared[2].canary;
    assert_eq!((descents(&desk, "bank").bad, descents(&desk, "bank").of), (1, 1));
    desk.seat(agent("ada", &[]));
    desk.enqueue(call, 0);
    let request = desk.score_request().unwrap();
    assert_eq!(request.version, version(5));
    desk.give(Input::Scored { decision: request.decision, result: Err("it trapped".into()) });
    assert_eq!((descents(&desk, "scorer").bad, descents(&desk, "scorer").of), (1, 1));
    assert!(!desk.rung().is_empty(), "served all the same");
}
