//! The steps of a deployment: what operators and the host did with it, and why. Appended, never changed.

use crate::ids::{DeploymentName, IdError, Version};
use crate::time::Timestamp;
use std::fmt;
use std::str::FromStr;

/// Who did something: a name that clients give themselves, since all have the same token. 1 to 64 visible ASCII
/// characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operator(String);

const HOST: &str = "cordboard";
const UNNAMED: &str = "unnamed";

impl Operator {
    /// What the host does by itself.
    pub fn host() -> Self {
        Self(HOST.into())
    }

    /// A client that didn't say.
    pub fn unnamed() -> Self {
        Self(UNNAMED.into())
    }

    /// The name of a client.
    ///
    /// # Errors
    /// It isn't 1 to 64 visible ASCII characters, or the host's own.
    pub fn client(name: &str) -> Result<Self, IdError> {
        let operator: Self = name.parse()?;
        if operator.0 == HOST { Err(wrong(name, "`cordboard` is the host itself")) } else { Ok(operator) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn wrong(got: &str, rule: &'static str) -> IdError {
    IdError { what: "operator", got: got.chars().take(64).collect(), rule }
}

impl FromStr for Operator {
    type Err = IdError;

    /// A name as it was kept, the host's own included.
    fn from_str(name: &str) -> Result<Self, IdError> {
        let good = (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
        if good { Ok(Self(name.into())) } else { Err(wrong(name, "1 to 64 visible ASCII characters")) }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// What was done. The names are on disk, in events and in the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum StepKind { $($(#[$doc])* $kind,)* }

        impl StepKind {
            /// Every kind.
            pub const ALL: &[StepKind] = &[$(StepKind::$kind,)*];

            /// Its stable name.
            pub const fn name(self) -> &'static str {
                match self { $(StepKind::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    /// It was there before its history: the first step, where it isn't new.
    Found = "found",
    /// A document was put: another version, or the same with other rules.
    Deployed = "deployed",
    /// An earlier state serves again.
    RolledBack = "rolled-back",
    /// It was removed.
    Deleted = "deleted",
    /// Another version serves a part of the contacts.
    CanaryBegun = "canary-begun",
    /// It serves a larger part, or another.
    CanaryAdvanced = "canary-advanced",
    /// It serves all.
    CanaryPromoted = "canary-promoted",
    /// It serves nobody any more.
    CanaryRolledBack = "canary-rolled-back",
    /// Another version goes through what the deployment does, and serves nobody.
    ShadowSet = "shadow-set",
    /// None does any more.
    ShadowRemoved = "shadow-removed",
}

impl StepKind {
    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Of which deployment.
    pub deployment: DeploymentName,
    /// Counted from 1; goes on when a deployment is removed and made again.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Operator,
    /// What was done.
    pub kind: StepKind,
    /// Why, in words.
    pub why: Option<String>,
    /// The version before; none: there was none.
    pub from: Option<Version>,
    /// The version that it is about: what serves from now on, or a part of the contacts; none: none does.
    pub to: Option<Version>,
    /// The document's revision since then; none: it is removed.
    pub revision: Option<u64>,
    /// What was counted at that moment: JSON.
    pub figures: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_names_itself_visibly_and_not_as_the_host() {
        for (name, good) in [
            ("ann", true),
            ("ann@example.net", true),
            ("ci/build-7", true),
            ("cordboard", false),
            ("", false),
            ("ann b", false),
            ("ann\n", false),
            ("änn", false),
            (&"x".repeat(64), true),
            (&"x".repeat(65), false),
        ] {
            assert_eq!(Operator::client(name).is_ok(), good, "{name}");
        }
        assert_eq!("cordboard".parse(), Ok(Operator::host()));
        assert_eq!("unnamed".parse(), Ok(Operator::unnamed()));
    }

    #[test]
    fn every_kind_has_its_name() {
        for kind in StepKind::ALL {
            assert_eq!(StepKind::named(kind.name()), Some(*kind));
        }
        assert_eq!(StepKind::named("danced"), None);
    }
}
