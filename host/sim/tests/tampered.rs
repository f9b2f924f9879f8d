//! The watch notices: each rule is broken by changing what it sees of an otherwise sound day.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use cordboard_core::board::Effect;
use cordboard_core::decision::ScoredBy;
use cordboard_core::event::What;
use cordboard_core::flow::{Answer, Reply, Request};
use cordboard_core::journal::{Frame, decode, encode};
use cordboard_core::replay::Entries;
use cordboard_sim::{Plan, Violation, simulate, simulate_tampered};

/// Changes the effects of the first step in which `tamper` finds what it needs, after some steps have passed.
fn break_once(tamper: impl FnMut(&mut Vec<Effect>) -> bool) -> Option<Violation> {
    break_once_in(&Plan { contacts: 400, ..Plan::default() }, tamper)
}

/// In a day with many versions.
fn break_versions(tamper: impl FnMut(&mut Vec<Effect>) -> bool) -> Option<Violation> {
    break_once_in(&Plan { contacts: 3_000, migrating: 1_000, operator_ms: 1_500, ..Plan::stress() }, tamper)
}

fn break_once_in(plan: &Plan, mut tamper: impl FnMut(&mut Vec<Effect>) -> bool) -> Option<Violation> {
    let mut steps = 0;
    let mut broken = false;
    let day = simulate_tampered(7, plan, |effects| {
        steps += 1;
        if steps > 200 && !broken {
            broken = tamper(effects);
        }
    });
    assert!(broken, "nothing to tamper with");
    day.err().map(|violation| *violation)
}

fn at(effects: &[Effect], such: impl Fn(&Effect) -> bool) -> Option<usize> {
    effects.iter().position(such)
}

fn tells(effect: &Effect, such: impl Fn(&What) -> bool) -> bool {
    matches!(effect, Effect::Tell(event) if such(&event.what))
}

/// Takes the first such effect away.
fn without(such: impl Fn(&Effect) -> bool) -> Option<Violation> {
    break_once(|effects| at(effects, &such).map(|at| effects.remove(at)).is_some())
}

/// Doubles the first such effect.
fn twice(such: impl Fn(&Effect) -> bool) -> Option<Violation> {
    break_once(|effects| {
        let found = at(effects, &such);
        if let Some(at) = found {
            effects.insert(at, effects[at].clone());
        }
        found.is_some()
    })
}

/// Changes the first effect that can be.
fn changed(change: impl Fn(&mut Effect) -> bool) -> Option<Violation> {
    break_once(|effects| effects.iter_mut().any(&change))
}

#[track_caller]
fn noticed(violation: Option<Violation>, invariant: &str) {
    let violation = violation.unwrap_or_else(|| panic!("`{invariant}` was not noticed"));
    assert_eq!(violation.broken.invariant, invariant, "{violation}");
    assert!(violation.to_string().contains("CORDBOARD_SIM_SEED=7 cargo test -p cordboard-sim"), "{violation}");
}

#[test]
fn the_day_is_sound_if_nobody_tampers() {
    assert_eq!(simulate(7, &Plan { contacts: 60, ..Plan::default() }).err(), None);
}

#[test]
fn endings() {
    let record = |effect: &Effect| matches!(effect, Effect::KeepRecord(_));
    noticed(without(record), "the record is kept before the end is told");
    noticed(twice(record), "a contact has one record");
    let ended = |effect: &Effect| tells(effect, |what| matches!(what, What::Ended { .. }));
    noticed(twice(ended), "nothing happens to a contact before it begins or after it ended");
    noticed(without(ended), "the board shows the contacts there are");
    noticed(twice(|effect| matches!(effect, Effect::Drained)), "drained once, when all have ended");
    noticed(without(|effect| matches!(effect, Effect::Drained)), "drained once, when all have ended");
    let hang_up = |effect: &Effect| matches!(effect, Effect::HangUpLeg(leg) if leg.0 >> 63 == 0);
    noticed(without(hang_up), "the person's call is over when the contact ended");
    noticed(twice(hang_up), "a call ends once");
}

#[test]
fn records() {
    let entries = |effect: &mut Effect| match effect {
        Effect::KeepRecord(record) => {
            record.journal_entries += 1;
            true
        }
        _ => false,
    };
    noticed(changed(entries), "the record counts the journal's entries");
    let versions = |effect: &mut Effect| match effect {
        Effect::KeepRecord(record) if !record.versions.is_empty() => {
            record.versions.clear();
            true
        }
        _ => false,
    };
    noticed(changed(versions), "the journal knows the record's versions");
    let choices = |effect: &mut Effect| match effect {
        Effect::KeepRecord(record) => record.choices.pop().is_some(),
        _ => false,
    };
    noticed(changed(choices), "the journal knows the record's choices");
    let attributes = |effect: &mut Effect| match effect {
        Effect::KeepRecord(record) => record.attributes.pop_first().is_some(),
        _ => false,
    };
    noticed(changed(attributes), "the journal knows the record's attributes");
}

#[test]
fn flows() {
    let replied = |effect: &Effect| matches!(effect, Effect::ReplyFlow { .. });
    noticed(without(replied), "a flow's call gets one reply");
    noticed(twice(replied), "a flow's call gets one reply");
    noticed(twice(|effect| matches!(effect, Effect::CancelFlow { .. })), "a run that is there is cancelled once");
    let unlike = |effect: &mut Effect| match effect {
        Effect::ReplyFlow { reply: reply @ Reply::Attribute(_), .. } => {
            *reply = Reply::Attribute(Some("other".into()));
            true
        }
        _ => false,
    };
    noticed(changed(unlike), "the flow is told what the journal keeps");
}

#[test]
fn journals() {
    let frame = |effect: &Effect| matches!(effect, Effect::Journal { sync: true, .. });
    noticed(without(frame), "frames are numbered one by one");
    noticed(twice(frame), "frames are numbered one by one");
    let torn = |effect: &mut Effect| match effect {
        Effect::Journal { bytes, .. } => bytes.pop().is_some(),
        _ => false,
    };
    noticed(changed(torn), "a journal reads back");
    let unsynced = |effect: &mut Effect| match effect {
        Effect::Journal { sync, .. } => std::mem::take(sync),
        _ => false,
    };
    noticed(changed(unsynced), "an act comes after its intent is durable");
    let told = |effect: &mut Effect| match effect {
        Effect::Journal { bytes, .. } => match decode(bytes) {
            Ok(Frame::Outcome { entry, at, reply: Reply::Answer(Answer::SecretDigits(count)), callee }) => {
                let reply = Reply::Answer(Answer::Digits("1".repeat(usize::from(count))));
                *bytes = encode(&Frame::Outcome { entry, at, reply, callee }).unwrap();
                true
            }
            _ => false,
        },
        _ => false,
    };
    noticed(changed(told), "a secret's digits are not kept");
}

#[test]
fn requests_to_places_outside() {
    let sent = |effect: &Effect| matches!(effect, Effect::Fetch(_));
    noticed(twice(sent), "a request is sent once, while its flow waits for it");
    let other = |effect: &mut Effect| match effect {
        Effect::Fetch(wanted) => {
            wanted.request.url.push('x');
            true
        }
        _ => false,
    };
    noticed(changed(other), "a request is sent once, while its flow waits for it");
    let same_key = |effect: &mut Effect| match effect {
        Effect::Fetch(wanted) => wanted.idempotency_key.take().is_some(),
        _ => false,
    };
    noticed(changed(same_key), "a name is used once");
}

#[test]
fn calls() {
    let bridge = |effect: &Effect| matches!(effect, Effect::Bridge(..));
    noticed(twice(bridge), "a call is bridged to one other");
    noticed(without(bridge), "who is connected is bridged");
    noticed(twice(|effect| matches!(effect, Effect::Unbridge(..))), "only who is bridged is parted");
    noticed(twice(|effect| matches!(effect, Effect::AnswerLeg(_))), "a call is answered once");
    let popped = |effect: &Effect| tells(effect, |what| matches!(what, What::ScreenPop { .. }));
    noticed(without(popped), "the screen pops before the phone rings");
    let late = break_once(|effects| {
        let (Some(pop), Some(call)) =
            (at(effects, popped), at(effects, |effect| matches!(effect, Effect::CallAgent { .. })))
        else {
            return false;
        };
        effects.swap(pop, call);
        true
    });
    noticed(late, "the screen pops before the phone rings");
    let hush = |effect: &Effect| matches!(effect, Effect::StopPlay { .. });
    noticed(twice(hush), "one stops what plays");
    let mut serving = None;
    let stolen = break_once(|effects| {
        for effect in effects {
            match (effect, &serving) {
                (Effect::Tell(event), Some(busy)) => {
                    if let What::ScreenPop { agent, .. } = &mut event.what {
                        *agent = Clone::clone(busy);
                    }
                }
                (Effect::CallAgent { agent, .. }, Some(busy)) => {
                    *agent = Clone::clone(busy);
                    return true;
                }
                (Effect::CallAgent { agent, .. }, None) => serving = Some(agent.clone()),
                _ => {}
            }
        }
        false
    });
    assert!(stolen.is_some(), "an agent was rung for somebody else");
}

#[test]
fn routing() {
    let doubled = |effect: &mut Effect| match effect {
        Effect::KeepDecision(decision) if !decision.assigned.is_empty() => {
            let first = decision.assigned[0].clone();
            decision.assigned.push(first);
            true
        }
        _ => false,
    };
    noticed(changed(doubled), "nobody is assigned twice");
    let refused = |effect: &mut Effect| match effect {
        Effect::KeepDecision(decision) if !decision.assigned.is_empty() => {
            decision.scores.iter_mut().for_each(|score| score.score_milli = None);
            true
        }
        _ => false,
    };
    noticed(changed(refused), "nobody is assigned whom the scorer refused");
    let queued = |effect: &Effect| tells(effect, |what| matches!(what, What::Queued { .. }));
    noticed(twice(queued), "a contact holds one place");
    let moved = |effect: &mut Effect| match effect {
        Effect::Tell(event) => match &mut event.what {
            What::Queued { position, .. } => {
                *position += 1;
                true
            }
            _ => false,
        },
        _ => false,
    };
    noticed(changed(moved), "a position counts who is served before");
    let passed_over = |effect: &mut Effect| match effect {
        Effect::KeepDecision(decision) if decision.scored_by == ScoredBy::LongestIdle => {
            !std::mem::take(&mut decision.assigned).is_empty()
        }
        _ => false,
    };
    noticed(changed(passed_over), "each contact is served that can be with those before");
    let reversed = |effect: &mut Effect| match effect {
        Effect::KeepDecision(decision) if decision.contacts.len() > 1 => {
            decision.contacts.reverse();
            true
        }
        _ => false,
    };
    noticed(changed(reversed), "contacts are considered in their turn");
}

/// The journal as the watch sees it asks for no skills, so that agents seem to suit whom they don't.
#[test]
fn waiting_in_vain() {
    let plan = Plan { agents: 3, arrival_ms: 20_000, patience_ms: 400_000, ..Plan::calm() };
    let day = simulate_tampered(7, &plan, |effects| {
        for effect in effects {
            let Effect::Journal { bytes, .. } = effect else { continue };
            if let Ok(Frame::Call { entry, at, request: Request::Enqueue(mut request) }) = decode(bytes) {
                request.skills.clear();
                *bytes = encode(&Frame::Call { entry, at, request: Request::Enqueue(request) }).unwrap();
            }
        }
    });
    noticed(day.err().map(|violation| *violation), "nobody waits for long while somebody suitable is ready");
}

#[test]
fn versions() {
    let mut running = None;
    let unloaded = break_once(|effects| {
        if let Some(version) = running {
            effects.push(Effect::UnloadVersion(version));
            return true;
        }
        running = effects.iter().find_map(|effect| match effect {
            Effect::StartFlow { version, .. } => Some(*version),
            _ => None,
        });
        false
    });
    noticed(unloaded, "a version is unloaded once nobody needs it");
    let day = simulate_tampered(7, &Plan { contacts: 60, ..Plan::stress() }, |effects| {
        effects.retain(|effect| !matches!(effect, Effect::UnloadVersion(_)));
    });
    noticed(day.err().map(|violation| *violation), "a version that nobody needs is unloaded");
}

/// Changes the first effect that can be, in a day with many versions.
fn changed_version(change: impl Fn(&mut Effect) -> bool) -> Option<Violation> {
    break_versions(|effects| effects.iter_mut().any(&change))
}

/// Takes the first such effect away, in a day with many versions.
fn without_version(such: impl Fn(&Effect) -> bool) -> Option<Violation> {
    break_versions(|effects| at(effects, &such).map(|at| effects.remove(at)).is_some())
}

/// Without its last entry, if it has any.
fn cut(past: &mut Entries) -> bool {
    let shorter: Vec<_> = past.iter().take(past.len().saturating_sub(1)).cloned().collect();
    let some = !past.is_empty();
    *past = shorter.into();
    some
}

#[test]
fn rehearsals() {
    let short = changed_version(|effect| match effect {
        Effect::Rehearse(wanted) => cut(&mut wanted.past),
        _ => false,
    });
    noticed(short, "what is gone through is the journal");
    let short = changed_version(|effect| match effect {
        Effect::RehearseOn { past, .. } => cut(past),
        _ => false,
    });
    noticed(short, "what is gone through is the journal");
    let twice = break_versions(|effects| {
        let found = at(effects, |effect| matches!(effect, Effect::Rehearse(_)));
        found.inspect(|at| effects.insert(*at, effects[*at].clone())).is_some()
    });
    noticed(twice, "a contact has one rehearsal at a time");
    let mut wanted = None;
    let other = break_versions(|effects| {
        for effect in effects {
            match (effect, wanted) {
                (Effect::Rehearse(rehearse), None) => wanted = Some(rehearse.version),
                (Effect::Rehearse(rehearse), Some(version)) if rehearse.version != version => {
                    rehearse.version = version;
                    return true;
                }
                _ => {}
            }
        }
        false
    });
    assert!(other.is_some(), "another version was tried than is deployed");
}

#[test]
fn rehearsals_of_who_is_busy_or_gone() {
    let mut rehearsal = None;
    let busy = break_versions(|effects| {
        let reply = effects.iter().find_map(|effect| match effect {
            Effect::ReplyFlow { contact, .. } => Some(*contact),
            _ => None,
        });
        rehearsal = rehearsal.take().or_else(|| {
            effects.iter().find_map(|effect| match effect {
                Effect::Rehearse(rehearse) => Some(rehearse.clone()),
                _ => None,
            })
        });
        let (Some(contact), Some(mut rehearsal)) = (reply, rehearsal.clone()) else { return false };
        if rehearsal.contact == contact {
            return false;
        }
        rehearsal.contact = contact;
        effects.push(Effect::Rehearse(rehearsal));
        true
    });
    assert!(busy.is_some(), "another version was tried for a flow that runs");
    let mut runs = std::collections::BTreeSet::new();
    let plan = Plan { contacts: 300, migrating: 1_000, operator_ms: 1_500, inspect_every: u32::MAX, ..Plan::stress() };
    let left = simulate_tampered(7, &plan, |effects| {
        for effect in effects.iter() {
            match effect {
                Effect::Rehearse(rehearse) => {
                    runs.insert(rehearse.run);
                }
                Effect::TakeOver { run, .. } => {
                    runs.remove(run);
                }
                _ => {}
            }
        }
        effects.retain(|effect| !matches!(effect, Effect::CancelFlow { run, .. } if runs.contains(run)));
    });
    let rule = left.unwrap_err().broken.invariant;
    let rules = [
        "a rehearsal takes over or is cancelled",
        "a contact has one rehearsal at a time",
        "only who waits sleeps",
        "a version is unloaded once nobody needs it",
    ];
    assert!(rules.contains(&rule), "{rule}");
}

#[test]
fn takeovers() {
    let takes_over = |effect: &Effect| matches!(effect, Effect::TakeOver { .. });
    let twice = break_versions(|effects| {
        let found = at(effects, takes_over);
        found.inspect(|at| effects.insert(*at, effects[*at].clone())).is_some()
    });
    noticed(twice, "who takes over has just agreed");
    assert!(without_version(takes_over).is_some(), "a version that agreed was left where it was");
    let both = break_versions(|effects| {
        let Some(over) = at(effects, takes_over) else { return false };
        let old = at(effects, |effect| matches!(effect, Effect::CancelFlow { .. })).filter(|old| *old < over);
        old.map(|old| effects.remove(old)).is_some()
    });
    noticed(both, "a contact has one run at a time");
    let early = break_versions(|effects| {
        let Some(asked) = at(effects, |effect| matches!(effect, Effect::Rehearse(_))) else { return false };
        let Effect::Rehearse(rehearse) = &effects[asked] else { return false };
        let over = Effect::TakeOver { contact: rehearse.contact, run: rehearse.run };
        effects.insert(asked + 1, over);
        true
    });
    noticed(early, "who takes over has just agreed");
}

#[test]
fn sleepers_and_predecessors() {
    let resumed = |effect: &Effect| matches!(effect, Effect::StartFlow { past, .. } if !past.is_empty());
    let short = changed_version(|effect| match effect {
        Effect::StartFlow { past, .. } => cut(past),
        _ => false,
    });
    noticed(short, "what is gone through is the journal");
    let mut asleep = std::collections::BTreeSet::new();
    let lost = break_versions(|effects| {
        let all_cancelled = !effects.is_empty() && effects.iter().all(|it| matches!(it, Effect::CancelFlow { .. }));
        asleep.extend(effects.iter().filter_map(|effect| match effect {
            Effect::CancelFlow { contact, .. } if all_cancelled => Some(*contact),
            _ => None,
        }));
        let such = |effect: &Effect| {
            resumed(effect) && matches!(effect, Effect::StartFlow { contact, .. } if asleep.contains(contact))
        };
        at(effects, such).map(|at| effects.remove(at)).is_some()
    });
    noticed(lost, "a flow's call gets one reply");
    let descends = |effect: &Effect| tells(effect, |what| matches!(what, What::Descended { rung: "safe-flow", .. }));
    let twice = break_versions(|effects| {
        at(effects, descends).inspect(|at| effects.insert(*at, effects[*at].clone())).is_some()
    });
    noticed(twice, "nobody comes back up the ladder");
    let silent = break_versions(|effects| {
        let found = at(effects, |effect| match effect {
            Effect::Journal { bytes, .. } => matches!(decode(bytes), Ok(Frame::Segment { from, .. }) if from > 0),
            _ => false,
        });
        found.map(|at| effects.remove(at)).is_some()
    });
    assert!(silent.is_some(), "a version's segment was left out");
}

#[test]
fn canaries() {
    let otherwise = changed_version(|effect| match effect {
        Effect::RolloutStepped(_, step) => std::mem::replace(&mut step.rollout, 0) > 0,
        _ => false,
    });
    noticed(otherwise, "a canary that is there goes on");
}

#[test]
fn keys() {
    let eaten = |effect: &mut Effect| {
        let Effect::Journal { bytes, .. } = effect else { return false };
        match decode(bytes) {
            Ok(Frame::Outcome { entry, at, reply: Reply::Answer(Answer::Digits(mut typed)), callee }) => {
                typed.pop();
                let reply = Reply::Answer(Answer::Digits(typed));
                *bytes = encode(&Frame::Outcome { entry, at, reply, callee }).unwrap();
                true
            }
            _ => false,
        }
    };
    noticed(changed_version(eaten), "no key is lost");
}
