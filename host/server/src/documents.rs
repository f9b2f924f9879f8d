//! The configuration as it is kept in the store: its own types, format 1, converted by hand, so that the core's can
//! change without a migration.

mod canary;

pub(crate) use canary::CanaryDocument;

use crate::signing::SignedBy;
use cordboard_admin::{EgressGrant, Grant, RequestBounds};
use cordboard_core::config::{Agent, EntryPoint, Queue, Settings};
use cordboard_core::flow::SkillRequirement;
use cordboard_core::ids::IdError;
use cordboard_core::limits::LimitValues;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// A document with the number of its format.
#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    format: u32,
    document: T,
}

const FORMAT: u32 = 1;

/// Why a kept document can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentError {
    /// It is not of its form.
    #[error("the document is malformed")]
    Malformed(#[from] serde_json::Error),
    /// It was written by a newer Cordboard.
    #[error("the document has format {0}, this version reads up to {FORMAT}")]
    NewerFormat(u32),
    /// A name in it breaks its rule.
    #[error("the document has an invalid name")]
    Name(#[from] IdError),
}

/// A document's bytes.
///
/// # Errors
/// Never, for the types of this module: they have no map with keys other than text.
pub(crate) fn encode<T: Serialize>(document: &T) -> Result<Vec<u8>, DocumentError> {
    Ok(serde_json::to_vec(&Envelope { format: FORMAT, document })?)
}

/// The document of these bytes.
///
/// # Errors
/// [`DocumentError`]
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DocumentError> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let head: Head = serde_json::from_slice(bytes)?;
    if head.format > FORMAT {
        return Err(DocumentError::NewerFormat(head.format));
    }
    Ok(serde_json::from_slice::<Envelope<T>>(bytes)?.document)
}

/// A queue, as kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QueueDocument {
    name: String,
    skills: Vec<(String, u8)>,
    scorer: Option<String>,
    offer_timeout_ms: u32,
    wrap_up_ms: u32,
    max_waiting: u32,
    music: Option<String>,
    service_level_ms: u32,
}

impl From<&Queue> for QueueDocument {
    fn from(queue: &Queue) -> Self {
        Self {
            name: queue.name.to_string(),
            skills: queue.skills.iter().map(|skill| (skill.name.clone(), skill.min_level)).collect(),
            scorer: queue.scorer.as_ref().map(ToString::to_string),
            offer_timeout_ms: queue.offer_timeout_ms,
            wrap_up_ms: queue.wrap_up_ms,
            max_waiting: queue.max_waiting,
            music: queue.music.clone(),
            service_level_ms: queue.service_level_ms,
        }
    }
}

impl TryFrom<QueueDocument> for Queue {
    type Error = IdError;

    fn try_from(kept: QueueDocument) -> Result<Self, IdError> {
        let skills = kept.skills.into_iter().map(|(name, min_level)| SkillRequirement { name, min_level }).collect();
        Ok(Self {
            name: kept.name.parse()?,
            skills,
            scorer: kept.scorer.map(|name| name.parse()).transpose()?,
            offer_timeout_ms: kept.offer_timeout_ms,
            wrap_up_ms: kept.wrap_up_ms,
            max_waiting: kept.max_waiting,
            music: kept.music,
            service_level_ms: kept.service_level_ms,
        })
    }
}

/// An agent, as kept, with what proves the phone's password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AgentDocument {
    id: String,
    name: String,
    skills: BTreeMap<String, u8>,
    attributes: BTreeMap<String, i64>,
    queues: Vec<String>,
    auto_ready: bool,
    /// MD5 of `user:realm:password` (RFC 7616 §3.4.2), in hex.
    pub ha1: Option<String>,
}

impl AgentDocument {
    /// An agent with the secret of its phone.
    pub fn new(agent: &Agent, ha1: Option<String>) -> Self {
        Self {
            id: agent.id.to_string(),
            name: agent.name.clone(),
            skills: agent.skills.clone(),
            attributes: agent.attributes.clone(),
            queues: agent.queues.iter().map(ToString::to_string).collect(),
            auto_ready: agent.auto_ready,
            ha1,
        }
    }
}

impl TryFrom<AgentDocument> for Agent {
    type Error = IdError;

    fn try_from(kept: AgentDocument) -> Result<Self, IdError> {
        Ok(Self {
            id: kept.id.parse()?,
            name: kept.name,
            skills: kept.skills,
            attributes: kept.attributes,
            queues: kept.queues.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
            auto_ready: kept.auto_ready,
        })
    }
}

/// An entry point, as kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EntryPointDocument {
    name: String,
    numbers: Vec<String>,
    deployment: String,
    #[serde(default)]
    safe_flow: Option<String>,
    fallback_queue: Option<String>,
}

impl From<&EntryPoint> for EntryPointDocument {
    fn from(entry: &EntryPoint) -> Self {
        Self {
            name: entry.name.to_string(),
            numbers: entry.numbers.clone(),
            deployment: entry.deployment.to_string(),
            safe_flow: entry.safe_flow.as_ref().map(ToString::to_string),
            fallback_queue: entry.fallback_queue.as_ref().map(ToString::to_string),
        }
    }
}

impl TryFrom<EntryPointDocument> for EntryPoint {
    type Error = IdError;

    fn try_from(kept: EntryPointDocument) -> Result<Self, IdError> {
        Ok(Self {
            name: kept.name.parse()?,
            numbers: kept.numbers,
            deployment: kept.deployment.parse()?,
            safe_flow: kept.safe_flow.map(|name| name.parse()).transpose()?,
            fallback_queue: kept.fallback_queue.map(|name| name.parse()).transpose()?,
        })
    }
}

/// The settings, as kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SettingsDocument {
    default_queue: Option<String>,
    default_directory: Option<String>,
    emergency_numbers: Vec<String>,
    max_contacts: u32,
}

impl From<&Settings> for SettingsDocument {
    fn from(settings: &Settings) -> Self {
        Self {
            default_queue: settings.default_queue.as_ref().map(ToString::to_string),
            default_directory: settings.default_directory.as_ref().map(ToString::to_string),
            emergency_numbers: settings.emergency_numbers.clone(),
            max_contacts: settings.max_contacts,
        }
    }
}

impl TryFrom<SettingsDocument> for Settings {
    type Error = IdError;

    fn try_from(kept: SettingsDocument) -> Result<Self, IdError> {
        Ok(Self {
            default_queue: kept.default_queue.map(|name| name.parse()).transpose()?,
            default_directory: kept.default_directory.map(|name| name.parse()).transpose()?,
            emergency_numbers: kept.emergency_numbers,
            max_contacts: kept.max_contacts,
        })
    }
}

/// A deployment, as kept: all that its version is made of, and what the operator grants it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeploymentDocument {
    /// Its name.
    pub name: String,
    /// The component's digest.
    pub plugin: String,
    /// The world the component targets.
    pub world: String,
    /// What the plugin reads as its configuration.
    pub config: BTreeMap<String, String>,
    /// Linear memory, in MiB, as it was kept before there were `limits`.
    #[serde(default, skip_serializing)]
    pub memory_mib: Option<u32>,
    /// CPU time of one step, likewise.
    #[serde(default, skip_serializing)]
    pub step_cpu_ms: Option<u32>,
    /// Limits that are set.
    #[serde(default)]
    pub limits: LimitValues,
    /// The plugin's manifest when it was deployed, as it was written; none if there was none.
    #[serde(default)]
    pub manifest: Option<String>,
    /// Contacts in progress go over to the version.
    #[serde(default)]
    pub migrate: bool,
    /// Open questions may be asked anew.
    #[serde(default)]
    pub ask_anew: bool,
    /// The version that served before.
    #[serde(default)]
    pub previous: Option<String>,
    /// What is tried beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryDocument>,
    /// The version that goes through what it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<String>,
}

/// A plugin, as kept. Its component is a blob named by its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PluginDocument {
    /// SHA-256 of the component.
    pub digest: String,
    /// For people.
    pub name: Option<String>,
    /// For people.
    pub label: Option<String>,
    /// `flow`, `scorer`, `crm`, `dialer` or `inspector`.
    pub world: String,
    /// The contract, e.g. `cordboard:flow@0.1.0`.
    pub contract: String,
    /// What it imports.
    pub imports: Vec<String>,
    /// Of the component.
    pub size_bytes: u64,
    /// Milliseconds since the epoch.
    pub uploaded_ms: u64,
    /// Its manifest, as it was written; none if there was none.
    #[serde(default)]
    pub manifest: Option<String>,
    /// Who signed it.
    #[serde(default)]
    pub signed_by: Option<SignedBy>,
}

/// What is granted to a plugin's name, as kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GrantDocument {
    /// The plugin's name.
    pub plugin: String,
    /// Places that requests may go to.
    pub egress: Vec<EgressDocument>,
    /// Of a request's body.
    pub request_bytes: Option<u32>,
    /// Of a response's body.
    pub response_bytes: Option<u32>,
    /// Requests at once.
    pub at_once: Option<u16>,
    /// From a request to the head of its response.
    pub timeout_ms: Option<u32>,
    /// What may be kept: values, and bytes of keys and values.
    pub stored_values: Option<(u32, u64)>,
}

/// A place that requests may go to, as kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EgressDocument {
    /// `https`; else `http`.
    pub https: bool,
    /// A name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// In capitals.
    pub methods: Vec<String>,
    /// Whether the address may be of a range that isn't global.
    pub private: bool,
}

impl GrantDocument {
    /// What is kept of a grant.
    pub(crate) fn of(plugin: &str, grant: &Grant) -> Self {
        let egress = grant.egress.iter().map(|rule| EgressDocument {
            https: rule.https,
            host: rule.host.clone(),
            port: rule.port,
            methods: rule.methods.clone(),
            private: rule.private,
        });
        let RequestBounds { request_bytes, response_bytes, at_once, timeout_ms } = grant.bounds;
        Self {
            plugin: plugin.into(),
            egress: egress.collect(),
            request_bytes,
            response_bytes,
            at_once,
            timeout_ms,
            stored_values: grant.stored_values,
        }
    }

    /// What was kept of a grant.
    pub(crate) fn read(self) -> Grant {
        let egress = self.egress.into_iter().map(|rule| EgressGrant {
            https: rule.https,
            host: rule.host,
            port: rule.port,
            methods: rule.methods,
            private: rule.private,
        });
        let Self { request_bytes, response_bytes, at_once, timeout_ms, stored_values, .. } = self;
        let bounds = RequestBounds { request_bytes, response_bytes, at_once, timeout_ms };
        Grant { egress: egress.collect(), bounds, stored_values }
    }
}

/// A trunk, as kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TrunkDocument {
    /// Its name.
    pub name: String,
    /// Networks that calls may come from: `127.0.0.1/32`.
    pub peers: Vec<String>,
}

/// A recording of the tenant's own. The WAV is a blob named by its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PromptDocument {
    /// Its name.
    pub name: String,
    /// What is heard in it.
    pub phrase: Option<String>,
    /// SHA-256 of the WAV.
    pub digest: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_format_1_are_read_for_ever() {
        let queue = br#"{"format":1,"document":{"name":"main","skills":[["billing",3]],"scorer":"skills",
            "offer_timeout_ms":20000,"wrap_up_ms":0,"max_waiting":100,"music":null,"service_level_ms":20000}}"#;
        let queue = Queue::try_from(decode::<QueueDocument>(queue).unwrap()).unwrap();
        assert_eq!((queue.name.as_str(), queue.skills.len()), ("main", 1));
        let again = decode::<QueueDocument>(&encode(&QueueDocument::from(&queue)).unwrap()).unwrap();
        assert_eq!(Queue::try_from(again).unwrap(), queue);

        let agent =
            br#"{"format":1,"document":{"id":"101","name":"Ann","skills":{"billing":5},"attributes":{"cost":1500},
            "queues":["main"],"auto_ready":true,"ha1":"0123"}}"#;
        let kept = decode::<AgentDocument>(agent).unwrap();
        assert_eq!(kept.ha1.as_deref(), Some("0123"));
        assert_eq!(Agent::try_from(kept).unwrap().attributes["cost"], 1500);

        let entry =
            br#"{"format":1,"document":{"name":"all","numbers":["*"],"deployment":"reception","fallback_queue":null}}"#;
        assert_eq!(EntryPoint::try_from(decode::<EntryPointDocument>(entry).unwrap()).unwrap().numbers, ["*"]);

        let settings = br#"{"format":1,"document":{"default_queue":"main","default_directory":null,
            "emergency_numbers":["112"],"max_contacts":5}}"#;
        assert_eq!(Settings::try_from(decode::<SettingsDocument>(settings).unwrap()).unwrap().max_contacts, 5);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        assert!(matches!(decode::<TrunkDocument>(b"{}"), Err(DocumentError::Malformed(_))));
        let newer = br#"{"format":2,"document":{"anything":1}}"#;
        assert!(matches!(decode::<TrunkDocument>(newer), Err(DocumentError::NewerFormat(2))));
        let bad = br#"{"format":1,"document":{"name":"a b","numbers":[],"deployment":"x","fallback_queue":null}}"#;
        assert!(EntryPoint::try_from(decode::<EntryPointDocument>(bad).unwrap()).is_err());
    }
}
