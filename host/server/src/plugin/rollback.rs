//! `cordboard plugin rollback`.

use super::deploy::{changes, settled};
use crate::remote::{HostArguments, text};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use cordboard_client::{ClientError, encoded};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The deployment.
    deployment: String,
    #[command(flatten)]
    host: HostArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let client = arguments.host.client()?;
    let name = arguments.deployment.as_str();
    let path = format!("/v1/deployments/{}", encoded(name));
    let before = client.find(&path)?.with_context(|| {
        format!(
            "there is no deployment `{name}` on {}\nnext: see which there are with `cordboard plugin list`",
            client.host()
        )
    })?;
    let is_flow = text(&before.value, "/world") == "flow";
    ensure!(
        !text(&before.value, "/previous").is_empty(),
        "`{name}` has no version to go back to: {}\nnext: choose a plugin from `cordboard plugin list`, and `cordboard \
         plugin deploy DIGEST --deployment {name}`",
        if is_flow { "nothing served before" } else { "a host keeps that for flows alone" }
    );
    let after = client.post(&format!("{path}/rollback"), before.expected().as_ref())?;
    let digest = text(&after.value, "/plugin");
    // A plugin that was removed serves all the same.
    let plugin = match client.get(&format!("/v1/plugins/{digest}")) {
        Ok(found) => found.value,
        Err(error) if ClientError::is_not_found(&error) => serde_json::json!({ "digest": digest }),
        Err(error) => return Err(error.into()),
    };
    cordboard::say(&changes(name, Some(&before.value), &after.value, &plugin));
    settled(&client, &path, Some(&before), after)?;
    cordboard::say(&format!("next: cordboard plugin rollback {name} takes that back"));
    Ok(())
}
