//! Versions: pinned, replaced, unloaded.

use super::*;

fn unloaded(desk: &Desk) -> Vec<Version> {
    desk.effects
        .iter()
        .filter_map(|effect| if let Effect::UnloadVersion(version) = effect { Some(*version) } else { None })
        .collect()
}

#[test]
fn calls_finish_on_the_version_they_began_with() {
    let mut desk = Desk::new();
    let old = desk.answered_call();
    desk.taken();
    desk.give(Input::PutDeployment(deployment("reception", World::Flow, 2)));
    let expected = What::Deployed {
        deployment: deployment_name("reception"),
        version: version(2),
        before: Some(version(1)),
        still_running: 1,
    };
    assert_eq!(desk.told(), [&expected]);
    let new = desk.answered_call();
    assert_eq!((desk.board.pinned(version(1)), desk.board.pinned(version(2))), (1, 1));
    assert_eq!(desk.board.deployments()[0].contacts, BTreeMap::from([(version(1), 1), (version(2), 1)]));
    assert!(unloaded(&desk).is_empty());
    desk.returns(new, FlowEnd::Completed);
    assert!(unloaded(&desk).is_empty(), "a deployment needs it");
    desk.returns(old, FlowEnd::Completed);
    assert_eq!(unloaded(&desk), [version(1)]);
    assert!(desk.told().contains(&&What::VersionIdle { version: version(1) }));
    assert_eq!(desk.record(old).versions, [version(1)]);
}

#[test]
fn rule_16_what_served_before_stays_loaded_to_step_in() {
    let mut desk = Desk::new();
    let old = desk.answered_call();
    let next = |n| Deployment { previous: Some(version(n - 1)), ..deployment("reception", World::Flow, n) };
    desk.give(Input::PutDeployment(next(2)));
    desk.taken();
    desk.returns(old, FlowEnd::Completed);
    assert!(desk.told().contains(&&What::VersionIdle { version: version(1) }), "nobody runs it");
    assert!(unloaded(&desk).is_empty(), "but it could step in");
    desk.give(Input::PutDeployment(next(3)));
    assert_eq!(unloaded(&desk), [version(1)]);
    desk.give(Input::RemoveDeployment(deployment_name("reception")));
    assert_eq!(unloaded(&desk), [version(1), version(3), version(2)]);
}

#[test]
fn a_version_nobody_uses_goes_at_once_and_comes_back() {
    let mut desk = Desk::new();
    desk.give(Input::PutDeployment(deployment("reception", World::Flow, 2)));
    assert_eq!(unloaded(&desk), [version(1)]);
    desk.give(Input::PutDeployment(deployment("reception", World::Flow, 1)));
    assert_eq!(unloaded(&desk), [version(1), version(2)]);
    assert_eq!(desk.board.loaded(), [version(1)]);
    desk.taken();
    desk.give(Input::PutDeployment(deployment("reception", World::Flow, 1)));
    assert!(desk.taken().is_empty(), "nothing new");
}

#[test]
fn a_version_of_two_deployments_stays_for_the_other() {
    let mut desk = Desk::new();
    desk.give(Input::PutDeployment(deployment("other", World::Flow, 1)));
    desk.give(Input::RemoveDeployment(deployment_name("reception")));
    assert!(unloaded(&desk).is_empty());
    desk.give(Input::RemoveDeployment(deployment_name("other")));
    assert_eq!(unloaded(&desk), [version(1)]);
}

#[test]
fn a_version_under_question_stays_until_it_answered() {
    let mut desk = Desk::new();
    desk.give(Input::PutDeployment(deployment("scorer", World::Scorer, 4)));
    desk.give(Input::PutDeployment(deployment("bank", World::Crm, 5)));
    desk.give(Input::PutQueue(Queue { scorer: Some(deployment_name("scorer")), ..queue("support") }));
    desk.settings(Settings { default_directory: Some(deployment_name("bank")), ..Settings::default() });
    desk.seat(agent("ada", &[]));
    let call = desk.answered_call();
    desk.enqueue(call, 0);
    let decision = desk.score_request().unwrap().decision;
    let key = crate::flow::LookupKey { directory: None, kind: "phone".into(), value: "1".into() };
    desk.request(call, Request::Lookup { key, timeout_ms: 60_000 });
    desk.give(Input::PutDeployment(deployment("scorer", World::Scorer, 6)));
    desk.give(Input::PutDeployment(deployment("bank", World::Crm, 7)));
    assert!(unloaded(&desk).is_empty());
    let lookup = *desk.board.lookups.keys().next().unwrap();
    desk.give(Input::LookedUp { lookup, version: None, result: Ok(None) });
    assert_eq!(unloaded(&desk), [version(5)]);
    desk.give(Input::Scored { decision, result: Err("trap".into()) });
    assert_eq!(unloaded(&desk), [version(5), version(4)]);
}
