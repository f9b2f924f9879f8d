//! What a canary costs the board: `cargo run --example canaries -- [CONTACTS]`.
//!
//! The same contacts, one after the other, each answered, asked and served, on a board without a canary, and on one where
//! half of them get one, with the usual guards and with none. Then what a look at the guards costs by itself.

// clippy allows this in test functions only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use cordboard_core::board::{Board, Effect, Input, LegOffer, LegSource};
use cordboard_core::config::{Deployment, EntryPoint, World};
use cordboard_core::flow::{Address, Choice, FlowEnd, Prompt, PromptPart, Question, Request, RunEnd, TypeAhead};
use cordboard_core::ids::{ContactId, DeploymentName, Digest, EntryPointName, LegId, RunId, TenantId};
use cordboard_core::rollout::{Arm, Figure, Guard, Mark, Measure, Plan, Rollout, Share, Stage, Sticky, Watch};
use cordboard_core::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Instant;

const START_MS: u64 = 1_790_000_000_000;

fn rollout(guards: Vec<Guard>) -> Rollout {
    Rollout {
        id: 1,
        version: Digest([2; 32]),
        plan: Plan {
            sticky: Sticky::Caller,
            rules: vec![],
            stages: vec![Stage { share: Share::new(5_000).unwrap(), until: None }],
            guards,
            window_ms: 1_800_000,
            false_alarms: Share::new(100).unwrap(),
        },
        stage: 0,
        since: Timestamp::from_ms(START_MS),
    }
}

fn guards() -> Vec<Guard> {
    let figures = [Figure::Traps, Figure::Deadlines, Figure::Descents, Figure::HangUps, Figure::Abandonment];
    let measures = figures.map(Measure::Figure).into_iter();
    let measures = measures.chain([Measure::SlowSteps { factor_tenths: 20, at_least_ms: 100 }]);
    measures.map(|measure| Guard { measure, margin: Share::NONE, most: None, minimum: 5 }).collect()
}

fn board(rollout: Option<Rollout>) -> Board {
    let name = DeploymentName::new("reception").unwrap();
    let mut board = Board::new(TenantId::default_tenant(), 7);
    let mut give = |input| {
        board.handle(Timestamp::from_ms(START_MS), input);
        while board.poll_effect().is_some() {}
    };
    let deployment = Deployment::new(name.clone(), World::Flow, Digest([1; 32]));
    give(Input::PutDeployment(Deployment { rollout: rollout.map(Box::new), ..deployment }));
    give(Input::PutEntryPoint(EntryPoint {
        name: EntryPointName::new("main").unwrap(),
        numbers: vec!["100".into()],
        deployment: name,
        safe_flow: None,
        fallback_queue: None,
    }));
    board
}

fn menu() -> Request {
    Request::Ask(Question {
        id: "menu".into(),
        prompt: Prompt(vec![PromptPart::Text("?".into())]),
        choices: vec![Choice { id: "balance".into(), key: Some('1'), words: vec![] }],
        digits: None,
        silence_timeout_ms: 5_000,
        key_timeout_ms: 2_000,
        type_ahead: TypeAhead::Keep,
        secret: false,
    })
}

/// A contact from its offer to its end.
fn serve(board: &mut Board, number: u64) {
    let now = Timestamp::from_ms(START_MS + number * 500);
    let leg = LegId(number + 1);
    let mut flow: Option<(ContactId, RunId)> = None;
    let mut give = |input: Input| {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            board.handle(now, input);
            while let Some(effect) = board.poll_effect() {
                match effect {
                    Effect::StartFlow { contact, run, .. } => flow = Some((contact, run)),
                    Effect::Journal { contact, frame, sync: true, .. } => {
                        inputs.push(Input::JournalDurable { contact, frame });
                    }
                    _ => {}
                }
            }
        }
        flow
    };
    let address =
        |number: String| Address { uri: format!("sip:{number}@test"), number: Some(number), display_name: None };
    let (origin, dialled) = (address(format!("+1555{number:06}")), address("100".into()));
    let source = LegSource::Trunk("trunk".into());
    let (contact, run) = give(Input::LegOffered(LegOffer { leg, origin, dialled, source })).expect("a flow");
    give(Input::FlowRequested { contact, run, request: Request::Answer });
    give(Input::LegAnswered(leg));
    give(Input::FlowRequested { contact, run, request: menu() });
    give(Input::Digit(leg, '1'));
    give(Input::FlowEnded { contact, run, end: RunEnd::Returned(FlowEnd::Completed) });
}

fn us_each(contacts: u64, rollout: Option<Rollout>) -> f64 {
    let mut board = board(rollout);
    (0..200).for_each(|number| serve(&mut board, number));
    let began = Instant::now();
    (200..200 + contacts).for_each(|number| serve(&mut board, number));
    began.elapsed().as_secs_f64() * 1e6 / contacts as f64
}

fn main() {
    let contacts = std::env::args().nth(1).map_or(20_000, |text| text.parse().expect("a number of contacts"));
    let mut best = [f64::MAX; 3];
    for _ in 0..5 {
        for (best, rollout) in best.iter_mut().zip([None, Some(rollout(vec![])), Some(rollout(guards()))]) {
            *best = best.min(us_each(contacts, rollout));
        }
    }
    let [without, with, guarded] = best;
    println!("a contact on the board, without a canary: {without:.1} us");
    println!("a contact on the board, with a canary for every second: {with:.1} us, {:.2} x", with / without);
    println!("a contact on the board, with six guards as well: {guarded:.1} us, {:.2} x", guarded / without);
    look();
}

/// A look where every figure is somewhat worse, so that every test is made.
fn look() {
    const CONTACTS: u32 = 2_000;
    let rollout = rollout(guards());
    let (mut spent, mut looks) = (0.0, 0);
    let mut watch = Watch::new(&rollout);
    for number in 0..CONTACTS {
        let arm = if number % 4 == 0 { Arm::Canary } else { Arm::Stable };
        let now = Timestamp::from_ms(START_MS + u64::from(number) * 500);
        let mut trial = watch.begin(arm, now);
        let every = if arm == Arm::Canary { 22 } else { 26 };
        for figure in Figure::ALL {
            if number % every < 4 {
                watch.mark(&mut trial, Mark::Bad(figure));
            }
        }
        watch.mark(&mut trial, Mark::Over(&BTreeMap::new()));
        let began = Instant::now();
        let before = watch.compare(now).looks;
        let compared = began.elapsed();
        let began = Instant::now();
        let _ = watch.look(now);
        if watch.compare(now).looks > before {
            spent += began.elapsed().saturating_sub(compared).as_secs_f64() * 1e6;
            looks += 1;
        }
    }
    println!("a look at six guards: {:.0} us ({looks} looks for {CONTACTS} contacts)", spent / f64::from(looks.max(1)));
}
