//! Decisions by a scorer: what it sees, what becomes of its answer.

use super::*;
use crate::decision::{LeftOut, PairScore, ScoreAnswer, ScoredBy};
use std::sync::Arc;

fn with_scorer() -> Desk {
    let mut desk = Desk::new();
    desk.give(Input::PutDeployment(deployment("scorer", World::Scorer, 4)));
    desk.give(Input::PutQueue(Queue { scorer: Some(deployment_name("scorer")), ..queue("support") }));
    desk
}

/// Rows of scores in thousandths; `None`: refused.
fn answer(rows: &[&[Option<i64>]]) -> Result<ScoreAnswer, String> {
    let pair = |score: &Option<i64>| PairScore { score_milli: *score, parts: vec![] };
    Ok(ScoreAnswer { parts: vec![], scores: rows.iter().map(|row| row.iter().map(pair).collect()).collect() })
}

fn score(desk: &mut Desk, result: Result<ScoreAnswer, String>) {
    let decision = *desk.board.decisions.keys().next().expect("scores were asked for");
    desk.taken();
    desk.give(Input::Scored { decision, result });
}

#[test]
fn a_scorer_sees_named_numbers() {
    let mut desk = with_scorer();
    desk.give(Input::PutQueue(Queue {
        skills: vec![need("billing", 2)],
        scorer: Some(deployment_name("scorer")),
        ..queue("support")
    }));
    let attributes = BTreeMap::from([("tier=gold".into(), 1500), ("cost".into(), -250)]);
    desk.seat(Agent { attributes, ..agent("ada", &[("billing", 7), ("vip", 1)]) });
    desk.pass(2000);
    let call = desk.answered_call();
    for (name, value) in [("tier", "gold"), ("balance", "12.5"), ("name", "Ada"), ("odd", "NaN")] {
        desk.request(call, Request::SetAttribute(name.into(), value.into()));
    }
    let skills = vec![need("billing", 3), need("french", 1)];
    desk.give(Input::PutAgent(agent("ben", &[("french", 1)])));
    desk.request(call, Request::Enqueue(QueueRequest { queue: "support".into(), priority: 5, skills }));
    assert!(desk.score_request().is_none(), "ada speaks no French");
    desk.give(Input::PutAgent(Agent {
        attributes: BTreeMap::from([("tier=gold".into(), 1500), ("cost".into(), -250)]),
        ..agent("ada", &[("billing", 7), ("vip", 1), ("french", 2)])
    }));
    let request = desk.score_request().unwrap();
    let contact = ["balance", "needs:billing", "needs:french", "priority", "tier=gold", "waited-ms"];
    let agent = ["cost", "handled", "idle-ms", "skill:billing", "skill:french", "skill:vip", "tier=gold"];
    assert_eq!(*request.columns.contact, contact.map(String::from));
    assert_eq!(*request.columns.agent, agent.map(String::from));
    assert_eq!(request.contacts, [[12.5, 3.0, 1.0, 5.0, 1.0, 0.0]]);
    assert_eq!(request.agents, [[-0.25, 0.0, 2000.0, 7.0, 2.0, 1.0, 1.5]]);
    assert_eq!(request.version, version(4));
}

#[test]
fn columns_that_do_not_change_are_shared() {
    let mut desk = with_scorer();
    desk.seat(agent("ada", &[]));
    let mut seen = vec![];
    for tier in ["1", "gold"] {
        let call = desk.answered_call();
        desk.request(call, Request::SetAttribute("tier".into(), tier.into()));
        desk.enqueue(call, 0);
        seen.push(desk.score_request().unwrap());
        score(&mut desk, answer(&[&[None]]));
        desk.hang_up(call.leg);
    }
    assert!(Arc::ptr_eq(&seen[0].columns.contact, &seen[1].columns.contact));
    assert!(Arc::ptr_eq(&seen[0].columns.agent, &seen[1].columns.agent));
    assert!(seen[1].contacts[0][1].is_nan(), "a text is no number: absent");
}

#[test]
fn no_more_than_256_columns() {
    let mut desk = with_scorer();
    let attributes = (0..400).map(|n| (format!("n{n}"), 1)).collect();
    desk.seat(Agent { attributes, ..agent("ada", &[("vip", 1)]) });
    let call = desk.answered_call();
    for n in 0..256 {
        desk.request(call, Request::SetAttribute(format!("n{n}"), "1".into()));
    }
    desk.enqueue(call, 0);
    let columns = desk.score_request().unwrap().columns;
    assert_eq!((columns.contact.len(), columns.agent.len()), (256, 256));
    for name in ["waited-ms", "priority"] {
        assert!(columns.contact.contains(&name.to_owned()));
    }
    for name in ["idle-ms", "handled", "skill:vip"] {
        assert!(columns.agent.contains(&name.to_owned()));
    }
}

#[test]
fn the_best_sum_decides_and_the_decision_is_kept() {
    let mut desk = with_scorer();
    desk.give(Input::PutAgent(agent("off", &[])));
    let (first, second) = (desk.answered_call(), desk.answered_call());
    desk.enqueue(first, 1);
    desk.enqueue(second, 0);
    for id in ["ada", "ben"] {
        desk.give(Input::PutAgent(agent(id, &[])));
    }
    desk.give(Input::PhoneRegistered(agent_id("ben")));
    // One decision at a time: ada comes while it is made.
    desk.give(Input::PhoneRegistered(agent_id("ada")));
    let request = desk.score_request().unwrap();
    assert_eq!((request.contacts.len(), request.agents.len()), (2, 1));
    desk.pass(10);
    score(&mut desk, answer(&[&[None], &[Some(5)]]));
    assert_eq!(desk.rung()[0].1, second.id, "refused pairs are never made");
    let decision = desk.decisions[0].clone();
    assert_eq!(decision.scored_by, ScoredBy::Plugin(version(4)));
    assert_eq!(decision.assigned, [(second.id, agent_id("ben"))]);
    assert_eq!(decision.left_out[1], (agent_id("off"), LeftOut::State("signed-out")));
    assert_eq!(decision.decided_at.ms_since(decision.asked_at), 10);
    assert_eq!(decision.scores.len(), 2);
    let grounds = decision.grounds.clone().unwrap();
    assert_eq!((grounds.scorer, grounds.ranks, grounds.unfit), (deployment_name("scorer"), vec![0], vec![]));
    assert!(desk.told().iter().any(|what| matches!(what, What::Decided { took_us: 10_000, fallback: None, .. })));
    // What changed meanwhile is decided next.
    let next = desk.score_request().unwrap();
    assert_eq!((next.contacts.len(), next.agents.len()), (1, 1));
}

#[test]
fn what_changed_while_the_scorer_thought_is_looked_at_again() {
    let mut desk = with_scorer();
    for id in ["ada", "ben"] {
        desk.seat(agent(id, &[]));
    }
    let (gone, stays) = (desk.answered_call(), desk.answered_call());
    desk.enqueue(gone, 0);
    desk.enqueue(stays, 0);
    score(&mut desk, Err("first".into()));
    // `gone` is offered to one of them; ask again for the other.
    let request = desk.score_request().unwrap();
    assert_eq!((request.contacts.len(), request.agents.len()), (1, 1));
    desk.hang_up(stays.leg);
    score(&mut desk, answer(&[&[Some(1)]]));
    assert!(desk.rung().is_empty());
    assert!(desk.decisions.last().unwrap().assigned.is_empty());
}

#[test]
fn a_scorer_that_fails_costs_nobody_an_agent() {
    let row: &[Option<i64>] = &[Some(1)];
    let with_parts = Ok(ScoreAnswer {
        parts: vec!["skill".into()],
        scores: vec![vec![PairScore { score_milli: Some(1), parts: vec![1.0, 2.0] }]],
    });
    for result in [Err("trap".to_owned()), answer(&[]), answer(&[row, row]), answer(&[&[]]), with_parts] {
        let mut desk = with_scorer();
        desk.seat(agent("ada", &[]));
        let call = desk.answered_call();
        desk.enqueue(call, 0);
        score(&mut desk, result.clone());
        assert_eq!(desk.rung().len(), 1, "{result:?}");
        assert!(matches!(desk.decisions[0].scored_by, ScoredBy::Fallback { .. }));
    }
    let mut desk = with_scorer();
    desk.seat(agent("ada", &[]));
    let call = desk.answered_call();
    desk.enqueue(call, 0);
    desk.pass(2000);
    assert_eq!(desk.rung().len(), 1, "a scorer that never answers");
    let mut desk = with_scorer();
    desk.give(Input::RemoveDeployment(deployment_name("scorer")));
    desk.seat(agent("ada", &[]));
    let call = desk.answered_call();
    desk.enqueue(call, 0);
    assert_eq!(desk.rung().len(), 1, "a scorer that isn't there");
    assert!(desk.told().iter().any(|what| matches!(what, What::Decided { fallback: Some(_), .. })));
}

#[test]
fn where_nobody_suits_the_queue_rests_and_those_behind_get_their_chance() {
    let mut desk = with_scorer();
    let calls: Vec<_> = (0..33)
        .map(|_| {
            desk.pass(1);
            let call = desk.answered_call();
            desk.enqueue(call, 0);
            call
        })
        .collect();
    desk.seat(agent("ada", &[]));
    let nobody: Vec<&[Option<i64>]> = vec![&[None]; 32];
    assert_eq!(desk.score_request().unwrap().contacts.len(), 32);
    score(&mut desk, answer(&nobody));
    assert_eq!(desk.score_request().unwrap().contacts.len(), 1, "the 33rd");
    score(&mut desk, answer(&[&[None]]));
    assert!(desk.score_request().is_none(), "no loop");
    desk.pass(4_999);
    assert!(desk.score_request().is_none());
    desk.pass(1);
    score(&mut desk, answer(&nobody));
    score(&mut desk, answer(&[&[Some(0)]]));
    assert_eq!(desk.rung()[0].1, calls[32].id);
}

#[test]
fn who_comes_while_the_scorer_refuses_is_considered_at_once() {
    let mut desk = with_scorer();
    desk.seat(agent("ada", &[]));
    let call = desk.answered_call();
    desk.enqueue(call, 0);
    desk.seat(agent("ben", &[]));
    score(&mut desk, answer(&[&[None]]));
    assert_eq!(desk.score_request().unwrap().agents.len(), 2);
}
