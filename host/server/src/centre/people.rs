//! Agents and the passwords of their phones.

use super::keeping::not_found;
use super::{HostCentre, malformed};
use crate::documents::AgentDocument;
use cordboard_admin::{Expected, Refusal, Revised};
use cordboard_core::agent::WantedState;
use cordboard_core::board::{AgentView, Input};
use cordboard_core::config::Agent;
use cordboard_core::ids::AgentId;
use cordboard_sip::Credentials;
use cordboard_store::DocumentKind;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// The shortest and the longest password, in bytes.
const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=128;

/// What the signalling proves phones' passwords with: the hash of RFC 7616 §3.4.2, by user. The password itself is kept
/// nowhere.
pub struct PhoneSecrets {
    realm: String,
    ha1: RwLock<BTreeMap<String, String>>,
}

impl PhoneSecrets {
    /// No phones yet.
    pub fn new(realm: &str) -> Self {
        Self { realm: realm.into(), ha1: RwLock::default() }
    }

    /// A phone may register with this, or no longer.
    pub fn set(&self, user: &str, ha1: Option<String>) {
        let mut known = self.ha1.write().unwrap_or_else(PoisonError::into_inner);
        match ha1 {
            Some(ha1) => known.insert(user.into(), ha1),
            None => known.remove(user),
        };
    }

    fn hash(&self, user: &str, password: &str) -> String {
        cordboard_sip::ha1(user, &self.realm, password)
    }
}

impl Credentials for PhoneSecrets {
    fn ha1(&self, user: &str, realm: &str) -> Option<String> {
        let known = self.ha1.read().unwrap_or_else(PoisonError::into_inner);
        known.get(user).filter(|_| realm == self.realm).cloned()
    }
}

impl HostCentre {
    pub(super) async fn all_agents(&self) -> Result<Vec<Revised<AgentView>>, Refusal> {
        let kept = self.keeping.list::<AgentDocument>(DocumentKind::Agent).await?;
        let revisions: BTreeMap<String, u64> = kept.into_iter().map(|(id, kept)| (id, kept.revision)).collect();
        let views = self.parts.board.ask(|board| board.agents()).await?;
        let revised = |view: AgentView| {
            let revision = *revisions.get(view.agent.id.as_str())?;
            Some(Revised { value: view, revision })
        };
        Ok(views.into_iter().filter_map(revised).collect())
    }

    pub(super) async fn change_agent(
        &self,
        agent: Agent,
        password: Option<String>,
        expected: Expected,
    ) -> Result<Revised<AgentView>, Refusal> {
        if password.as_ref().is_some_and(|password| !PASSWORD_BYTES.contains(&password.len())) {
            let detail = format!("a password has {} to {} bytes", PASSWORD_BYTES.start(), PASSWORD_BYTES.end());
            return Err(Refusal::Invalid { code: "out-of-bounds", detail });
        }
        let id = agent.id.clone();
        let _turn = self.turn().await;
        let before = self.keeping.get::<AgentDocument>(DocumentKind::Agent, id.as_str()).await?;
        let ha1 = match password {
            Some(password) => Some(self.parts.secrets.hash(id.as_str(), &password)),
            None => before.and_then(|before| before.value.ha1),
        };
        let document = AgentDocument::new(&agent, ha1.clone());
        let revision = self.keeping.put(DocumentKind::Agent, id.as_str(), &document, expected).await?;
        self.parts.secrets.set(id.as_str(), ha1);
        self.parts.board.tell(Input::PutAgent(agent)).await?;
        Ok(Revised { value: self.agent_view(&id).await?, revision })
    }

    async fn agent_view(&self, id: &AgentId) -> Result<AgentView, Refusal> {
        let views = self.parts.board.ask(|board| board.agents()).await?;
        views.into_iter().find(|view| view.agent.id == *id).ok_or_else(|| not_found("agent", id))
    }

    pub(super) async fn remove_agent(&self, id: &AgentId, expected: Expected) -> Result<(), Refusal> {
        let _turn = self.turn().await;
        self.keeping.delete(DocumentKind::Agent, id.as_str(), expected).await?;
        self.parts.secrets.set(id.as_str(), None);
        self.parts.sip.forget_user(id.as_str());
        Ok(self.parts.board.tell(Input::RemoveAgent(id.clone())).await?)
    }

    pub(super) async fn want_agent_state(&self, id: &AgentId, wanted: WantedState) -> Result<AgentView, Refusal> {
        self.agent_view(id).await?;
        self.parts.board.tell(Input::AgentWants(id.clone(), wanted)).await?;
        self.agent_view(id).await
    }
}

/// What the board and the signalling learn of a kept agent at the start.
///
/// # Errors
/// A name in it breaks its rule.
pub(crate) fn kept_agent(kept: AgentDocument, secrets: &PhoneSecrets) -> Result<Agent, Refusal> {
    let ha1 = kept.ha1.clone();
    let agent = Agent::try_from(kept).map_err(malformed)?;
    secrets.set(agent.id.as_str(), ha1);
    Ok(agent)
}
