//! What a fresh data folder begins with, so that an operator has something to change instead of nothing: a queue that
//! the safe flow can use, and a trunk for calls from this machine.

use crate::centre::SETTINGS;
use crate::documents::{QueueDocument, SettingsDocument, TrunkDocument, encode};
use cordboard_core::config::{Queue, Settings};
use cordboard_core::ids::{QueueName, TenantId};
use cordboard_store::{DocumentKind, Documents, If};

/// The queue's name, and what callers hear in it.
const QUEUE: &str = "default";
/// The recording that is part of the program.
const MUSIC: &str = "hold-music";

/// Makes the documents, unless there are settings already.
///
/// # Errors
/// The store can't be read or written.
pub(crate) async fn prepare(documents: &Documents, tenant: &TenantId) -> anyhow::Result<bool> {
    if documents.get(tenant, DocumentKind::Setting, SETTINGS).await?.is_some() {
        return Ok(false);
    }
    let name = QueueName::new(QUEUE)?;
    let queue = Queue {
        name: name.clone(),
        skills: Vec::new(),
        scorer: None,
        offer_timeout_ms: 20_000,
        wrap_up_ms: 0,
        max_waiting: 1_000,
        music: Some(MUSIC.into()),
        service_level_ms: 20_000,
    };
    let body = encode(&QueueDocument::from(&queue))?;
    documents.put(tenant, DocumentKind::Queue, QUEUE, &body, If::Always).await?;
    let trunk = TrunkDocument { name: "local".into(), peers: vec!["127.0.0.0/8".into(), "::1".into()] };
    documents.put(tenant, DocumentKind::Trunk, &trunk.name, &encode(&trunk)?, If::Always).await?;
    // Last: as long as it is missing, all of this is made again.
    let settings = Settings { default_queue: Some(name), ..Settings::default() };
    let body = encode(&SettingsDocument::from(&settings))?;
    documents.put(tenant, DocumentKind::Setting, SETTINGS, &body, If::Always).await?;
    Ok(true)
}
