use super::statistics::{above, at_least, spend, upper, worse};
use super::*;
use crate::config::World;
use crate::ids::Digest;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const MINUTE_MS: u64 = 60_000;

fn share(percent: u16) -> Share {
    Share::new(percent * 100).unwrap()
}

fn guard(measure: Measure) -> Guard {
    Guard { measure, margin: Share::NONE, most: None, minimum: 5 }
}

fn rollout(percent: u16, guards: Vec<Guard>) -> Rollout {
    Rollout {
        id: 1,
        version: Digest([2; 32]),
        plan: Plan {
            sticky: Sticky::Contact,
            rules: vec![],
            stages: vec![Stage { share: share(percent), until: None }],
            guards,
            window_ms: 30 * MINUTE_MS,
            false_alarms: share(1),
        },
        stage: 0,
        since: Timestamp(0),
    }
}

/// One call of the split mix generator.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// True with a probability in ten thousandths.
fn happens(state: &mut u64, ten_thousandths: u64) -> bool {
    next(state) % 10_000 < ten_thousandths
}

fn arm_of(rollout: &Rollout, contact: u128, caller: &str) -> Arm {
    let subject = Subject {
        contact: ContactId(contact),
        caller,
        dialled: "100",
        queue: None,
        attributes: &BTreeMap::new(),
        at: Timestamp(0),
    };
    rollout.arm(&TenantId::default_tenant(), &DeploymentName::new("reception").unwrap(), &subject)
}

#[test]
fn ten_thousand_contacts_are_split_within_one_percent() {
    for percent in [1, 5, 10, 50, 90] {
        let rollout = rollout(percent, vec![]);
        // Contacts as they are numbered: by time and chance.
        let mut state = u64::from(percent);
        let chosen = (0..10_000u128).filter(|n| {
            let id = (n << 80) | u128::from(next(&mut state));
            arm_of(&rollout, id, "") == Arm::Canary
        });
        let found = chosen.count() as f64 / 100.0;
        assert!((found - f64::from(percent)).abs() < 1.0, "{percent} % were {found} %");
    }
    assert!((0..1_000).all(|n| arm_of(&rollout(0, vec![]), n, "") == Arm::Stable));
    assert!((0..1_000).all(|n| arm_of(&rollout(100, vec![]), n, "") == Arm::Canary));
}

#[test]
fn rule_18_a_larger_share_only_adds_and_another_version_draws_anew() {
    let chosen = |rollout: &Rollout| -> BTreeSet<u128> {
        (0..5_000).filter(|n| arm_of(rollout, *n, "") == Arm::Canary).collect()
    };
    let (one, ten, half) = (rollout(1, vec![]), rollout(10, vec![]), rollout(50, vec![]));
    assert!(chosen(&one).is_subset(&chosen(&ten)) && chosen(&ten).is_subset(&chosen(&half)));
    let other = Rollout { version: Digest([3; 32]), ..ten.clone() };
    assert!(chosen(&other).intersection(&chosen(&ten)).count() < 150, "not the same callers every time");
}

#[test]
fn callers_stick_if_asked_and_whoever_has_no_number_is_drawn_by_contact() {
    let mut by_caller = rollout(50, vec![]);
    by_caller.plan.sticky = Sticky::Caller;
    for caller in ["+15550001", "+15550002", "+15550003"] {
        let first = arm_of(&by_caller, 1, caller);
        assert!((2..100).all(|n| arm_of(&by_caller, n, caller) == first));
    }
    let anonymous: BTreeSet<_> = (0..100).map(|n| arm_of(&by_caller, n, "")).collect();
    assert_eq!(anonymous.len(), 2);
}

#[test]
fn the_first_rule_that_fits_decides() {
    let rule = |when, then| Rule { when, then };
    let number = |text: &str| Some(text.to_owned());
    let mut canary = rollout(0, vec![]);
    canary.plan.rules = vec![
        rule(Condition { caller: number("+49*"), dialled: number("200"), ..Condition::default() }, Verdict::Stable),
        rule(Condition { caller: number("+49*"), ..Condition::default() }, Verdict::Canary),
        rule(Condition { queue: number("vip"), ..Condition::default() }, Verdict::Canary),
        rule(Condition { attribute: Some(("tier".into(), number("gold"))), ..Condition::default() }, Verdict::Canary),
        rule(Condition { attribute: Some(("beta".into(), None)), ..Condition::default() }, Verdict::Canary),
    ];
    let with = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let none = BTreeMap::new();
    for (caller, dialled, queue, attributes, expected) in [
        ("+4930123", "100", None, &none, Arm::Canary),
        ("+4930123", "200", None, &none, Arm::Stable),
        ("+1555", "100", None, &none, Arm::Stable),
        ("+1555", "100", Some("vip"), &none, Arm::Canary),
        ("+1555", "100", Some("all"), &none, Arm::Stable),
        ("+1555", "100", None, &with("tier", "gold"), Arm::Canary),
        ("+1555", "100", None, &with("tier", "tin"), Arm::Stable),
        ("+1555", "100", None, &with("beta", ""), Arm::Canary),
        ("", "", None, &none, Arm::Stable),
    ] {
        let contact = ContactId(7);
        let subject = Subject { contact, caller, dialled, queue, attributes, at: Timestamp(0) };
        let name = DeploymentName::new("reception").unwrap();
        let found = canary.arm(&TenantId::default_tenant(), &name, &subject);
        assert_eq!(found, expected, "{caller} {dialled} {queue:?} {attributes:?}");
    }
}

#[test]
fn hours_hold_as_the_table_says() {
    // 2026-11-28 was a Saturday; 00:00 UTC.
    const SATURDAY_MS: u64 = 1_795_824_000_000;
    let weekdays = 0b001_1111;
    let saturday = 1 << 5;
    for (days, from, to, offset, hour, minute, expected) in [
        (weekdays, 480, 1_080, 0, 9, 0, false),
        (saturday, 480, 1_080, 0, 9, 0, true),
        (saturday, 480, 1_080, 0, 8, 0, true),
        (saturday, 480, 1_080, 0, 7, 59, false),
        (saturday, 480, 1_080, 0, 18, 0, false),
        (saturday, 0, 1_440, 0, 23, 59, true),
        // Tokyo is ahead: it is Sunday there.
        (saturday, 0, 1_440, 540, 16, 0, false),
        (saturday, 0, 1_440, 540, 14, 59, true),
        // Over midnight: Friday's night reaches into Saturday, Saturday's doesn't begin before 22:00.
        (1 << 4, 1_320, 360, 0, 5, 59, true),
        (1 << 4, 1_320, 360, 0, 6, 0, false),
        (saturday, 1_320, 360, 0, 5, 0, false),
        (saturday, 1_320, 360, 0, 22, 0, true),
        (0, 0, 1_440, 0, 12, 0, false),
    ] {
        let hours = Hours { days, from_min: from, to_min: to, utc_offset_min: offset };
        let at = Timestamp::from_ms(SATURDAY_MS + (hour * 60 + minute) * MINUTE_MS);
        assert_eq!(hours.holds(at), expected, "{hours:?} at {hour}:{minute:02}");
    }
    let far = Hours { days: 127, from_min: 0, to_min: 1_440, utc_offset_min: i16::MIN };
    assert!(far.holds(Timestamp(0)) && far.holds(Timestamp(u64::MAX)));
}

/// The same by adding up, for few contacts.
fn tail(bad: u32, of: u32, probability: f64) -> f64 {
    let choose = |k: u32| (0..k).fold(1.0, |product, i| product * f64::from(of - i) / f64::from(i + 1));
    let term = |k: u32| choose(k) * probability.powi(k as i32) * (1.0 - probability).powi((of - k) as i32);
    (bad..=of).map(term).sum()
}

proptest! {
    #[test]
    fn tails_are_those_of_the_binomial_distribution(of in 1u32..60, bad in 0u32..60, hundredths in 1u32..100) {
        let (bad, probability) = (bad.min(of), f64::from(hundredths) / 100.0);
        let found = at_least(Counted { bad, of }, probability);
        prop_assert!((found - tail(bad, of, probability)).abs() < 1e-9, "{found}");
    }

    #[test]
    fn the_upper_end_is_where_so_few_become_improbable(of in 1u32..2_000, bad in 0u32..2_000, tenths in 1u32..500) {
        let (counted, error) = (Counted { bad: bad.min(of), of }, f64::from(tenths) / 1_000.0);
        let end = upper(counted, error);
        prop_assert!(end >= counted.fraction() || (counted.fraction() - end) < 0.5);
        if counted.bad < of {
            let at_most = 1.0 - at_least(Counted { bad: counted.bad + 1, of }, end);
            prop_assert!((at_most - error).abs() < 1e-6, "{at_most} for {error}");
        } else {
            prop_assert_eq!(end, 1.0);
        }
    }

    #[test]
    fn nothing_is_refuted_that_is_no_worse(of in 1u32..5_000, bad in 0u32..5_000, more in 0u32..5_000) {
        let counted = Counted { bad: bad.min(of), of };
        let no_better = Counted { bad: (counted.bad + more).min(of), of };
        prop_assert!(!worse(counted, no_better, 0.0, 0.05));
        prop_assert!(!above(counted, counted.fraction(), 0.05));
    }
}

#[test]
fn a_clear_case_is_seen_with_few_contacts_and_a_doubtful_one_is_not() {
    let counted = |bad, of| Counted { bad, of };
    let error = spend(0.01, 3) / 6.0;
    for (canary, stable, margin, expected) in [
        (counted(5, 5), counted(0, 95), 0.0, true),
        (counted(5, 5), counted(0, 0), 0.0, false),
        (counted(5, 9), counted(0, 300), 0.0, true),
        (counted(2, 5), counted(0, 95), 0.0, false),
        (counted(10, 10), counted(95, 95), 0.0, false),
        (counted(8, 10), counted(20, 400), 0.02, true),
        (counted(60, 500), counted(500, 9_500), 0.0, true),
        (counted(60, 500), counted(500, 9_500), 0.1, false),
    ] {
        assert_eq!(worse(canary, stable, margin, error), expected, "{canary:?} {stable:?} {margin}");
    }
    let all: f64 = (1..100_000).map(|look| spend(0.01, look)).sum();
    assert!(all < 0.01 && all > 0.0099);
}

/// Contacts one after the other, each over before the next, with these probabilities of going wrong in ten thousandths;
/// how many the canary had got when it was taken back.
fn until_taken_back(
    seed: u64,
    percent: u16,
    stable: u64,
    canary: u64,
    contacts: u32,
    guards: Vec<Guard>,
) -> Option<u32> {
    let rollout = rollout(percent, guards);
    let mut watch = Watch::new(&rollout);
    let (mut state, mut got) = (seed, 0);
    for n in 0..contacts {
        let now = Timestamp::from_ms(u64::from(n) * 500);
        let arm = if happens(&mut state, u64::from(percent) * 100) { Arm::Canary } else { Arm::Stable };
        let mut trial = watch.begin(arm, now);
        let often = if arm == Arm::Canary { canary } else { stable };
        got += u32::from(arm == Arm::Canary);
        for figure in [Figure::Traps, Figure::Descents, Figure::HangUps] {
            if happens(&mut state, often) {
                watch.mark(&mut trial, Mark::Bad(figure));
            }
        }
        watch.mark(&mut trial, Mark::Over(&BTreeMap::new()));
        if watch.look(now).is_some() {
            return Some(got);
        }
    }
    None
}

fn three() -> Vec<Guard> {
    [Figure::Traps, Figure::Descents, Figure::HangUps]
        .into_iter()
        .map(|figure| guard(Measure::Figure(figure)))
        .collect()
}

#[test]
fn a_version_that_is_no_worse_is_hardly_ever_taken_back() {
    // 1 % is what may be, over a whole attempt: with as many looks as there are here, far fewer are found.
    for (percent, often) in [(5, 300), (50, 1_000)] {
        let alarms = (0..400).filter(|seed| until_taken_back(*seed, percent, often, often, 3_000, three()).is_some());
        let alarms = alarms.count();
        assert!(alarms <= 4, "{alarms} of 400 at {percent} %");
    }
}

#[test]
fn a_version_that_always_fails_is_taken_back_after_a_few_contacts() {
    let got: Vec<_> = (0..100).map(|seed| until_taken_back(seed, 5, 100, 10_000, 4_000, three()).unwrap()).collect();
    assert!(got.iter().all(|got| *got <= 12), "{got:?}");
    // A version that is somewhat worse is found as well, later.
    let found = (0..50).filter(|seed| until_taken_back(*seed, 20, 200, 1_000, 6_000, three()).is_some()).count();
    assert!(found >= 48, "{found} of 50");
}

#[test]
fn the_window_slides_but_keeps_a_hundred_contacts() {
    let rollout = rollout(50, three());
    let mut watch = Watch::new(&rollout);
    for n in 0..300u64 {
        let mut trial = watch.begin(Arm::Stable, Timestamp::from_ms(n * 30_000));
        watch.mark(&mut trial, Mark::Bad(Figure::Traps));
        watch.mark(&mut trial, Mark::Bad(Figure::Traps));
        watch.mark(&mut trial, Mark::Over(&BTreeMap::new()));
    }
    let of = |watch: &mut Watch, at| watch.compare(Timestamp::from_ms(at)).compared[0].stable;
    // 31 minutes at two a minute.
    let then = of(&mut watch, 300 * 30_000);
    assert!(then.of == then.bad && (100..=101).contains(&then.of), "{then:?}");
    // The clock jumps by a year: there is still something to compare with, and as little as before.
    let later = of(&mut watch, 365 * 86_400_000);
    assert_eq!(later.of, 100);
    // Whoever began before the window is forgotten.
    let mut old = watch.begin(Arm::Canary, Timestamp::from_ms(400 * 86_400_000));
    for n in 0..200u64 {
        let _ = watch.begin(Arm::Canary, Timestamp::from_ms((401 + n) * 86_400_000));
    }
    watch.mark(&mut old, Mark::Bad(Figure::Traps));
    assert_eq!(watch.compare(Timestamp::from_ms(900 * 86_400_000)).compared[0].canary.bad, 0);
}

#[test]
fn a_stage_is_over_when_time_and_contacts_have_come_and_nothing_is_in_doubt() {
    let rollout = rollout(50, three());
    let mut watch = Watch::new(&rollout);
    let stage = Stage { share: share(50), until: Some(Until { after_ms: 10 * MINUTE_MS, contacts: 10 }) };
    let minute = |n: u64| Timestamp::from_ms(n * MINUTE_MS);
    let contact = |watch: &mut Watch, arm, bad: bool| {
        let mut trial = watch.begin(arm, minute(1));
        if bad {
            watch.mark(&mut trial, Mark::Bad(Figure::HangUps));
        }
        watch.mark(&mut trial, Mark::Over(&BTreeMap::new()));
    };
    (0..9).for_each(|_| contact(&mut watch, Arm::Canary, false));
    (0..50).for_each(|_| contact(&mut watch, Arm::Stable, false));
    assert!(!watch.is_over(&stage, minute(0), minute(11)), "a contact is missing");
    contact(&mut watch, Arm::Canary, false);
    assert!(!watch.is_over(&stage, minute(0), minute(9)) && watch.is_over(&stage, minute(0), minute(10)));
    (0..4).for_each(|_| contact(&mut watch, Arm::Canary, true));
    assert!(watch.look(minute(11)).is_none(), "no proof");
    assert_eq!(watch.doubt(minute(11)).unwrap().measure, Measure::Figure(Figure::HangUps));
    assert!(!watch.is_over(&stage, minute(0), minute(11)), "but a doubt");
    watch.next_stage();
    assert_eq!(watch.compare(minute(11)).settled_in_stage, 0);
    assert!(!watch.is_over(&Stage { until: None, ..stage }, minute(0), minute(1_000)));
}

#[test]
fn guards_of_their_own_kind_count_those_whom_they_concern() {
    let guards = vec![
        guard(Measure::SlowSteps { factor_tenths: 20, at_least_ms: 50 }),
        guard(Measure::HangUpsIn("menu".into())),
        guard(Measure::Attribute("survey".into(), Some("bad".into()))),
    ];
    let mut watch = Watch::new(&rollout(50, guards));
    let survey = |value: &str| BTreeMap::from([("survey".to_owned(), value.to_owned())]);
    for (arm, took_ms, hangs_up, value) in [
        (Arm::Stable, 3, false, "good"),
        (Arm::Stable, 4, false, "good"),
        (Arm::Canary, 200, true, "bad"),
        (Arm::Canary, 40, false, "good"),
    ] {
        let mut trial = watch.begin(arm, Timestamp(0));
        watch.mark(&mut trial, Mark::Step { took_us: 1_000 });
        watch.mark(&mut trial, Mark::Step { took_us: took_ms * 1_000 });
        watch.mark(&mut trial, Mark::Asked("menu"));
        if hangs_up {
            watch.mark(&mut trial, Mark::HungUp(Some("menu")));
        }
        watch.mark(&mut trial, Mark::Over(&survey(value)));
    }
    // Somebody who was never asked.
    let mut trial = watch.begin(Arm::Canary, Timestamp(0));
    watch.mark(&mut trial, Mark::HungUp(None));
    // Somebody whose step isn't over: it counts once, by how long it takes in the end, and not among the steps.
    let mut trial = watch.begin(Arm::Canary, Timestamp(0));
    for took_ms in [20, 300, 900] {
        watch.mark(&mut trial, Mark::Running { took_us: took_ms * 1_000 });
    }
    let seen = watch.compare(Timestamp(0));
    let of = |name: &str| seen.compared.iter().find(|compared| compared.name == name).unwrap();
    let counted = |bad, of| Counted { bad, of };
    assert_eq!((of("step-latency").canary, of("step-latency").stable), (counted(2, 4), counted(0, 2)));
    assert_eq!((of("hang-ups in `menu`").canary, of("hang-ups in `menu`").stable), (counted(1, 2), counted(0, 2)));
    let attribute = of("attribute `survey` = `bad`");
    assert_eq!((attribute.canary, attribute.stable), (counted(1, 2), counted(0, 2)));
    assert_eq!(of("hang-ups").canary, counted(2, 4));
    assert!((3.9..6.0).contains(&seen.stable_p99_ms.unwrap()) && seen.canary_p99_ms.unwrap() > 199.0);
}

#[test]
fn guards_wait_for_their_minimum_and_know_a_bound_of_their_own() {
    let with = |minimum, most| Guard { minimum, most, ..guard(Measure::Figure(Figure::Traps)) };
    let fail = |guard: Guard, stable_fails: bool, contacts: u32| {
        let mut watch = Watch::new(&rollout(50, vec![guard]));
        for arm in [Arm::Stable, Arm::Canary] {
            for _ in 0..if arm == Arm::Canary { contacts } else { 100 } {
                let mut trial = watch.begin(arm, Timestamp(0));
                if arm == Arm::Canary || stable_fails {
                    watch.mark(&mut trial, Mark::Bad(Figure::Traps));
                }
                watch.mark(&mut trial, Mark::Over(&BTreeMap::new()));
            }
        }
        watch.look(Timestamp(0))
    };
    assert!(fail(with(20, None), false, 19).is_none());
    let breach = fail(with(20, None), false, 20).unwrap();
    assert_eq!(breach.to_string(), "traps: 20 of 20 contacts, with the stable version 0 of 100");
    assert!(fail(with(5, None), true, 20).is_none(), "both fail: something else is broken");
    let breach = fail(with(5, Some(share(10))), true, 20).unwrap();
    assert_eq!(breach.to_string(), "traps: 20 of 20 contacts, at most 10 % are allowed");
}

#[test]
fn what_cannot_be_meant_is_refused_by_its_place() {
    let all = Condition::default();
    let caller = |text: &str| Condition { caller: Some(text.into()), ..Condition::default() };
    let rule = |when, then| Rule { when, then };
    let hours = |days, from_min, to_min| {
        let hours = Some(Hours { days, from_min, to_min, utc_offset_min: 0 });
        rule(Condition { hours, ..Condition::default() }, Verdict::Canary)
    };
    let until = Some(Until { after_ms: 1, contacts: 0 });
    let stage = |percent, until| Stage { share: share(percent), until };
    let good = rollout(10, three()).plan;
    let with_rules = |rules| Plan { rules, ..good.clone() };
    let with_stages = |stages| Plan { stages, ..good.clone() };
    let with_guard = |guard| Plan { guards: vec![guard], ..good.clone() };
    for (world, plan, expected) in [
        (World::Flow, good.clone(), None),
        (World::Flow, with_stages(vec![]), Some(("out-of-bounds", "stages"))),
        (World::Flow, with_stages(vec![stage(0, None)]), Some(("out-of-bounds", "stages[0]"))),
        (World::Flow, with_stages(vec![stage(10, until), stage(5, None)]), Some(("stages-fall", "stages[1]"))),
        (World::Flow, with_stages(vec![stage(10, None), stage(50, None)]), Some(("stages-fall", "stages[0]"))),
        (World::Flow, with_stages(vec![stage(10, until), stage(10, None)]), None),
        (World::Flow, Plan { window_ms: 59_999, ..good.clone() }, Some(("out-of-bounds", "window_s"))),
        (World::Flow, Plan { false_alarms: Share::NONE, ..good.clone() }, Some(("out-of-bounds", "false_alarms"))),
        (World::Flow, with_rules(vec![rule(caller("1*"), Verdict::Canary), rule(all.clone(), Verdict::Stable)]), None),
        (
            World::Flow,
            with_rules(vec![rule(all.clone(), Verdict::Stable), rule(caller("1*"), Verdict::Canary)]),
            Some(("rule-never-matches", "rules[1]")),
        ),
        (
            World::Flow,
            with_rules(vec![rule(caller("1*"), Verdict::Stable), rule(caller("12"), Verdict::Canary)]),
            Some(("rule-never-matches", "rules[1]")),
        ),
        (World::Flow, with_rules(vec![rule(caller(""), Verdict::Canary)]), Some(("out-of-bounds", "rules[0]"))),
        (World::Flow, with_rules(vec![hours(0, 0, 1_440)]), Some(("rule-never-matches", "rules[0]"))),
        (World::Flow, with_rules(vec![hours(127, 1_440, 60)]), Some(("rule-never-matches", "rules[0]"))),
        (
            World::Flow,
            with_rules(vec![rule(Condition { queue: Some("a".into()), ..all.clone() }, Verdict::Canary)]),
            Some(("rule-never-matches", "rules[0]")),
        ),
        (
            World::Scorer,
            Plan {
                guards: vec![],
                ..with_rules(vec![rule(Condition { queue: Some("a".into()), ..all }, Verdict::Canary)])
            },
            None,
        ),
        (World::Scorer, good.clone(), Some(("unknown-figure", "guards[0]"))),
        (
            World::Flow,
            with_guard(Guard { minimum: 0, ..guard(Measure::Figure(Figure::Traps)) }),
            Some(("out-of-bounds", "guards[0].minimum")),
        ),
        (World::Crm, with_guard(guard(Measure::Figure(Figure::Deadlines))), None),
        (World::Crm, with_guard(guard(Measure::Attribute("a".into(), None))), Some(("unknown-figure", "guards[0]"))),
        (
            World::Flow,
            with_guard(guard(Measure::SlowSteps { factor_tenths: 1, at_least_ms: 1 })),
            Some(("out-of-bounds", "guards[0]")),
        ),
    ] {
        let found = plan.check(world).err();
        assert_eq!(found.as_ref().map(|error| (error.code, error.place.as_str())), expected, "{plan:?}");
    }
}
