//! The assignment keeps its rule: compared with trying everything.

use crate::matching::assign;
use proptest::prelude::*;
use std::cmp::Reverse;

type Scores = Vec<Vec<Option<i64>>>;

/// How good an assignment is, by the rule: who is served, then the scores, then the ranks.
fn worth(
    scores: &[Vec<Option<i64>>],
    ranks: &[usize],
    assigned: &[Option<usize>],
) -> (Vec<bool>, i128, Reverse<usize>) {
    let served = assigned.iter().map(Option::is_some).collect();
    let pairs = || assigned.iter().enumerate().filter_map(|(row, column)| Some((row, (*column)?)));
    let sum = pairs().map(|(row, column)| i128::from(scores[row][column].expect("never a refused pair"))).sum();
    let rank = pairs().map(|(row, column)| ranks[column] * (scores.len() - row)).sum();
    (served, sum, Reverse(rank))
}

/// The best there is, by trying every assignment.
fn best(scores: &Scores, ranks: &[usize]) -> (Vec<bool>, i128, Reverse<usize>) {
    fn try_all(
        scores: &Scores,
        ranks: &[usize],
        assigned: &mut Vec<Option<usize>>,
        found: &mut Option<(Vec<bool>, i128, Reverse<usize>)>,
    ) {
        let row = assigned.len();
        if row == scores.len() {
            let worth = worth(scores, ranks, assigned);
            if found.as_ref().is_none_or(|known| *known < worth) {
                *found = Some(worth);
            }
            return;
        }
        for column in (0..ranks.len()).map(Some).chain([None]) {
            let free = column.is_none_or(|column| !assigned.contains(&Some(column)) && scores[row][column].is_some());
            if free {
                assigned.push(column);
                try_all(scores, ranks, assigned, found);
                assigned.pop();
            }
        }
    }
    let mut found = None;
    try_all(scores, ranks, &mut Vec::new(), &mut found);
    found.unwrap()
}

fn cases() -> impl Strategy<Value = (Scores, Vec<usize>)> {
    (0usize..5, 0usize..5).prop_flat_map(|(rows, columns)| {
        let score = prop_oneof![2 => Just(None), 5 => (-3i64..4).prop_map(Some), 1 => any::<i64>().prop_map(Some)];
        let scores = prop::collection::vec(prop::collection::vec(score, columns), rows);
        (scores, Just((0..columns).collect::<Vec<_>>()).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_assignment_is_better((scores, ranks) in cases()) {
        let assigned = assign(&scores, &ranks);
        prop_assert_eq!(assigned.len(), scores.len());
        let mut columns: Vec<_> = assigned.iter().flatten().collect();
        columns.sort();
        columns.dedup();
        prop_assert_eq!(columns.len(), assigned.iter().flatten().count(), "nobody is assigned twice");
        prop_assert_eq!(worth(&scores, &ranks, &assigned), best(&scores, &ranks));
        prop_assert_eq!(&assigned, &assign(&scores, &ranks));
    }
}

#[test]
fn a_later_contact_never_takes_the_only_agent() {
    // The second scores far better, but the first is first.
    assert_eq!(assign(&[vec![Some(1)], vec![Some(1_000)]], &[0]), [Some(0), None]);
    // The first takes another agent for the second's sake, if that serves both.
    assert_eq!(assign(&[vec![Some(9), Some(1)], vec![Some(9), None]], &[0, 1]), [Some(1), Some(0)]);
    // Refused by all.
    assert_eq!(assign(&[vec![None, None], vec![Some(0), Some(0)]], &[1, 0]), [None, Some(1)]);
}

#[test]
fn a_full_batch_is_assigned() {
    let scores: Scores = (0..32i64).map(|row| (0..256i64).map(|column| Some((row * column) % 97)).collect()).collect();
    let ranks: Vec<usize> = (0..256).collect();
    let assigned = assign(&scores, &ranks);
    assert!(assigned.iter().enumerate().skip(1).all(|(row, column)| scores[row][column.unwrap()] == Some(96)));
}
