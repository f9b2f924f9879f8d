//! What can go wrong with a registry, each with what to do next.

/// Why a component could not be pushed to a registry or pulled from it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OciError {
    /// It names no artefact.
    #[error("`{text}` names no artefact: {why}")]
    Reference {
        /// What was given.
        text: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Nobody answers there, or not to the end.
    #[error("the registry {registry} can't be reached")]
    Unreachable {
        /// Its address.
        registry: String,
        /// Why not.
        #[source]
        source: Box<ureq::Error>,
    },
    /// It lets nobody in, or not so.
    #[error("the registry {registry} refuses the credentials: {why}")]
    Unauthorized {
        /// Its address.
        registry: String,
        /// What is wrong.
        why: String,
    },
    /// There is no such artefact.
    #[error("{0} isn't there")]
    NotFound(String),
    /// It is something else than one component.
    #[error("{reference} is no WebAssembly artefact: {why}")]
    NotWasm {
        /// Which.
        reference: String,
        /// What it is instead.
        why: String,
    },
    /// What came isn't what was named.
    #[error("{what} of {reference} was tampered with or damaged: it is {got}, not {expected}")]
    Mismatch {
        /// Which part.
        what: &'static str,
        /// Of which artefact.
        reference: String,
        /// What was named.
        expected: String,
        /// What came.
        got: String,
    },
    /// It is longer than anything that is taken.
    #[error("{what} of {reference} is larger than {max_bytes} bytes")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// Of which artefact.
        reference: String,
        /// The bound.
        max_bytes: u64,
    },
    /// It says no, or what no registry says.
    #[error("the registry {registry} answers with {status}: {said}")]
    Refused {
        /// Its address.
        registry: String,
        /// The HTTP status.
        status: u16,
        /// What it says.
        said: String,
    },
}

impl OciError {
    /// What to do next.
    pub fn next(&self) -> &'static str {
        match self {
            Self::Reference { .. } => "write it as oci://REGISTRY/NAME:TAG or oci://REGISTRY/NAME@sha256:DIGEST",
            Self::Unreachable { .. } => {
                "check the name, and that it runs; one of this machine is spoken to over HTTP, every other over HTTPS, by the \
                 system's authorities or those in SSL_CERT_FILE"
            }
            Self::Unauthorized { .. } => {
                "give --registry-user and --registry-password-file, or CORDBOARD_REGISTRY_USER and \
                 CORDBOARD_REGISTRY_PASSWORD, or log in with `docker login`"
            }
            Self::NotFound(_) => "check name and tag; `cordboard plugin push FOLDER oci://…` brings it there",
            Self::NotWasm { .. } => "name an artefact that `cordboard plugin push` or another tool for components made",
            Self::Mismatch { .. } => "don't use it; push it again, and find out what stands between",
            Self::TooLarge { .. } => "check that it is the artefact that you mean",
            Self::Refused { .. } => "see what the registry says above, and its own log",
        }
    }
}
