//! A simulated contact centre around the real board.
//!
//! Callers come and go, press keys and hang up; agents' phones ring, are answered, missed and lost; flows are played
//! by scripts; directories, scorers and the store are slow, wrong or silent; operators swap versions and take queues
//! away. Time is virtual and everything is drawn from one seed, so that a day takes milliseconds and every failure can
//! be seen again. After each input a set of rules is checked that must hold whatever happens (see [`watch`]).

mod centre;
mod plan;
mod random;
mod report;
mod violation;
pub mod watch;

pub use plan::{Faults, Plan};
pub use report::Report;
pub use violation::Violation;

use cordboard_core::board::Effect;

/// Plays a day.
///
/// # Errors
/// The first rule that was broken.
pub fn simulate(seed: u64, plan: &Plan) -> Result<Report, Box<Violation>> {
    simulate_tampered(seed, plan, |_| {})
}

/// Plays a day whose watch sees the effects of each step as `tamper` leaves them: to show that it would notice. The
/// day itself goes on undisturbed.
///
/// # Errors
/// The first rule that was broken.
pub fn simulate_tampered(
    seed: u64,
    plan: &Plan,
    mut tamper: impl FnMut(&mut Vec<Effect>),
) -> Result<Report, Box<Violation>> {
    centre::Centre::new(seed, plan, &mut tamper).run()
}
