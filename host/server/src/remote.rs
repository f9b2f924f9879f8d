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
        self.client_for(None)
    }

    /// A client of it for changes of this order.
    pub(crate) fn ordering(&self, order: &OrderArguments) -> Result<Client> {
        self.client_for(order.operator.clone())
    }

    fn client_for(&self, operator: Option<String>) -> Result<Client> {
        let flags = hosts::Flags { host: self.host.clone(), token_file: self.token_file.clone(), operator };
        let client = hosts::find(&flags, &hosts::Surroundings::here())?;
        if client.host().starts_with("http:") && !hosts::is_local(client.host()) {
            cordboard::complain(&format!("warning: the token goes to {} without TLS", client.host()));
        }
        Ok(client)
    }
}

/// Who wants a change, and why: both stand in the deployment's history.
#[derive(Args, Clone, Default)]
pub(crate) struct OrderArguments {
    /// Who you are, for the history. Default: CORDBOARD_OPERATOR, `operator` in client.toml, the login name.
    #[arg(long = "as", value_name = "NAME")]
    operator: Option<String>,
    /// Why, for the history: up to 1,000 bytes.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// A member that is a text; empty if it is none.
pub(crate) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The members of a list; none if it is none.
pub(crate) fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A member that is a whole number; 0 if it is none.
pub(crate) fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// Rows as a table: every column as wide as its widest cell, the last as it comes.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N.saturating_sub(1)).map(width).collect();
    let line = |row: &[String; N]| {
        let last = row.last().map(String::as_str).unwrap_or_default();
        let cells: String = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  ")).collect();
        format!("{cells}{last}").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// A text, or a dash for none.
pub(crate) fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
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
