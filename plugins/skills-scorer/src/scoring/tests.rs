use super::*;

const NAN: f32 = f32::NAN;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn plan(weights: &str, contact: &[&str], agent: &[&str]) -> Plan {
    Plan::new(Weights::parse(weights).unwrap(), &names(contact), &names(agent)).unwrap()
}

/// One agent's parts, by a plan in which all weights are 1.
fn parts(contact: &[(&str, f32)], agent: &[(&str, f32)]) -> Option<[f32; 5]> {
    let mut agent = agent.to_vec();
    if !agent.iter().any(|(name, _)| *name == "idle-ms") {
        agent.push(("idle-ms", NAN));
    }
    let columns = |of: &[(&'static str, f32)]| of.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let contact: Vec<(&'static str, f32)> = contact.iter().map(|(n, v)| (leak(n), *v)).collect();
    let agent: Vec<(&'static str, f32)> = agent.iter().map(|(n, v)| (leak(n), *v)).collect();
    let plan = plan("skill:1,idle:1,load:1,value:1,match:1", &columns(&contact), &columns(&agent));
    let row = |columns: &[String], of: &[(&str, f32)]| -> Vec<f32> {
        columns.iter().map(|column| of.iter().find(|(name, _)| name == column).unwrap().1).collect()
    };
    let scored = score_agents(&plan, &row(&plan.contact, &contact), &row(&plan.agent, &agent), true).unwrap();
    scored.rows[0]?;
    Some(scored.parts.try_into().unwrap())
}

fn leak(name: &str) -> &'static str {
    Box::leak(name.to_owned().into_boxed_str())
}

#[test]
fn each_part_means_what_it_says() {
    for (contact, agent, expect) in [
        // Skill: the average of what exceeds the need, in tenths.
        (&[("needs:sv", 3.0)][..], &[("skill:sv", 8.0)][..], Some([0.5, 0.0, 0.0, 0.0, 0.0])),
        (&[("needs:sv", 3.0)], &[("skill:sv", 3.0)], Some([0.0; 5])),
        (&[("needs:a", 2.0), ("needs:b", 4.0)], &[("skill:a", 4.0), ("skill:b", 8.0)], Some([0.3, 0.0, 0.0, 0.0, 0.0])),
        (&[("needs:sv", NAN)], &[("skill:sv", 8.0)], Some([0.0; 5])),
        (&[("needs:sv", NAN)], &[], Some([0.0; 5])),
        // Refused: the level too low, the skill absent, no agent at all has it, one of two missing.
        (&[("needs:sv", 3.0)], &[("skill:sv", 2.0)], None),
        (&[("needs:sv", 3.0)], &[("skill:sv", NAN)], None),
        (&[("needs:sv", 3.0)], &[], None),
        (&[("needs:a", 2.0), ("needs:b", 4.0)], &[("skill:a", 4.0), ("skill:b", 3.0)], None),
        // Idle and load.
        (&[], &[("idle-ms", 300_000.0)], Some([0.0, 0.5, 0.0, 0.0, 0.0])),
        (&[], &[("idle-ms", -5.0)], Some([0.0; 5])),
        (&[], &[("handled", 20.0)], Some([0.0, 0.0, -0.5, 0.0, 0.0])),
        // Value: a half of the way at priority 10.
        (&[("priority", 10.0)], &[("skill:vip", 8.0)], Some([0.0, 0.0, 0.0, 0.4, 0.0])),
        (&[("priority", 0.0)], &[("skill:vip", 8.0)], Some([0.0; 5])),
        (&[("priority", 10.0)], &[], Some([0.0; 5])),
        // What both have under one name; the reserved names never match each other.
        (&[("x", 2.0), ("only-contact", 9.0)], &[("x", 3.0), ("only-agent", 9.0)], Some([0.0, 0.0, 0.0, 0.0, 6.0])),
        (&[("x", NAN), ("y", 2.0)], &[("x", 3.0), ("y", -1.0)], Some([0.0, 0.0, 0.0, 0.0, -2.0])),
        (&[("tier=gold", 1.0)], &[("tier=gold", 0.25)], Some([0.0, 0.0, 0.0, 0.0, 0.25])),
        (&[("handled", 7.0)], &[("handled", 0.0)], Some([0.0; 5])),
        (&[("skill:x", 7.0)], &[("skill:x", 7.0)], Some([0.0; 5])),
    ] {
        let got = parts(contact, agent);
        let near = match (&got, &expect) {
            (Some(got), Some(expect)) => got.iter().zip(expect).all(|(got, expect)| (got - expect).abs() < 1e-6),
            (got, expect) => got.is_none() && expect.is_none(),
        };
        assert!(near, "{contact:?} × {agent:?}: {got:?}, expected {expect:?}");
    }
}

#[test]
fn the_longer_idle_agent_wins_when_all_else_is_equal() {
    let plan = plan("", &["waited-ms", "priority"], &["handled", "idle-ms"]);
    assert_eq!(plan.agent_columns(), ["idle-ms", "handled"]);
    let scored = score_agents(&plan, &[0.0], &[1_000.0, 3.0, 9_000.0, 3.0, 4_000.0, 3.0], false).unwrap();
    let score = |at: usize| scored.rows[at].unwrap();
    assert!(score(1) > score(2) && score(2) > score(0), "{:?}", scored.rows);
    assert!(scored.parts.is_empty());
}

#[test]
fn weights_scale_their_parts_and_parts_add_up() {
    let plan = plan("skill:-3,idle:2,match:10", &["needs:sv", "x"], &["idle-ms", "skill:sv", "x"]);
    assert_eq!((plan.contact_columns(), plan.agent_columns().len()), (&names(&["needs:sv", "x"])[..], 3));
    let scored = score_agents(&plan, &[1.0, 2.0], &[300_000.0, 6.0, 0.5], true).unwrap();
    assert_eq!(scored.parts, [-1.5, 1.0, -0.0, 0.0, 10.0]);
    assert_eq!(scored.rows, [Some(9.5)]);
}

#[test]
fn weights_are_read_or_refused() {
    assert_eq!(Weights::parse(" "), Ok(Weights::default()));
    assert_eq!(Weights::parse(" idle : 3 , skill:-1.5,"), Ok(Weights([-1.5, 3.0, 0.5, 1.0, 1.0])));
    for (text, wrong) in [
        ("speed:1", "no part is called `speed`"),
        ("idle", "`idle` has no number"),
        ("idle:fast", "`idle:fast`"),
        ("idle:NaN", "`idle:NaN`"),
        ("idle:inf", "`idle:inf`"),
        ("idle:1001", "`idle:1001`"),
    ] {
        let error = Weights::parse(text).unwrap_err();
        assert!(error.contains(wrong), "{text}: {error}");
    }
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let plan = plan("", &["priority"], &["idle-ms", "handled"]);
    assert_eq!(score_agents(&plan, &[], &[], false), Err(ShapeError::Contact { got: 0, want: 1 }));
    assert_eq!(score_agents(&plan, &[1.0], &[1.0; 3], false), Err(ShapeError::Agents { got: 3, row: 2 }));
    assert_eq!(score_agents(&plan, &[1.0], &[], true).unwrap().rows, []);
    let none = Plan::new(Weights::default(), &[], &names(&["handled"]));
    assert_eq!(none.unwrap_err(), PlanError::Missing("idle-ms".into()));
}

#[test]
fn a_column_offered_twice_counts_once() {
    let plan = plan("", &["x", "x"], &["idle-ms", "x", "x"]);
    assert_eq!((plan.contact_columns().len(), plan.agent_columns().len()), (1, 2));
}

/// Numbers from a fixed sequence, with every kind of trouble among them.
fn troubled(count: usize, mut seed: u32) -> Vec<f32> {
    const TROUBLE: [f32; 8] = [NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0, -0.0, 1e-45];
    let next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let draw = (seed >> 16) as usize;
        if draw.is_multiple_of(4) { TROUBLE[draw / 4 % 8] } else { (draw % 2000) as f32 / 100.0 - 10.0 }
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[test]
fn whatever_comes_in_every_score_is_finite_and_the_same_each_time() {
    let mut contact = vec!["priority".to_owned(), "needs:a".into(), "waited-ms".into()];
    let mut agent = vec!["idle-ms".to_owned(), "handled".into(), "skill:vip".into(), "skill:a".into()];
    for at in 0..250 {
        contact.push(format!("n{at}"));
        agent.push(format!("n{at}"));
    }
    let plan = Plan::new(Weights([1_000.0; 5]), &contact, &agent).unwrap();
    let (mut refused, mut scores) = (0, 0);
    for seed in 0..200 {
        let contact = troubled(plan.contact_columns().len(), seed);
        let agents = troubled(plan.agent_columns().len() * 10, seed + 1_000);
        let scored = score_agents(&plan, &contact, &agents, true).unwrap();
        let again = score_agents(&plan, &contact, &agents, true).unwrap();
        let bits = |scored: &Scored| -> Vec<u32> { scored.parts.iter().map(|part| part.to_bits()).collect() };
        assert_eq!((scored.rows.len(), scored.parts.len()), (10, 50));
        assert_eq!((&scored.rows, bits(&scored)), (&again.rows, bits(&again)), "seed {seed}");
        assert!(scored.rows.iter().flatten().chain(&scored.parts).all(|n| n.is_finite()), "seed {seed}");
        refused += scored.rows.iter().filter(|row| row.is_none()).count();
        scores += scored.rows.iter().flatten().count();
    }
    assert!(refused > 100 && scores > 100, "{refused} refused, {scores} scores: the test has lost its point");
}

#[test]
fn the_widest_case_agrees_with_plain_arithmetic() {
    // 256 common numbers × 100 agents, as the benchmark has it; `idle-ms` is asked for beside them.
    let common: Vec<String> = (0..256).map(|at| format!("n{at}")).collect();
    let agent: Vec<String> = std::iter::once("idle-ms".to_owned()).chain(common.iter().cloned()).collect();
    let plan = Plan::new(Weights::default(), &common, &agent).unwrap();
    let contact: Vec<f32> = (0..256).map(|at| (at % 7) as f32 - 3.0).collect();
    let agents: Vec<f32> = (0..100 * 257).map(|at| if at % 257 == 0 { NAN } else { (at % 11) as f32 - 5.0 }).collect();
    let scored = score_agents(&plan, &contact, &agents, false).unwrap();
    for (row, got) in agents.chunks(257).zip(&scored.rows) {
        // Whole numbers: exact in any order.
        let expect: f32 = contact.iter().zip(&row[1..]).map(|(left, right)| left * right).sum();
        assert_eq!(*got, Some(expect));
    }
}
