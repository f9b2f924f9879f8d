//! Agents' states.

use super::*;

fn name(desk: &Desk, id: &str) -> String {
    match desk.state(id) {
        AgentState::NotReady { reason } => format!("not-ready {reason}"),
        state => state.name().into(),
    }
}

/// Does one thing after another with `ada`, and gives her states.
fn states(auto_ready: bool, steps: &[&str]) -> Vec<String> {
    let mut desk = Desk::new();
    desk.give(Input::PutQueue(Queue { wrap_up_ms: 10_000, ..queue("support") }));
    desk.give(Input::PutAgent(Agent { auto_ready, ..agent("ada", &[]) }));
    let mut legs = (None, None);
    let mut seen = vec![];
    for step in steps {
        match *step {
            "registers" => desk.give(Input::PhoneRegistered(agent_id("ada"))),
            "phone gone" => desk.give(Input::PhoneGone(agent_id("ada"))),
            "ready" => desk.wants("ada", WantedState::Ready),
            "break" => desk.wants("ada", WantedState::NotReady { reason: "break".into() }),
            "home" => desk.wants("ada", WantedState::SignedOut),
            "call" => {
                let call = desk.answered_call();
                desk.enqueue(call, 0);
                legs = (Some(call.leg), desk.rung().last().map(|rung| rung.2));
            }
            "answers" => desk.give(Input::LegAnswered(legs.1.unwrap())),
            "hangs up" => desk.hang_up(legs.1.unwrap()),
            "caller gone" => desk.hang_up(legs.0.unwrap()),
            "10 s" => desk.pass(10_000),
            "20 s" => desk.pass(20_000),
            "removed" => desk.give(Input::RemoveAgent(agent_id("ada"))),
            other => panic!("{other}"),
        }
        let known = desk.board.agents().iter().any(|view| view.agent.id == agent_id("ada"));
        seen.push(if known { name(&desk, "ada") } else { "-".into() });
    }
    seen
}

const ON_BREAK: &str = "not-ready break";
/// Up to a talk.
const TALK: [(&str, &str); 3] = [("registers", "ready"), ("call", "reserved"), ("answers", "on-contact")];

#[test]
fn states_follow_each_other_as_the_table_says() {
    let table: &[(bool, &[(&str, &str)])] = &[
        (true, &[("registers", "ready"), ("break", ON_BREAK), ("ready", "ready"), ("home", "signed-out")]),
        (false, &[("registers", "not-ready signed-in"), ("ready", "ready"), ("phone gone", "signed-out")]),
        (true, &[("home", "signed-out"), ("registers", "signed-out"), ("ready", "ready")]),
        (false, &[("ready", "signed-out"), ("registers", "ready")]),
        (true, &[("break", "signed-out"), ("registers", ON_BREAK), ("registers", ON_BREAK)]),
        (true, &[("registers", "ready"), ("break", ON_BREAK), ("phone gone", "signed-out"), ("registers", ON_BREAK)]),
        (true, &[("registers", "ready"), ("call", "reserved"), ("caller gone", "ready")]),
        (true, &[("registers", "ready"), ("call", "reserved"), ("20 s", "not-ready missed-offer")]),
        (true, &[("registers", "ready"), ("call", "reserved"), ("home", "reserved"), ("20 s", "signed-out")]),
        (true, &[("registers", "ready"), ("removed", "-")]),
        // Every REGISTER is told, also those that only refresh.
        (true, &[("registers", "ready"), ("registers", "ready"), ("call", "reserved"), ("registers", "reserved")]),
        (true, &[("registers", "ready"), ("break", ON_BREAK), ("registers", ON_BREAK), ("ready", "ready")]),
    ];
    let after_a_talk: &[&[(&str, &str)]] = &[
        &[("hangs up", "wrap-up"), ("10 s", "ready")],
        &[("registers", "on-contact"), ("hangs up", "wrap-up"), ("registers", "wrap-up"), ("10 s", "ready")],
        &[("caller gone", "wrap-up"), ("ready", "ready"), ("10 s", "ready")],
        &[("break", "on-contact"), ("hangs up", ON_BREAK), ("10 s", ON_BREAK)],
        &[("phone gone", "on-contact"), ("hangs up", "signed-out"), ("registers", "ready")],
        &[("removed", "on-contact"), ("hangs up", "-")],
    ];
    let all = table.iter().map(|(auto_ready, steps)| (*auto_ready, steps.to_vec()));
    for (auto_ready, steps) in all.chain(after_a_talk.iter().map(|steps| (true, [&TALK, *steps].concat()))) {
        let (done, expected): (Vec<&str>, Vec<&str>) = steps.into_iter().unzip();
        assert_eq!(states(auto_ready, &done), expected, "{done:?}");
    }
}

#[test]
fn a_phone_that_was_unreachable_is_ready_when_it_registers_again() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    let call = desk.answered_call();
    desk.enqueue(call, 0);
    let leg = desk.rung()[0].2;
    desk.give(Input::LegFailed(leg, crate::board::LegFailure::Unreachable));
    assert_eq!(name(&desk, "ada"), "not-ready unreachable");
    desk.pass(10_000);
    desk.give(Input::PhoneRegistered(agent_id("ada")));
    assert_eq!(name(&desk, "ada"), "reserved", "and is offered who still waits");
}

#[test]
fn a_phone_may_register_before_its_agent_is_set_up() {
    let mut desk = Desk::new();
    desk.give(Input::PhoneRegistered(agent_id("ada")));
    desk.give(Input::PutAgent(agent("ada", &[])));
    assert_eq!(name(&desk, "ada"), "ready");
    assert!(desk.board.agents()[0].phone);
}

#[test]
fn every_change_is_told_and_only_changes_are() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    desk.wants("ada", WantedState::Ready);
    desk.give(Input::PhoneRegistered(agent_id("ada")));
    desk.wants("nobody", WantedState::Ready);
    assert!(matches!(desk.told()[..], [What::AgentChanged { state: AgentState::Ready { .. }, .. }]));
}
