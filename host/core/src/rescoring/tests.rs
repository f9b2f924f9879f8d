use super::tally::{MAX_CHANGES, MAX_EXAMPLES};
use super::*;
use crate::decision::{AgentRow, Columns, ContactRow, PairScore};
use crate::ids::{DecisionId, Digest, QueueName};
use crate::time::Timestamp;
use proptest::prelude::*;

type Scores = Vec<Vec<Option<i64>>>;

fn scorer() -> DeploymentName {
    DeploymentName::new("skills").unwrap()
}

fn agent(number: usize) -> AgentId {
    AgentId::new(format!("a{number}")).unwrap()
}

/// A decision of contacts that had waited 1, 2, … seconds, as the board would have made it.
fn decision(scores: &Scores, ranks: &[u16], unfit: &[(u16, u16)]) -> Decision {
    let rows = scores.len();
    let contact = |row: usize| ContactId(row as u128 + 1);
    let mut made = Decision {
        id: DecisionId(7),
        asked_at: Timestamp(1),
        decided_at: Timestamp(2),
        queue: QueueName::new("support").unwrap(),
        scored_by: ScoredBy::Plugin(Digest([1; 32])),
        columns: Columns { contact: [WAITED.to_owned()].into(), agent: ["idle-ms".to_owned()].into() },
        contacts: (0..rows)
            .map(|row| ContactRow { contact: contact(row), values: vec![1000.0 * (row as f32 + 1.0)] })
            .collect(),
        agents: (0..ranks.len()).map(|at| AgentRow { agent: agent(at), values: vec![0.0] }).collect(),
        parts: Vec::new(),
        scores: scores
            .iter()
            .flatten()
            .map(|score_milli| PairScore { score_milli: *score_milli, parts: Vec::new() })
            .collect(),
        assigned: Vec::new(),
        left_out: Vec::new(),
        grounds: Some(Grounds { scorer: scorer(), ranks: ranks.to_vec(), unfit: unfit.to_vec() }),
    };
    let grounds = made.grounds.clone().unwrap();
    let assigned = Recorded { decision: &made, grounds: &grounds }.assignment(scores);
    let assigned = assigned.into_iter().enumerate().filter_map(|(row, agent)| Some((contact(row), agent?.clone())));
    made.assigned = assigned.collect();
    made
}

fn compared(decision: &Decision, scores: &Scores) -> Rescored {
    Recorded::new(decision, &scorer()).unwrap().compare(scores).unwrap()
}

/// Contact, who was given to it, who would have been.
fn changes(rescored: &Rescored) -> Vec<(u128, Option<String>, Option<String>)> {
    let name = |agent: &'_ Option<AgentId>| agent.as_ref().map(ToString::to_string);
    rescored.changes.iter().map(|change| (change.contact.0, name(&change.recorded), name(&change.candidate))).collect()
}

#[test]
fn other_scores_lead_to_the_assignment_that_they_would_have_led_to() {
    let even: Scores = vec![vec![Some(5), Some(5)], vec![Some(5), Some(5)]];
    // Ranks: a1 has been idle longest.
    for (name, unfit, now, expected) in [
        ("the same", &[][..], even.clone(), vec![]),
        ("other scores, the same order", &[], vec![vec![Some(7), Some(7)], vec![Some(7), Some(7)]], vec![]),
        (
            "the first with a0",
            &[],
            vec![vec![Some(9), Some(5)], vec![Some(5), Some(5)]],
            vec![(1, Some("a1"), Some("a0")), (2, Some("a0"), Some("a1"))],
        ),
        ("the second refused", &[], vec![vec![Some(5), Some(5)], vec![None, None]], vec![(2, Some("a0"), None)]),
        (
            "a score for those who must not be",
            &[(0, 0), (1, 0)],
            vec![vec![Some(99), Some(5)], vec![Some(99), Some(6)]],
            vec![],
        ),
        (
            "the first refused where one can be served",
            &[(0, 0), (1, 0)],
            vec![vec![Some(99), None], vec![Some(5), Some(5)]],
            vec![(1, Some("a1"), None), (2, None, Some("a1"))],
        ),
    ] {
        let made = decision(&even, &[1, 0], unfit);
        let expected: Vec<(u128, Option<&str>, Option<&str>)> = expected;
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(row, one, other)| (row, one.map(String::from), other.map(String::from)))
            .collect();
        assert_eq!(changes(&compared(&made, &now)), expected, "{name}");
    }
}

#[test]
fn scores_and_waiting_are_counted() {
    let before: Scores = vec![vec![Some(1), None], vec![Some(2), None]];
    let now: Scores = vec![vec![None, None], vec![Some(2), Some(-3)]];
    let rescored = compared(&decision(&before, &[0, 1], &[]), &now);
    assert_eq!(rescored.pairs, Pairs { equal: 2, other: 0, newly_refused: 1, newly_accepted: 1 });
    assert_eq!(rescored.recorded, Served { contacts: 1, waited_ms: 1000 });
    assert_eq!(rescored.candidate, Served { contacts: 1, waited_ms: 2000 });
    assert!(rescored.others_served());
    assert_eq!(rescored.changes[0].waited_ms, 1000);
}

#[test]
fn what_cannot_be_made_again_is_skipped_with_its_reason() {
    let good = decision(&vec![vec![Some(1), Some(2)]], &[0, 1], &[]);
    let grounds = good.grounds.clone().unwrap();
    let version = Digest([1; 32]);
    let with = |change: &dyn Fn(&mut Decision)| {
        let mut changed = good.clone();
        change(&mut changed);
        Recorded::new(&changed, &scorer()).map(drop)
    };
    assert_eq!(with(&|_| ()), Ok(()));
    assert_eq!(with(&|made| made.scored_by = ScoredBy::LongestIdle), Err(Skip::NoScorer));
    let fallback = ScoredBy::Fallback { version, reason: "trap".into() };
    assert_eq!(with(&|made| made.scored_by = fallback.clone()), Err(Skip::Fallback));
    assert_eq!(with(&|made| made.grounds = None), Err(Skip::NoGrounds));
    assert_eq!(with(&|made| made.contacts[0].values.clear()), Err(Skip::Erased));
    let other = DeploymentName::new("other").unwrap();
    assert_eq!(Recorded::new(&good, &other).map(drop), Err(Skip::OtherDeployment));
    let grounded = |ranks: Vec<u16>, unfit: Vec<(u16, u16)>| Some(Grounds { ranks, unfit, ..grounds.clone() });
    for change in [
        &|made: &mut Decision| made.scores.truncate(1),
        &|made| made.grounds = grounded(vec![0], vec![]),
        &|made| made.grounds = grounded(vec![0, 1], vec![(1, 0)]),
        &|made| made.grounds = grounded(vec![0, 1], vec![(0, 2)]),
        &|made| made.assigned[0].1 = agent(0),
        &|made| made.assigned[0].0 = ContactId(9),
        &|made| made.assigned.clear(),
        &|made| made.agents[1].values.clear(),
        &|made| made.contacts[0].values.push(0.0),
        &|made| made.contacts = vec![made.contacts[0].clone(); MAX_CONTACTS + 1],
    ] as [&dyn Fn(&mut Decision); 10]
    {
        assert_eq!(with(change), Err(Skip::Inconsistent));
    }
    let recorded = Recorded::new(&good, &scorer()).unwrap();
    for wrong in [vec![], vec![vec![Some(1)]], vec![vec![Some(1), None], vec![Some(1), None]]] {
        assert_eq!(recorded.compare(&wrong), Err(WrongShape), "{wrong:?}");
    }
}

#[test]
fn decisions_add_up_and_stay_bounded() {
    let mut tally = Tally::default();
    let good = decision(&vec![vec![Some(1), Some(2)], vec![Some(1), None]], &[0, 1], &[]);
    let swapped: Scores = vec![vec![Some(1), None], vec![None, Some(1)]];
    for id in (0..8).rev() {
        let made = Decision { id: DecisionId(id), decided_at: Timestamp(100 + id), ..good.clone() };
        let recorded = Recorded::new(&made, &scorer()).unwrap();
        tally.add(&recorded, recorded.compare(&swapped).unwrap());
    }
    let recorded = Recorded::new(&good, &scorer()).unwrap();
    tally.add(&recorded, compared(&good, &vec![vec![Some(1), Some(2)], vec![Some(1), None]]));
    tally.add(&recorded, compared(&good, &vec![vec![Some(1), Some(3)], vec![Some(1), None]]));
    tally.add(&recorded, compared(&good, &vec![vec![None, Some(2)], vec![None, None]]));
    tally.fail(&recorded, "trap", "unreachable\n at".into());
    tally.skip(Skip::NoScorer);
    tally.skip_many(Skip::Damaged, 0);
    assert_eq!((tally.looked_at, tally.compared, tally.agreed, tally.same_scores), (13, 12, 2, 1));
    assert_eq!((tally.diverged, tally.failed(), tally.by_another, tally.not_served), (9, 1, 16, 1));
    assert_eq!((tally.agreement(), tally.share_compared()), (16_666, 92_307));
    assert_eq!((tally.recorded.contacts, tally.candidate.contacts, tally.recorded.mean_ms()), (22, 21, 1500));
    assert_eq!(tally.first_difference, Some((Timestamp(2), DecisionId(7))));
    assert_eq!(tally.skipped.clone().into_iter().collect::<Vec<_>>(), [(Skip::NoScorer, 1)]);
    assert_eq!(tally.failures["trap"].examples[0].detail, "unreachable");
    let groups = tally.differences();
    assert_eq!(
        groups.iter().map(|(_, others, group)| (*others, group.decisions)).collect::<Vec<_>>(),
        [(false, 8), (true, 1)]
    );
    assert_eq!(groups[0].2.examples.len(), MAX_EXAMPLES);
    assert_eq!(groups[0].2.examples[0].decision, DecisionId(7), "the first come");
    assert!(groups[0].2.examples[0].changes.len() <= MAX_CHANGES);
}

fn cases() -> impl Strategy<Value = (Scores, Scores, Vec<u16>, Vec<(u16, u16)>)> {
    (1usize..5, 1usize..5).prop_flat_map(|(rows, columns)| {
        let score = prop_oneof![2 => Just(None), 5 => (-3i64..4).prop_map(Some), 1 => any::<i64>().prop_map(Some)];
        let scores = prop::collection::vec(prop::collection::vec(score, columns), rows);
        let ranks = Just((0..columns as u16).collect::<Vec<_>>()).prop_shuffle();
        let unfit = prop::collection::btree_set((0..rows as u16, 0..columns as u16), 0..4);
        (scores.clone(), scores, ranks, unfit.prop_map(|pairs| pairs.into_iter().collect()))
    })
}

proptest! {
    #[test]
    fn a_scorer_agrees_with_itself_and_no_pair_is_made_that_must_not_be((before, now, ranks, unfit) in cases()) {
        let made = decision(&before, &ranks, &unfit);
        let itself = compared(&made, &before);
        prop_assert!(itself.changes.is_empty());
        prop_assert_eq!(itself.recorded, itself.candidate);
        prop_assert_eq!(itself.pairs.equal, made.scores.len() as u64);

        let rescored = compared(&made, &now);
        let counted = rescored.pairs;
        let all = counted.equal + counted.other + counted.newly_refused + counted.newly_accepted;
        prop_assert_eq!(all, made.scores.len() as u64);
        // What it would have led to is a decision of its own, from which the recorded one differs in the same contacts.
        let other = decision(&now, &ranks, &unfit);
        let back = compared(&other, &before);
        prop_assert_eq!((back.recorded, back.candidate), (rescored.candidate, rescored.recorded));
        let turned: Vec<Change> = back
            .changes
            .iter()
            .cloned()
            .map(|change| Change { recorded: change.candidate, candidate: change.recorded, ..change })
            .collect();
        prop_assert_eq!(&turned, &rescored.changes);
        for (contact, agent) in &other.assigned {
            let row = contact.0 as usize - 1;
            let column = other.agents.iter().position(|row| row.agent == *agent).unwrap();
            prop_assert!(now[row][column].is_some() && !unfit.contains(&(row as u16, column as u16)));
        }
    }
}
