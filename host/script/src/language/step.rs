//! The steps of a conversation: what the caller and others do, and what is expected.

use super::part::Scalar;
use super::time::Span;
use super::words::{Short, Value, Words, short_or_long};
use cordboard_core::ids::{AgentId, QueueName};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// Something with the place in the script where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct At<T> {
    /// Counted from 1.
    pub line: u64,
    /// Counted from 1.
    pub column: u64,
    /// What is written there.
    pub what: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = serde_saphyr::Spanned::deserialize(deserializer)?;
        let place = spanned.referenced;
        Ok(Self { line: place.line(), column: place.column(), what: spanned.value })
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Names and what belongs to each, in the order they are written.
#[derive(Clone, Debug, PartialEq)]
pub struct Pairs<T>(pub Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names and values, as {name: value}")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut members: A) -> Result<Pairs<T>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = members.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Pairs<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("PairsOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}

/// Keys of a telephone, one after the other: `0` to `9`, `*`, `#`, `A` to `D`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys(pub String);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keys = String::deserialize(deserializer)?;
        let fits = keys.chars().all(|key| matches!(key, '0'..='9' | '*' | '#' | 'A'..='D'));
        if !fits || keys.is_empty() || keys.len() > 64 {
            return Err(de::Error::custom(format!("`{keys}` is not 1 to 64 keys of 0-9 * # A-D")));
        }
        Ok(Self(keys))
    }
}

impl JsonSchema for Keys {
    fn schema_name() -> Cow<'static, str> {
        "Keys".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Keys of a telephone, one after the other.",
            "type": ["string", "integer"],
            "pattern": "^[0-9*#A-D]{1,64}$",
            "minimum": 0,
        })
    }
}

/// One step. The caller, agents and operators do something, or something is expected.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Step")]
pub enum Step {
    /// The caller presses these keys, five a second.
    Presses(Keys),
    /// The caller does nothing for so long. What happens meanwhile can be expected afterwards.
    Silent(Span),
    /// The caller does nothing until what is being said has ended.
    Listens,
    /// The caller hangs up.
    HangsUp,
    /// An agent becomes ready.
    AgentReady(#[schemars(with = "Scalar")] AgentId),
    /// An agent takes no more calls.
    AgentNotReady(#[schemars(with = "Scalar")] AgentId),
    /// The agent in the talk hangs up.
    AgentHangsUp,
    /// An operator sets attributes.
    OperatorSets(#[schemars(with = "Pairs<Scalar>")] Pairs<String>),
    /// An operator ends the contact.
    OperatorEnds,
    /// A queue is removed.
    QueueCloses(#[schemars(with = "Scalar")] QueueName),

    /// The next expectation must be met within this time from here.
    Within(Span),
    /// From here on to the end, this must not happen.
    Never(Box<Step>),

    /// The caller hears it ringing.
    Rings,
    /// The call is answered.
    Answered,
    /// These words are said; met as soon as they begin.
    Hears(Words),
    /// A question is asked, by its id; met as soon as its words begin.
    Asked(Asked),
    /// A question was answered: the choice's id, the digits, `silence`, `no-match`; `***` if it is secret.
    Chose(Chose),
    /// A directory was asked, and has answered.
    LookedUp(LookedUp),
    /// The flow sent a request, and has its response, or none.
    Fetched(Fetched),
    /// The flow sets attributes, in this order.
    Set(Pairs<Value>),
    /// Values are stored for the tenant, in this order.
    Stored(Pairs<Value>),
    /// A stored value is removed.
    Removed(Value),
    /// A stored value is read.
    Loaded(Loaded),
    /// A lot is drawn (`choose`): its name, and the index drawn.
    Drew(Drew),
    /// The caller has a place in a queue.
    Queued(Queued),
    /// The place in the queue is given up or lost.
    LeftQueue(LeftQueue),
    /// An agent's phone rings.
    RingsAgent(Value),
    /// An agent's phone has rung in vain, or the offer was refused or withdrawn.
    MissedBy(Value),
    /// An agent answers: both hear each other.
    TalksWith(Value),
    /// The talk is over; by whom it was ended: `person`, `agent`, `other`.
    TalkEnded(Value),
    /// The flow goes on as another deployment's.
    ContinuesAs(Value),
    /// The flow writes to its log.
    Logs(Words),
    /// The host refuses a call of the flow: which call, and with which error.
    Refused(Refused),
    /// The flow fails: `trap`, `deadline`, `limit`, `guest-error`, ….
    Fails(Fails),
    /// What goes on in place of a flow that failed: `predecessor`, `safe-flow`, `host`.
    StepsDownTo(Value),
}

/// Adds the short form's reading to members by name, and both to the schema.
macro_rules! short {
    ($type:ident, $long:ident, $expected:literal, |$text:ident| $short:expr) => {
        impl Short for $type {
            const EXPECTED: &'static str = $expected;

            fn short($text: &str) -> Result<Self, String> {
                $short
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                short_or_long::<D, Self, $long>(deserializer)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let (short, long) = (generator.subschema_for::<Value>(), $long::json_schema(generator));
                json_schema!({ "anyOf": [short, long] })
            }
        }
    };
}
pub(super) use short;

/// Declares something with members by name that are all optional, and a short form.
macro_rules! described {
    ($(#[$doc:meta])* $type:ident, $long:ident { $($(#[$member_doc:meta])* $member:ident: $what:ty,)* },
        $expected:literal, |$text:ident| $short:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $type {
            $($(#[$member_doc])* pub $member: Option<$what>,)*
        }

        #[derive(serde::Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        struct $long {
            $($(#[$member_doc])* $member: Option<$what>,)*
        }

        impl From<$long> for $type {
            fn from(long: $long) -> Self {
                Self { $($member: long.$member,)* }
            }
        }

        short!($type, $long, $expected, |$text| $short);
    };
}

described!(
    /// A question that is expected.
    Asked, AskedMembers {
        /// Its id.
        question: Value,
        /// What is said.
        text: Words,
    },
    "a question's id, or {question: …, text: …}",
    |text| Ok(Self { question: Some(Value::read(text)?), text: None })
);

described!(
    /// An answer that is expected.
    Chose, ChoseMembers {
        /// The question's id.
        question: Value,
        /// The answer.
        answer: Value,
    },
    "an answer, or {question: …, answer: …}",
    |text| Ok(Self { question: None, answer: Some(Value::read(text)?) })
);

described!(
    /// A look-up that is expected.
    LookedUp, LookedUpMembers {
        /// Kind of key.
        kind: Value,
        /// The key.
        value: Value,
        /// Which directory.
        directory: Value,
        /// `found`, `unknown`, `timeout`, `busy`, `unavailable`, `unsupported`.
        outcome: Value,
    },
    "a kind of key, or {kind: …, value: …, directory: …, outcome: …}",
    |text| Ok(Self { kind: Some(Value::read(text)?), ..Self::default() })
);

described!(
    /// A request of the flow that is expected.
    Fetched, FetchedMembers {
        /// `GET`, `POST`, ….
        method: Value,
        /// The whole URL.
        url: Value,
        /// What its body contains.
        body: Words,
        /// The response's status, or `timeout`, `busy`, `too-large`, `unknown-outcome`, `ended`, `unavailable`, `other`.
        outcome: Value,
    },
    "a URL, or {method: …, url: …, body: …, outcome: …}",
    |text| Ok(Self { url: Some(Value::read(text)?), ..Self::default() })
);

described!(
    /// The reading of a stored value that is expected.
    Loaded, LoadedMembers {
        /// Its key.
        key: Value,
        /// What was there.
        value: Value,
    },
    "a key, or {key: …, value: …}",
    |text| Ok(Self { key: Some(Value::read(text)?), value: None })
);

described!(
    /// A draw that is expected.
    Drew, DrewMembers {
        /// What is drawn.
        name: Value,
        /// Which was drawn, counted from 0.
        index: u32,
    },
    "a name, or {name: …, index: …}",
    |text| Ok(Self { name: Some(Value::read(text)?), index: None })
);

described!(
    /// A place in a queue that is expected.
    Queued, QueuedMembers {
        /// The queue's name.
        queue: Value,
        /// As the flow wanted it.
        priority: i32,
        /// 1 is next.
        position: u32,
    },
    "a queue's name, or {queue: …, priority: …, position: …}",
    |text| Ok(Self { queue: Some(Value::read(text)?), ..Self::default() })
);

described!(
    /// The end of a place that is expected.
    LeftQueue, LeftQueueMembers {
        /// The queue's name.
        queue: Value,
        /// `abandoned`, `left`, `lost`.
        outcome: Value,
    },
    "`abandoned`, `left` or `lost`, or {queue: …, outcome: …}",
    |text| Ok(Self { queue: None, outcome: Some(Value::read(text)?) })
);

described!(
    /// A refusal that is expected.
    Refused, RefusedMembers {
        /// Which call, as the contract names it: `enqueue`.
        call: Value,
        /// Which error, as the contract names it: `limit`, `invalid`, `not-now`, `quota`, ….
        error: Value,
        /// What it says.
        text: Words,
    },
    "a call's name, or {call: …, error: …, text: …}",
    |text| Ok(Self { call: Some(Value::read(text)?), ..Self::default() })
);

described!(
    /// A failure that is expected.
    Fails, FailsMembers {
        /// `trap`, `deadline`, `limit`, `guest-error`, `not-started`.
        kind: Value,
        /// What it says.
        text: Words,
    },
    "a kind of failure, or {kind: …, text: …}",
    |text| Ok(Self { kind: Some(Value::read(text)?), text: None })
);

impl Step {
    /// Whether somebody does something, rather than something being expected.
    pub const fn is_deed(&self) -> bool {
        matches!(
            self,
            Self::Presses(_)
                | Self::Silent(_)
                | Self::Listens
                | Self::HangsUp
                | Self::AgentReady(_)
                | Self::AgentNotReady(_)
                | Self::AgentHangsUp
                | Self::OperatorSets(_)
                | Self::OperatorEnds
                | Self::QueueCloses(_)
        )
    }

    /// Whether something that happens is expected.
    pub const fn is_expectation(&self) -> bool {
        !self.is_deed() && !matches!(self, Self::Within(_) | Self::Never(_))
    }
}
