//! The board: every contact, queue and agent of a tenant, as one deterministic machine.

mod effect;
mod input;

pub use effect::Effect;
pub use effect::Refusal;
pub use input::{Input, LegFailure, LegOffer, LegSource};
