//! `cordboard plugin logs`: what a contact's flows logged, and what plugins log now.

use super::remote::{HostArguments, list, short, text};
use anyhow::{Result, bail};
use clap::Args;
use cordboard_client::{Client, ClientError, encoded};
use serde_json::Value;
use std::time::Duration;

/// After a break it is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Args)]
pub(crate) struct Arguments {
    /// Of what is written from now on, only what plugins of this name write, or a version that begins so.
    #[arg(requires = "follow")]
    name: Option<String>,
    /// Of this contact.
    #[arg(long, value_name = "ID")]
    contact: Option<String>,
    /// What is written from now on, until it is stopped.
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    host: HostArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.contact.is_none() && !arguments.follow {
        bail!("of which contact?\nnext: --contact ID, or --follow for what is written from now on");
    }
    let client = arguments.host.client()?;
    let name = arguments.name.as_deref();
    if let Some(contact) = &arguments.contact {
        let found = client.get(&format!("/v1/contacts/{}/logs", encoded(contact)))?;
        for entry in list(&found.value, "/lines") {
            cordboard::say(&line(text(entry, "/at"), contact, entry));
        }
    }
    if arguments.follow { follow(&client, name, arguments.contact.as_deref()) } else { Ok(()) }
}

/// Whether a line was written by a plugin of this name or version.
fn is_of(data: &Value, name: Option<&str>) -> bool {
    name.is_none_or(|name| text(data, "/plugin") == name || text(data, "/version").starts_with(name))
}

fn line(at: &str, contact: &str, data: &Value) -> String {
    let plugin = match text(data, "/plugin") {
        "" => short(text(data, "/version")),
        name => name,
    };
    // A plugin writes what it likes, but not on the terminal.
    let said: String = text(data, "/text").chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    format!("{at} {contact} {plugin} {:5} {}", text(data, "/level"), said.trim_end())
}

/// Shows lines as they are written; resumes behind the last one where the stream breaks.
fn follow(client: &Client, name: Option<&str>, contact: Option<&str>) -> Result<()> {
    let mut last: Option<String> = None;
    let (mut connected, mut told) = (false, false);
    loop {
        match client.stream("/v1/logs", &[("contact", contact)], last.as_deref()) {
            Ok(mut events) => {
                (connected, told) = (true, false);
                while let Ok(Some(event)) = events.wait() {
                    last = event.id.or(last);
                    let data = event.value.get("data").unwrap_or(&Value::Null);
                    if text(&event.value, "/type").ends_with("stream.missed") {
                        cordboard::complain("some lines were missed: more happened than the host keeps");
                    } else if is_of(data, name) {
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
        assert!(is_of(&data, None) && is_of(&data, Some("greeter")) && is_of(&data, Some("abcdef")));
        assert!(!is_of(&data, Some("greet")));
    }
}
