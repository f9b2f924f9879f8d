//! Registering elsewhere (RFC 3261 §10.2): what a phone does.

use crate::digest::{Challenge, answer};
use crate::endpoint::Shared;
use crate::error::SipError;
use crate::event::RegisterClient;
use crate::front::Route;
use crate::leg::resolve;
use crate::transactions::request;
use crate::wire::{self, Address, Message, Start, Uri};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// REGISTERs of one refresh: a challenge, a stale nonce, a 423.
const MAX_ATTEMPTS: usize = 4;
/// After a refresh that failed.
const RETRY: Duration = Duration::from_secs(10);

/// A known account.
pub(crate) struct Account {
    pub(crate) client: RegisterClient,
    /// Ends its refreshing; the registration is left as it is.
    pub(crate) stop: CancellationToken,
}

/// One registration.
struct Registration {
    shared: Arc<Shared>,
    client: RegisterClient,
    registrar: SocketAddr,
    call_id: String,
    tag: String,
    cseq: u32,
    /// The challenge answered last, and how often it was.
    challenge: Option<(Challenge, u32)>,
    expires_s: u32,
}

/// Registers, and keeps it fresh; with `expires_s` 0 unregisters. A former account of that user is replaced.
pub(crate) async fn register(shared: &Arc<Shared>, client: RegisterClient) -> Result<(), SipError> {
    let uri = Uri::parse(&client.registrar).filter(|uri| uri.scheme == "sip" && !uri.has_headers);
    if uri.is_none() || client.user.is_empty() {
        return Err(SipError::Uri(client.registrar));
    }
    let registrar = resolve(&client.registrar).await.ok_or_else(|| SipError::Unreachable(client.registrar.clone()))?;
    let stop = shared.stop.child_token();
    let account = Account { client: client.clone(), stop: stop.clone() };
    if let Some(former) = shared.accounts(|accounts| accounts.insert(client.user.clone(), account)) {
        former.stop.cancel();
    }
    let call_id = format!("{:032x}@{}", rand::random::<u128>(), shared.advertised.ip());
    let tag = format!("{:016x}", rand::random::<u64>());
    // Answers find their way by it; nobody sends requests there.
    let (inbox, _) = mpsc::channel(1);
    shared.front.state().add_route(&call_id, &tag, Route { inbox, remote_tag: String::new(), ack: None, over: None });
    let expires_s = client.expires_s;
    let mut registration =
        Registration { shared: shared.clone(), client, registrar, call_id, tag, cseq: 0, challenge: None, expires_s };
    match registration.refresh().await {
        Ok(granted_s) if expires_s > 0 => {
            tokio::spawn(registration.keep(granted_s, stop));
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Registration {
    async fn keep(mut self, mut granted_s: u32, stop: CancellationToken) {
        loop {
            let wait = Duration::from_secs(granted_s.max(2).into()) / 2;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait.min(Duration::from_secs(86_400))) => {}
            }
            loop {
                match self.refresh().await {
                    Ok(s) => {
                        granted_s = s;
                        break;
                    }
                    Err(cause) => tracing::warn!(user = self.client.user, %cause, "a registration can't be refreshed"),
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(RETRY) => {}
                }
            }
        }
    }

    /// Once; the seconds granted.
    async fn refresh(&mut self) -> Result<u32, SipError> {
        let mut challenged = None;
        for _ in 0..MAX_ATTEMPTS {
            let message = self.message();
            let Some(response) = request(&self.shared, &message, self.registrar).await else {
                return Err(SipError::Unreachable(self.client.registrar.clone()));
            };
            match response.code().unwrap_or_default() {
                200..=299 => return Ok(self.granted(&response)),
                401 => {
                    let challenge = Challenge::strongest(response.all("WWW-Authenticate"));
                    // The first challenge of a refresh may follow an answer with an old nonce.
                    let Some(challenge) = challenge.filter(|new| challenged != Some(false) || new.stale) else {
                        return Err(refused(&response));
                    };
                    challenged = Some(challenge.stale);
                    self.challenge = Some((challenge, 0));
                }
                423 => match response.get("Min-Expires").and_then(|s| s.parse().ok()).filter(|s| *s > self.expires_s) {
                    Some(least_s) => self.expires_s = least_s,
                    None => return Err(refused(&response)),
                },
                408 if response.to().is_none_or(|to| to.tag().is_none()) => {
                    return Err(SipError::Unreachable(self.client.registrar.clone()));
                }
                _ => return Err(refused(&response)),
            }
        }
        Err(SipError::Unreachable(self.client.registrar.clone()))
    }

    fn message(&mut self) -> Message {
        self.cseq += 1;
        let registrar = self.client.registrar.clone();
        let user = wire::escape_user(&self.client.user);
        let host = registrar.split_once(':').map(|(_, host)| host.split([';', '?']).next().unwrap_or(host));
        let of_record = format!("<sip:{user}@{}>", host.unwrap_or_default());
        let mut message = wire::request("REGISTER", &registrar);
        self.shared.stamp(&mut message);
        message.push("From", format!("{of_record};tag={}", self.tag));
        message.push("To", of_record);
        message.push("Call-ID", self.call_id.as_str());
        message.push("CSeq", format!("{} REGISTER", self.cseq));
        message.push("Contact", format!("<{}>;expires={}", self.contact(), self.expires_s));
        message.push("Expires", self.expires_s.to_string());
        if let Some((challenge, nc)) = &mut self.challenge {
            *nc += 1;
            let (user, password) = (&self.client.user, &self.client.password);
            message.push("Authorization", answer(challenge, user, password, "REGISTER", &registrar, *nc));
        }
        message
    }

    fn contact(&self) -> String {
        format!("sip:{}@{}", wire::escape_user(&self.client.user), self.shared.advertised)
    }

    fn granted(&self, response: &Message) -> u32 {
        let ours = self.contact();
        let contacts = response.all("Contact").filter_map(Address::parse);
        let of_contact =
            contacts.filter(|contact| contact.uri == ours).find_map(|one| one.param("expires")?.parse().ok());
        let of_all = || response.get("Expires").and_then(|s| s.parse().ok());
        of_contact.or_else(of_all).unwrap_or(self.expires_s)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shared.front.state().remove_route(&self.call_id, &self.tag);
    }
}

fn refused(response: &Message) -> SipError {
    let reason = match &response.start {
        Start::Response { reason, .. } => reason.clone(),
        Start::Request { .. } => String::new(),
    };
    SipError::Refused { code: response.code().unwrap_or_default(), reason }
}
