//! Entry points, queues, trunks, settings.

use super::keeping::not_found;
use super::{HostCentre, SETTINGS, malformed};
use crate::documents::{EntryPointDocument, QueueDocument, SettingsDocument, TrunkDocument};
use cordboard_admin::{Expected, Refusal, Revised, Trunk};
use cordboard_core::board::{Input, QueueView};
use cordboard_core::config::{EntryPoint, Queue, Settings, World};
use cordboard_core::ids::QueueName;
use cordboard_sip::Peer;
use cordboard_store::DocumentKind;
use std::collections::BTreeMap;
use std::net::IpAddr;

const MAX_PEERS: usize = 64;

impl HostCentre {
    pub(super) async fn all_entry_points(&self) -> Result<Vec<Revised<EntryPoint>>, Refusal> {
        let kept = self.keeping.list::<EntryPointDocument>(DocumentKind::EntryPoint).await?;
        kept.into_iter()
            .map(|(_, kept)| Ok(Revised { value: kept.value.try_into().map_err(malformed)?, revision: kept.revision }))
            .collect()
    }

    pub(super) async fn change_entry_point(
        &self,
        entry: EntryPoint,
        expected: Expected,
    ) -> Result<Revised<EntryPoint>, Refusal> {
        let _turn = self.turn().await;
        self.require_deployment(&entry.deployment, World::Flow, "unknown-deployment").await?;
        if let Some(safe) = &entry.safe_flow {
            self.require_deployment(safe, World::Flow, "unknown-deployment").await?;
        }
        if let Some(queue) = &entry.fallback_queue {
            self.require_queue(queue).await?;
        }
        let document = EntryPointDocument::from(&entry);
        let revision = self.keeping.put(DocumentKind::EntryPoint, entry.name.as_str(), &document, expected).await?;
        self.parts.board.tell(Input::PutEntryPoint(entry.clone())).await?;
        Ok(Revised { value: entry, revision })
    }

    async fn require_queue(&self, name: &QueueName) -> Result<(), Refusal> {
        match self.keeping.get::<QueueDocument>(DocumentKind::Queue, name.as_str()).await? {
            Some(_) => Ok(()),
            None => Err(Refusal::Invalid { code: "unknown-queue", detail: format!("there is no queue `{name}`") }),
        }
    }

    /// The first thing found whose safe flow ends in this queue.
    pub(super) async fn who_falls_back_to(&self, name: &QueueName) -> Result<Option<String>, Refusal> {
        let found =
            self.all_entry_points().await?.into_iter().find(|entry| entry.value.fallback_queue.as_ref() == Some(name));
        if let Some(entry) = found {
            return Ok(Some(format!("entry point {}", entry.value.name)));
        }
        let settings = self.kept_settings().await?.value;
        Ok((settings.default_queue.as_ref() == Some(name)).then(|| "the settings".to_owned()))
    }

    pub(super) async fn all_queues(&self) -> Result<Vec<Revised<QueueView>>, Refusal> {
        let kept = self.keeping.list::<QueueDocument>(DocumentKind::Queue).await?;
        let revisions: BTreeMap<String, u64> = kept.into_iter().map(|(name, kept)| (name, kept.revision)).collect();
        let views = self.parts.board.ask(|board| board.queues()).await?;
        let revised = |view: QueueView| {
            let revision = *revisions.get(view.queue.name.as_str())?;
            Some(Revised { value: view, revision })
        };
        Ok(views.into_iter().filter_map(revised).collect())
    }

    pub(super) async fn change_queue(&self, queue: Queue, expected: Expected) -> Result<Revised<QueueView>, Refusal> {
        let _turn = self.turn().await;
        if let Some(scorer) = &queue.scorer {
            self.require_deployment(scorer, World::Scorer, "unknown-scorer").await?;
        }
        let name = queue.name.clone();
        let document = QueueDocument::from(&queue);
        let revision = self.keeping.put(DocumentKind::Queue, name.as_str(), &document, expected).await?;
        self.parts.board.tell(Input::PutQueue(queue)).await?;
        let asked = name.clone();
        let views = self.parts.board.ask(move |board| board.queues()).await?;
        let value = views.into_iter().find(|view| view.queue.name == asked).ok_or_else(|| not_found("queue", name))?;
        Ok(Revised { value, revision })
    }

    pub(super) async fn all_trunks(&self) -> Result<Vec<Revised<Trunk>>, Refusal> {
        let kept = self.keeping.list::<TrunkDocument>(DocumentKind::Trunk).await?;
        let trunk = |kept: TrunkDocument| Trunk { name: kept.name, peers: kept.peers };
        Ok(kept.into_iter().map(|(_, kept)| Revised { value: trunk(kept.value), revision: kept.revision }).collect())
    }

    pub(super) async fn change_trunk(&self, trunk: Trunk, expected: Expected) -> Result<Revised<Trunk>, Refusal> {
        if trunk.peers.is_empty() || trunk.peers.len() > MAX_PEERS {
            let detail = format!("peers has {} entries, not 1 to {MAX_PEERS}", trunk.peers.len());
            return Err(Refusal::Invalid { code: "out-of-bounds", detail });
        }
        trunk.peers.iter().try_for_each(|peer| read_peer(peer).map(drop))?;
        let _turn = self.turn().await;
        let document = TrunkDocument { name: trunk.name.clone(), peers: trunk.peers.clone() };
        let revision = self.keeping.put(DocumentKind::Trunk, &trunk.name, &document, expected).await?;
        self.tell_trunks().await?;
        Ok(Revised { value: trunk, revision })
    }

    pub(super) async fn remove_trunk(&self, name: &str, expected: Expected) -> Result<(), Refusal> {
        let _turn = self.turn().await;
        self.keeping.delete(DocumentKind::Trunk, name, expected).await?;
        self.tell_trunks().await
    }

    /// Tells the signalling all trunks.
    async fn tell_trunks(&self) -> Result<(), Refusal> {
        let kept = self.keeping.list::<TrunkDocument>(DocumentKind::Trunk).await?;
        let trunks: Vec<_> = kept.into_iter().map(|(_, kept)| sip_trunk(&kept.value)).collect::<Result<_, _>>()?;
        self.parts.sip.set_trunks(trunks);
        Ok(())
    }

    pub(super) async fn change_settings(
        &self,
        settings: Settings,
        expected: Expected,
    ) -> Result<Revised<Settings>, Refusal> {
        let _turn = self.turn().await;
        if let Some(queue) = &settings.default_queue {
            self.require_queue(queue).await?;
        }
        if let Some(directory) = &settings.default_directory {
            self.require_deployment(directory, World::Crm, "unknown-directory").await?;
        }
        let document = SettingsDocument::from(&settings);
        let revision = self.keeping.put(DocumentKind::Setting, SETTINGS, &document, expected).await?;
        self.parts.board.tell(Input::PutSettings(settings.clone())).await?;
        Ok(Revised { value: settings, revision })
    }
}

/// A trunk for the signalling.
///
/// # Errors
/// A peer is neither an address nor a network.
pub(crate) fn sip_trunk(kept: &TrunkDocument) -> Result<cordboard_sip::Trunk, Refusal> {
    let peers = kept.peers.iter().map(|peer| read_peer(peer)).collect::<Result<_, _>>()?;
    Ok(cordboard_sip::Trunk { name: kept.name.clone(), peers })
}

/// `192.0.2.7` or `192.0.2.0/24`.
fn read_peer(text: &str) -> Result<Peer, Refusal> {
    let wrong = || Refusal::Invalid {
        code: "invalid-peer",
        detail: format!("`{}` is neither an address nor a network", text.chars().take(64).collect::<String>()),
    };
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let network: IpAddr = address.parse().map_err(|_| wrong())?;
    let most = if network.is_ipv4() { 32 } else { 128 };
    let prefix_len = match prefix {
        None => most,
        Some(prefix) => prefix.parse().ok().filter(|length| *length <= most).ok_or_else(wrong)?,
    };
    Ok(Peer { network, prefix_len })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_an_address_or_a_network() {
        for (text, expected) in [
            ("192.0.2.7", Some(32)),
            ("192.0.2.0/24", Some(24)),
            ("0.0.0.0/0", Some(0)),
            ("::1", Some(128)),
            ("2001:db8::/32", Some(32)),
            ("192.0.2.0/33", None),
            ("192.0.2.0/", None),
            ("example.net", None),
            ("192.0.2.7:5060", None),
            ("", None),
        ] {
            assert_eq!(read_peer(text).ok().map(|peer| peer.prefix_len), expected, "{text}");
        }
    }
}
