//! JSON types that several resources share. Everything that can be missing is `null` then, so that the members of an
//! object are always the same.

use crate::rfc3339;
use cordboard_core::config::World;
use cordboard_core::flow;
use cordboard_core::ids::{AgentId, ContactId};
use cordboard_core::limits::{Limit, LimitRule, LimitValues};
use cordboard_core::time::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{RefOr, schema};
use utoipa::{PartialSchema, ToSchema};

/// A moment, written as RFC 3339 in UTC with microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Time(pub(crate) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339::format(self.0))
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(schema::SchemaType::new(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, in UTC, with microseconds."))
            .examples(["2026-01-31T09:30:00.000000Z"])
            .into()
    }
}

impl ToSchema for Time {
    fn name() -> Cow<'static, str> {
        "Time".into()
    }
}

/// Limits of a version, by name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Limits(pub(crate) LimitValues);

impl Serialize for Limits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Limit::ALL.map(|limit| (limit.name(), self.0.get(limit))))
    }
}

impl PartialSchema for Limits {
    fn schema() -> RefOr<Schema> {
        let of = |limit: Limit| {
            let LimitRule { default, min, max, about, .. } = limit.rule();
            let about = match limit {
                Limit::MemoryMib => format!("{about} Default: the host's `plugins.memory_mib`, {default}."),
                Limit::StepCpuMs => {
                    format!("{about} Default: the host's `plugins.step_cpu_ms`, {default}; of a scorer 50.")
                }
                _ => format!("{about} Default: {default}."),
            };
            ObjectBuilder::new()
                .schema_type(schema::SchemaType::from_iter([Type::Integer, Type::Null]))
                .description(Some(about))
                .minimum(Some(min))
                .maximum(Some(max))
        };
        let object = ObjectBuilder::new().schema_type(schema::SchemaType::new(Type::Object));
        let all = Limit::ALL.into_iter().fold(object, |object, limit| object.property(limit.name(), of(limit)));
        all.description(Some("What an instance of a plugin may use.")).into()
    }
}

impl ToSchema for Limits {
    fn name() -> Cow<'static, str> {
        "Limits".into()
    }
}

/// Where a contact comes from or was sent to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Address {
    /// As the channel writes it.
    #[schema(example = "sip:+4930123456@192.0.2.7")]
    uri: String,
    /// The telephone number or user part.
    number: Option<String>,
    /// What the other side calls itself.
    display_name: Option<String>,
}

impl From<&flow::Address> for Address {
    fn from(address: &flow::Address) -> Self {
        Self { uri: address.uri.clone(), number: address.number.clone(), display_name: address.display_name.clone() }
    }
}

/// Who got whom.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Assigned {
    /// The contact.
    contact: String,
    /// The agent.
    agent: String,
}

impl From<&(ContactId, AgentId)> for Assigned {
    fn from((contact, agent): &(ContactId, AgentId)) -> Self {
        Self { contact: contact.to_string(), agent: agent.to_string() }
    }
}

/// The worlds of the plugin contract.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = World)]
pub(crate) enum WorldName {
    /// A conversation.
    Flow,
    /// Who suits whom.
    Scorer,
    /// Who is this.
    Crm,
    /// How many to call now, and whom first. Nothing asks it yet.
    Dialer,
    /// What is remarkable in a talk. Nothing asks it yet.
    Inspector,
}

impl From<World> for WorldName {
    fn from(world: World) -> Self {
        match world {
            World::Flow => Self::Flow,
            World::Scorer => Self::Scorer,
            World::Crm => Self::Crm,
            World::Dialer => Self::Dialer,
            World::Inspector => Self::Inspector,
        }
    }
}
