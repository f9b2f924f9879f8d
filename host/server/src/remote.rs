//! The host that a command asks, and what its answers say.

use anyhow::Result;
use clap::Args;
use cordboard_client::{Client, hosts};
use serde_json::Value;
use std::path::PathBuf;

/// Which host, and with which token.
#[derive(Args, Clone, Default)]
pub(crate) struct HostArguments {
    /// The host: its URL, or its name in client.toml. Default: CORDBOARD_HOST, client.toml, ./cordboard-data/admin-address,
    /// http://127.0.0.1:8080.
    #[arg(long, value_name = "URL|NAME")]
    host: Option<String>,
    /// A file with its admin token. Default: CORDBOARD_TOKEN, CORDBOARD_TOKEN_FILE, client.toml, ./cordboard-data/admin-token.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl HostArguments {
    /// A client of it.
    pub(crate) fn client(&self) -> Result<Client> {
        let flags = hosts::Flags { host: self.host.clone(), token_file: self.token_file.clone() };
        let client = hosts::find(&flags, &hosts::Surroundings::here())?;
        if client.host().starts_with("http:") && !hosts::is_local(client.host()) {
            cordboard::complain(&format!("warning: the token goes to {} without TLS", client.host()));
        }
        Ok(client)
    }
}

/// A member that is a text; empty if it is none.
pub(crate) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The members of a list; none if it is none.
pub(crate) fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A digest as people read it.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Text from elsewhere on one line, and nothing in it that a terminal would obey: callers, components and their authors
/// write what they like.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_write_stays_on_its_line() {
        assert_eq!(one_line("a\u{1b}[2J\nb\u{9b}c"), "a [2J b c");
    }
}
