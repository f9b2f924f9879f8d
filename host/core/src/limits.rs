//! What an instance of a plugin may use: the one table that manifests, deployments, the API and the plugin host share.

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// A limit of a version. The order is that of the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Linear memory.
    MemoryMib,
    /// CPU time between two host calls.
    StepCpuMs,
    /// CPU time of a run or a look-up.
    MaxCpuMs,
    /// Host calls of a run.
    MaxCalls,
    /// Host calls a second.
    CallsPerSecond,
    /// Bytes of one host call.
    MaxCallBytes,
    /// Live handles.
    MaxHandles,
    /// Elements of a table.
    MaxTableElements,
    /// Tables.
    MaxTables,
    /// Core instances.
    MaxCoreInstances,
    /// Lines of log a second.
    LogLinesPerSecond,
    /// Bytes of log a second.
    LogBytesPerSecond,
}

/// What is known of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitRule {
    /// Its name in manifests, deployments and documents.
    pub name: &'static str,
    /// Where nobody says anything; of memory and steps the host's own setting counts instead.
    pub default: u32,
    /// The least.
    pub min: u32,
    /// The most, whoever asks.
    pub max: u32,
    /// What it bounds, and its unit, for people.
    pub about: &'static str,
}

const fn rule(name: &'static str, default: u32, (min, max): (u32, u32), about: &'static str) -> LimitRule {
    LimitRule { name, default, min, max, about }
}

impl Limit {
    /// All of them.
    pub const ALL: [Limit; 12] = [
        Limit::MemoryMib,
        Limit::StepCpuMs,
        Limit::MaxCpuMs,
        Limit::MaxCalls,
        Limit::CallsPerSecond,
        Limit::MaxCallBytes,
        Limit::MaxHandles,
        Limit::MaxTableElements,
        Limit::MaxTables,
        Limit::MaxCoreInstances,
        Limit::LogLinesPerSecond,
        Limit::LogBytesPerSecond,
    ];

    /// The table. A default that is changed would change what kept versions do: see
    /// [`digested`](LimitValues::digested).
    pub const fn rule(self) -> LimitRule {
        match self {
            Limit::MemoryMib => rule("memory_mib", 64, (1, 4096), "Linear memory of an instance, in MiB."),
            Limit::StepCpuMs => rule("step_cpu_ms", 200, (1, 60_000), "CPU time between two host calls, in ms."),
            Limit::MaxCpuMs => {
                rule("max_cpu_ms", 60_000, (1, 3_600_000), "CPU time of one run of a flow, or of one look-up, in ms.")
            }
            Limit::MaxCalls => rule("max_calls", 10_000, (1, 10_000), "Host calls of one run of a flow."),
            Limit::CallsPerSecond => {
                let about = "Host calls a second; a flow that is faster is slowed down.";
                rule("calls_per_second", 100, (1, 10_000), about)
            }
            Limit::MaxCallBytes => {
                rule("max_call_bytes", 2 << 20, (64 << 10, 16 << 20), "Bytes handed over in one host call.")
            }
            Limit::MaxHandles => {
                rule("max_handles", 256, (16, 10_000), "Live handles: places in queues, streams, timers.")
            }
            Limit::MaxTableElements => rule("max_table_elements", 20_000, (0, 65_536), "Elements of one table."),
            Limit::MaxTables => rule("max_tables", 40, (0, 40), "Tables of an instance."),
            Limit::MaxCoreInstances => {
                rule("max_core_instances", 60, (1, 60), "Core instances that an instance is made of.")
            }
            Limit::LogLinesPerSecond => {
                let about = "Lines of log a second, five times as many at once; what is more is dropped, and told.";
                rule("log_lines_per_second", 20, (0, 1_000), about)
            }
            Limit::LogBytesPerSecond => {
                let about = "Bytes of log a second, eight times as many at once; at least one line.";
                rule("log_bytes_per_second", 32 << 10, (4_096, 1 << 20), about)
            }
        }
    }

    /// Its name in manifests, deployments and documents.
    pub const fn name(self) -> &'static str {
        self.rule().name
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.name() == name)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} is {got}, not within {} to {}", .limit.rule().min, .limit.rule().max)]
pub struct LimitError {
    /// Which limit.
    pub limit: Limit,
    /// Its value.
    pub got: u64,
}

/// Values of some limits: what a manifest wants, an operator set, or what is in force. As a document an object, in which
/// `null` is as good as nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitValues(BTreeMap<Limit, u64>);

impl LimitValues {
    /// A limit's value, if it has one.
    pub fn get(&self, limit: Limit) -> Option<u64> {
        self.0.get(&limit).copied()
    }

    /// Gives a limit a value, unless it is none.
    pub fn set(&mut self, limit: Limit, value: Option<u64>) {
        self.0.extend(value.map(|value| (limit, value)));
    }

    /// Those that have a value.
    pub fn iter(&self) -> impl Iterator<Item = (Limit, u64)> + '_ {
        self.0.iter().map(|(limit, value)| (*limit, *value))
    }

    /// Whether each is within its bounds.
    ///
    /// # Errors
    /// The first that isn't.
    pub fn check(&self) -> Result<(), LimitError> {
        self.iter().try_for_each(|(limit, got)| {
            let within = u64::from(limit.rule().min)..=u64::from(limit.rule().max);
            if within.contains(&got) { Ok(()) } else { Err(LimitError { limit, got }) }
        })
    }

    /// What is in force where this is what the operator set: the operator's word, else what the manifest wants of what
    /// there is without a word.
    #[must_use]
    pub fn in_force(&self, wanted: &LimitValues, host: &LimitValues) -> LimitValues {
        let value = |limit: Limit| {
            let default = host.get(limit).unwrap_or(u64::from(limit.rule().default));
            self.get(limit).unwrap_or_else(|| wanted.get(limit).map_or(default, |wanted| wanted.min(default)))
        };
        Self(Limit::ALL.into_iter().map(|limit| (limit, value(limit))).collect())
    }

    /// What a version's digest has beside memory and step, which are always in it: what differs from the defaults of
    /// [`Limit::rule`]. So a version keeps its digest when a limit is added to the table; a default that changes has to
    /// be left here as it was.
    pub fn digested(&self) -> impl Iterator<Item = (Limit, u64)> + '_ {
        let fixed = |limit| matches!(limit, Limit::MemoryMib | Limit::StepCpuMs);
        self.iter().filter(move |(limit, value)| !fixed(*limit) && *value != u64::from(limit.rule().default))
    }
}

impl FromIterator<(Limit, u64)> for LimitValues {
    fn from_iter<I: IntoIterator<Item = (Limit, u64)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl Serialize for LimitValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (limit, value) in self.iter() {
            map.serialize_entry(limit.name(), &value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for LimitValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;

        impl<'de> Visitor<'de> for Named {
            type Value = LimitValues;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of limits")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<LimitValues, A::Error> {
                const NAMES: [&str; Limit::ALL.len()] = names();
                let mut values = BTreeMap::new();
                while let Some(name) = members.next_key::<String>()? {
                    let limit = Limit::named(&name).ok_or_else(|| A::Error::unknown_field(&name, &NAMES))?;
                    if values.insert(limit, members.next_value::<Option<u64>>()?).is_some() {
                        return Err(A::Error::duplicate_field(limit.name()));
                    }
                }
                let given = values.into_iter().filter_map(|(limit, value)| Some((limit, value?)));
                Ok(given.collect())
            }
        }

        deserializer.deserialize_map(Named)
    }
}

#[allow(clippy::indexing_slicing, reason = "in a constant: it doesn't compile if it is out of bounds")]
const fn names() -> [&'static str; Limit::ALL.len()] {
    let mut names = [""; Limit::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Limit::ALL[at].name();
        at += 1;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(values: &[(Limit, u64)]) -> LimitValues {
        values.iter().copied().collect()
    }

    #[test]
    fn the_table_has_each_limit_once_and_its_default_within_its_bounds() {
        let mut before = None;
        for limit in Limit::ALL {
            let LimitRule { name, default, min, max, .. } = limit.rule();
            assert!(Some(limit) > before, "{name}: in the order of the digest");
            assert_eq!(Limit::named(name), Some(limit));
            assert!((min..=max).contains(&default), "{name}");
            for (value, fits) in [(min, true), (max, true), (max + 1, false), (min.wrapping_sub(1), false)] {
                let checked = values(&[(limit, value.into())]).check();
                assert_eq!(checked.is_ok(), fits, "{name} {value}");
            }
            before = Some(limit);
        }
        let error = values(&[(Limit::MaxTables, 41)]).check().unwrap_err();
        assert_eq!(error.to_string(), "max_tables is 41, not within 0 to 40");
    }

    #[test]
    fn the_operators_word_counts_then_what_is_wanted_of_what_there_is() {
        let host = values(&[(Limit::MemoryMib, 32)]);
        let wanted = values(&[(Limit::MemoryMib, 48), (Limit::MaxCalls, 500), (Limit::MaxHandles, 9_000)]);
        let set = values(&[(Limit::MaxHandles, 5_000), (Limit::MaxTables, 1)]);
        let got = set.in_force(&wanted, &host);
        for (limit, expected) in [
            (Limit::MemoryMib, 32),
            (Limit::MaxCalls, 500),
            (Limit::MaxHandles, 5_000),
            (Limit::MaxTables, 1),
            (Limit::CallsPerSecond, 100),
        ] {
            assert_eq!(got.get(limit), Some(expected), "{limit}");
        }
        assert_eq!(got.iter().count(), Limit::ALL.len());
        let named: Vec<_> = got.digested().map(|(limit, _)| limit).collect();
        assert_eq!(named, [Limit::MaxCalls, Limit::MaxHandles, Limit::MaxTables]);
    }

    #[test]
    fn the_readme_has_the_table() {
        let readme = include_str!("../../../README.md");
        let digits = |number: u32| {
            let plain = number.to_string();
            let ends = plain.len() % 3;
            let comma =
                |(at, digit): (usize, char)| (at > 0 && at % 3 == ends).then_some(',').into_iter().chain([digit]);
            plain.chars().enumerate().flat_map(comma).collect::<String>()
        };
        for limit in Limit::ALL {
            let LimitRule { name, default, min, max, about } = limit.rule();
            let row = format!("| `{name}` | {} | {} to {} | {about} |", digits(default), digits(min), digits(max));
            assert!(readme.contains(&row), "not in README.md: {row}");
        }
    }

    /// A version that was kept has the limits it had, whatever a later table says.
    #[test]
    fn rule_1_the_defaults_that_digests_leave_out_never_change() {
        let defaults: Vec<_> = Limit::ALL.map(|limit| limit.rule().default).into();
        assert_eq!(defaults, [64, 200, 60_000, 10_000, 100, 2 << 20, 256, 20_000, 40, 60, 20, 32 << 10]);
    }
}
