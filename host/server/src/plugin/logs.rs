//! `cordboard plugin logs`: what a contact's flows logged, and what plugins log now.

use crate::remote::{HostArguments, list, one_line, short, text};
use anyhow::{Result, bail};
use clap::Args;
use cordboard_client::{Client, ClientError, encoded};
use serde_json::Value;
use std::time::Duration;

/// After a break the stream is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Args)]
pub(crate) struct Arguments {
    /// With `--follow`: only what plugins of this name write.
    #[arg(requires = "follow")]
    name: Option<String>,
    /// What this contact's flows wrote; with `--follow`, only what they write.
    #[arg(long, value_name = "ID")]
    contact: Option<String>,
    /// What is written from now on, until it is stopped.
    #[arg(long)]
    follow: bool,
    /// With `--follow`: only lines of this level (trace, debug, info, warn, error) or a more serious one.
    #[arg(long, requires = "follow")]
    level: Option<String>,
    #[command(flatten)]
    host: HostArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.contact.is_none() && !arguments.follow {
        bail!("of which contact?\nnext: --contact ID, or --follow for what is written from now on");
    }
    let client = arguments.host.client()?;
    if arguments.follow {
        return follow(&client, arguments);
    }
    let contact = arguments.contact.as_deref().unwrap_or_default();
    let kept = client.get(&format!("/v1/contacts/{}/logs", encoded(contact)))?.value;
    for entry in list(&kept, "/lines") {
        cordboard::say(&line(text(entry, "/at"), contact, entry));
    }
    match kept.get("dropped").and_then(Value::as_u64).unwrap_or_default() {
        0 => {}
        dropped => cordboard::complain(&format!("{dropped} more were not kept")),
    }
    Ok(())
}

/// A line as it is shown: when, in which contact if in one, who, how serious, what.
fn line(at: &str, contact: &str, data: &Value) -> String {
    let plugin = match text(data, "/plugin") {
        "" => short(text(data, "/version")),
        name => name,
    };
    let said = one_line(text(data, "/text"));
    let contact = if contact.is_empty() { "-" } else { contact };
    format!("{at} {contact} {plugin} {:5} {}", text(data, "/level"), said.trim_end())
}

/// Shows lines as they are written; resumes behind the last one where the stream breaks.
fn follow(client: &Client, arguments: &Arguments) -> Result<()> {
    let filter = [
        ("plugin", arguments.name.as_deref()),
        ("contact", arguments.contact.as_deref()),
        ("level", arguments.level.as_deref()),
    ];
    let mut last: Option<String> = None;
    let (mut connected, mut told) = (false, false);
    loop {
        match client.stream("/v1/logs", &filter, last.as_deref()) {
            Ok(mut events) => {
                (connected, told) = (true, false);
                while let Ok(Some(event)) = events.wait() {
                    last = event.id.or(last);
                    let data = event.value.get("data").unwrap_or(&Value::Null);
                    if text(&event.value, "/type").ends_with("stream.missed") {
                        cordboard::complain("some lines were missed: more were written than the host keeps");
                    } else {
                        cordboard::say(&line(text(&event.value, "/time"), text(&event.value, "/subject"), data));
                    }
                }
            }
            // A host that restarts comes back; one that says no, will say it again.
            Err(error @ (ClientError::Unreachable { .. } | ClientError::Broken { .. })) if connected => {
                if !told {
                    cordboard::complain(&format!("{error}; trying again"));
                    told = true;
                }
            }
            Err(error) => return Err(error.into()),
        }
        std::thread::sleep(AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_says_when_where_who_and_what() {
        let data =
            json!({ "level": "info", "text": "hello\u{1b}[2J\n", "plugin": "greeter", "version": "abcdef0123456789" });
        assert_eq!(line("T", "C", &data), "T C greeter info  hello [2J");
        let data = json!({ "level": "warn", "text": "x", "plugin": null, "version": "abcdef0123456789" });
        assert_eq!(line("T", "", &data), "T - abcdef012345 warn  x");
    }
}
