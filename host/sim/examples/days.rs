//! Plays days and tells what they were like: `cargo run -p cordboard-sim --example days -- [PLAN] [FIRST SEED] [DAYS]
//! [CONTACTS]`, the plan being `calm`, `ordinary` or `stress`.
#![allow(clippy::print_stdout)]

use cordboard_sim::{Plan, simulate};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let plan = arguments.next();
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse::<u64>());
    let (first, days, contacts) = (number(1)?, number(1)?, number(200)?);
    let plan = match plan.as_deref() {
        Some("calm") => Plan::calm(),
        Some("stress") => Plan::stress(),
        Some("ordinary") | None => Plan::default(),
        Some(other) => return Err(format!("there is no plan `{other}`: calm, ordinary, stress").into()),
    };
    let plan = Plan { contacts: u32::try_from(contacts)?, ..plan };
    let (began, mut played, mut inputs) = (Instant::now(), 0, 0);
    for seed in first..first + days {
        let report = simulate(seed, &plan)?;
        played += report.contacts;
        inputs += report.inputs;
        if days <= 5 {
            println!(
                "{report:#?}\nservice level {} ‰, {:.0} contacts/s",
                report.service_level(),
                report.contacts_per_s()
            );
        }
    }
    let took = began.elapsed().as_secs_f64();
    println!("{played} contacts and {inputs} inputs in {took:.1} s: {:.0} contacts/s", played as f64 / took);
    Ok(())
}
