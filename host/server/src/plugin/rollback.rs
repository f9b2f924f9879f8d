//! `cordboard plugin rollback`: what `cordboard deployment rollback` does without further words.

use crate::deployment::rollback;
use crate::remote::{HostArguments, OrderArguments};
use anyhow::Result;
use clap::Args;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The deployment.
    deployment: String,
    #[command(flatten)]
    order: OrderArguments,
    #[command(flatten)]
    host: HostArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let client = arguments.host.ordering(&arguments.order)?;
    rollback::back(&client, &arguments.deployment, None, arguments.order.reason.as_deref())
}
