//! What can go wrong on the way to a host, each with what to do next.

use crate::problem::Problem;
use std::path::PathBuf;

/// Why a host could not be asked, or didn't do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody answers there.
    #[error("{host} can't be reached")]
    Unreachable {
        /// Its URL.
        host: String,
        /// Why not.
        #[source]
        source: Box<ureq::Error>,
    },
    /// It has no certificate that counts, so nothing was said to it.
    #[error("{host} has no certificate that counts here")]
    Untrusted {
        /// Its URL.
        host: String,
        /// Why not.
        #[source]
        source: Box<ureq::Error>,
    },
    /// It answers too late, or stops in the middle.
    #[error("{host} doesn't answer to the end; what was asked may be done all the same")]
    Broken {
        /// Its URL.
        host: String,
        /// How it ended.
        #[source]
        source: Box<ureq::Error>,
    },
    /// It says no.
    #[error("{host}: {problem}")]
    Refused {
        /// Its URL.
        host: String,
        /// What it says.
        problem: Box<Problem>,
    },
    /// Something else than a host of ours answers.
    #[error("{host} answers with {status}, but not as a host's admin API does: {what}")]
    NotOurs {
        /// Its URL.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What is wrong.
        what: &'static str,
    },
    /// It isn't an address of a host.
    #[error("`{0}` is no host: neither a URL such as http://127.0.0.1:8080 nor a name in client.toml")]
    NoHost(String),
    /// client.toml can't be used.
    #[error("{}: {problem}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There is no token for it.
    #[error("there is no token for {0}")]
    NoToken(String),
    /// The name of whoever asks, as it was given there, is none.
    #[error(
        "{0} is no operator's name: 1 to 64 visible ASCII characters, and not `cordboard`, which is the host itself"
    )]
    BadOperator(&'static str),
    /// A token that is none.
    #[error("{0} holds no token: 16 to 256 visible characters")]
    BadToken(String),
}

impl ClientError {
    /// What to do next.
    pub fn next(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => {
                "start a host with `cordboard serve`, or name the one you mean: --host, CORDBOARD_HOST or client.toml"
            }
            Self::Untrusted { .. } => {
                "check that it is the host you mean; where its authority is your own, set SSL_CERT_FILE to its file"
            }
            Self::Broken { .. } => "see what became of it with `cordboard plugin list`, then run it again",
            Self::Refused { problem, .. } => problem.next(),
            Self::NotOurs { .. } => {
                "check the address and what stands before the host: --host, CORDBOARD_HOST or client.toml"
            }
            Self::NoHost(_) => "write it as http://HOST:PORT, or add it to client.toml as [hosts.NAME]",
            Self::File { .. } => "put the file right; README.md has an example",
            Self::BadOperator(_) => {
                "give another with --as NAME, CORDBOARD_OPERATOR, or as `operator` in client.toml; without any it is the login name"
            }
            Self::NoToken(_) | Self::BadToken(_) => {
                "give it with --token-file FILE, CORDBOARD_TOKEN or CORDBOARD_TOKEN_FILE, or as `token_file` in client.toml; \
                 `cordboard serve` keeps it as `admin-token` in its data folder"
            }
        }
    }

    /// Whether the host says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { problem, .. } if problem.status == 404)
    }
}
