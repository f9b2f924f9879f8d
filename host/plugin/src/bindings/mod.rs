//! The contract's bindings: one file per world and released version, each converting to the core's types only.

pub(crate) mod crm_0_1_0;
pub(crate) mod dialer_0_1_0;
pub(crate) mod flow;
pub(crate) mod flow_0_1_0;
pub(crate) mod flow_0_2_0;
pub(crate) mod inspector_0_1_0;
pub(crate) mod scorer_0_1_0;
pub(crate) mod wasi;
