//! The location store: who is reachable where (RFC 3261 §10.3). Pure: time comes in, changes come out.

use crate::event::{Registration, SipEvent};
use crate::wire::{Address, Message};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

/// Contacts of one user; a further one takes the place of the oldest: some phones have another at each start. A request
/// that alone brings more is refused with 403.
const MAX_CONTACTS: usize = 5;
/// Users registered at once; the credentials bound it too. A further one is refused with 503.
const MAX_USERS: usize = 100_000;
/// If the phone names no time.
const DEFAULT_EXPIRES_S: u32 = 3_600;

struct Contact {
    uri: String,
    source: SocketAddr,
    until: Duration,
    call_id: String,
    cseq: u32,
    order: u64,
}

/// What a REGISTER led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 200: the user's contacts, with the seconds they still hold.
    Bound(Vec<(String, u32)>),
    /// 423 with Min-Expires.
    TooBrief,
    /// Something else.
    Refused(u16, &'static str),
}

/// All registrations.
pub(crate) struct Registrar {
    min_s: u32,
    max_s: u32,
    users: BTreeMap<String, Vec<Contact>>,
    /// The latest change of each user that was not told yet; bounded by the users.
    untold: BTreeMap<String, SipEvent>,
    order: u64,
}

impl Registrar {
    pub(crate) fn new(min_s: u32, max_s: u32) -> Self {
        let max_s = max_s.max(1);
        Self { min_s: min_s.min(max_s), max_s, users: BTreeMap::new(), untold: BTreeMap::new(), order: 0 }
    }

    /// A REGISTER of an authenticated user, screened: its contacts are sound.
    pub(crate) fn register(&mut self, user: &str, request: &Message, source: SocketAddr, now: Duration) -> Outcome {
        self.expire(now);
        let default_s = match request.get("Expires") {
            // RFC 3261 §20.19: malformed counts as an hour; too large is shortened like any.
            Some(text) => seconds(text).unwrap_or(DEFAULT_EXPIRES_S),
            None => DEFAULT_EXPIRES_S,
        };
        let contacts: Vec<&str> = request.all("Contact").collect();
        let Some((cseq, _)) = request.cseq() else { return Outcome::Refused(400, "Bad CSeq") };
        if contacts.contains(&"*") {
            if contacts.len() != 1 || request.get("Expires").and_then(seconds) != Some(0) {
                return Outcome::Refused(400, "Wildcard Contact");
            }
            self.remove(user, |_| true);
            return self.bound(user, now);
        }
        let mut wanted = Vec::new();
        for contact in contacts.iter().filter_map(|contact| Address::parse(contact)) {
            let expires_s = match contact.param("expires") {
                Some(text) => seconds(text).unwrap_or(DEFAULT_EXPIRES_S),
                None => default_s,
            };
            if expires_s > 0 && expires_s < self.min_s {
                return Outcome::TooBrief;
            }
            wanted.push((contact.uri, expires_s.min(self.max_s)));
        }
        let held = self.users.get(user).map(Vec::as_slice).unwrap_or_default();
        // RFC 3261 §10.3 step 7: an older request of the same call must not undo a newer one.
        if held.iter().any(|held| held.call_id == request.call_id() && held.cseq >= cseq) && !wanted.is_empty() {
            return Outcome::Refused(500, "Out of Order");
        }
        let binding: BTreeSet<&str> = wanted.iter().filter(|(_, s)| *s > 0).map(|(uri, _)| uri.as_str()).collect();
        if binding.len() > MAX_CONTACTS {
            return Outcome::Refused(403, "Too Many Contacts");
        }
        if held.is_empty() && self.users.len() >= MAX_USERS {
            return Outcome::Refused(503, "Too Many Registrations");
        }
        for (uri, expires_s) in wanted {
            if expires_s == 0 {
                self.remove(user, |contact| contact.uri == uri);
            } else {
                self.bind(user, uri, expires_s, request.call_id(), cseq, source, now);
            }
        }
        self.evict(user);
        self.bound(user, now)
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one binding")]
    fn bind(&mut self, user: &str, uri: String, s: u32, call_id: &str, cseq: u32, source: SocketAddr, now: Duration) {
        self.order += 1;
        let until = now.saturating_add(Duration::from_secs(s.into()));
        let (call_id, order) = (call_id.to_owned(), self.order);
        // A refresh is told too: the phone is there, whatever was thought of it.
        let event = SipEvent::Registered { user: user.to_owned(), contact: uri.clone(), expires_s: s };
        self.untold.insert(user.to_owned(), event);
        let contacts = self.users.entry(user.to_owned()).or_default();
        let contact = Contact { uri, source, until, call_id, cseq, order };
        match contacts.iter_mut().find(|held| held.uri == contact.uri) {
            Some(held) => *held = contact,
            None => contacts.push(contact),
        }
    }

    /// Drops the contacts that registered longest ago, until as many are left as may be.
    fn evict(&mut self, user: &str) {
        let Some(contacts) = self.users.get_mut(user).filter(|contacts| contacts.len() > MAX_CONTACTS) else { return };
        contacts.sort_unstable_by_key(|contact| contact.order);
        contacts.drain(..contacts.len() - MAX_CONTACTS);
    }

    fn remove(&mut self, user: &str, which: impl Fn(&Contact) -> bool) {
        let Some(contacts) = self.users.get_mut(user) else { return };
        contacts.retain(|contact| !which(contact));
        if contacts.is_empty() {
            self.users.remove(user);
            self.untold.insert(user.to_owned(), SipEvent::Unregistered { user: user.to_owned(), expired: false });
        }
    }

    /// Forgets all contacts of a user.
    pub(crate) fn forget(&mut self, user: &str) {
        self.remove(user, |_| true);
    }

    fn bound(&self, user: &str, now: Duration) -> Outcome {
        let contacts = self.users.get(user).map(Vec::as_slice).unwrap_or_default();
        Outcome::Bound(contacts.iter().map(|contact| (contact.uri.clone(), left_s(contact.until, now))).collect())
    }

    /// Drops what is over.
    pub(crate) fn expire(&mut self, now: Duration) {
        let untold = &mut self.untold;
        self.users.retain(|user, contacts| {
            contacts.retain(|contact| contact.until > now);
            if contacts.is_empty() {
                untold.insert(user.clone(), SipEvent::Unregistered { user: user.clone(), expired: true });
            }
            !contacts.is_empty()
        });
    }

    /// The next change to tell.
    pub(crate) fn take_untold(&mut self) -> Option<SipEvent> {
        self.untold.pop_first().map(|(_, event)| event)
    }

    /// Where a user is called: the contact that registered last, and the address it came from.
    pub(crate) fn locate(&self, user: &str, now: Duration) -> Option<(String, SocketAddr)> {
        let live = self.users.get(user)?.iter().filter(|contact| contact.until > now);
        live.max_by_key(|contact| contact.order).map(|contact| (contact.uri.clone(), contact.source))
    }

    /// Whether that user is registered from that address.
    pub(crate) fn is_from(&self, user: &str, source: SocketAddr, now: Duration) -> bool {
        self.users.get(user).is_some_and(|all| all.iter().any(|one| one.source == source && one.until > now))
    }

    pub(crate) fn all(&self, now: Duration) -> Vec<Registration> {
        let each = self.users.iter().flat_map(|(user, contacts)| contacts.iter().map(move |contact| (user, contact)));
        each.filter(|(_, contact)| contact.until > now)
            .map(|(user, contact)| Registration {
                user: user.clone(),
                contact: contact.uri.clone(),
                source: contact.source,
                expires_s: left_s(contact.until, now),
            })
            .collect()
    }
}

fn left_s(until: Duration, now: Duration) -> u32 {
    // Rounded up, so that a fresh binding tells the time that was granted.
    let left = until.saturating_sub(now);
    u32::try_from(left.as_secs() + u64::from(left.subsec_nanos() > 0)).unwrap_or(u32::MAX)
}

/// Seconds in decimal; what exceeds 32 bits is the most there is. `None` if malformed.
fn seconds(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    fn request(contacts: &[&str], expires: Option<&str>, cseq: u32) -> Message {
        let mut request = wire::request("REGISTER", "sip:host");
        request.push("Call-ID", "c");
        request.push("CSeq", format!("{cseq} REGISTER"));
        for contact in contacts {
            request.push("Contact", *contact);
        }
        if let Some(expires) = expires {
            request.push("Expires", expires);
        }
        request
    }

    fn source() -> SocketAddr {
        "127.0.0.1:5070".parse().unwrap()
    }

    #[test]
    fn expiry_is_bounded_and_the_contact_parameter_wins() {
        let table: &[(&[&str], Option<&str>, Outcome)] = &[
            (&["<sip:a@h>"], None, Outcome::Bound(vec![("sip:a@h".into(), 600)])),
            (&["<sip:a@h>"], Some("99999999999"), Outcome::Bound(vec![("sip:a@h".into(), 600)])),
            (&["<sip:a@h>"], Some("59"), Outcome::TooBrief),
            (&["<sip:a@h>;expires=60"], Some("5"), Outcome::Bound(vec![("sip:a@h".into(), 60)])),
            (&["<sip:a@h>;expires=0"], Some("300"), Outcome::Bound(vec![])),
            (&["*"], Some("0"), Outcome::Bound(vec![])),
            (&["*"], Some("10"), Outcome::Refused(400, "Wildcard Contact")),
            (&["*"], None, Outcome::Refused(400, "Wildcard Contact")),
            (&["*", "<sip:a@h>"], Some("0"), Outcome::Refused(400, "Wildcard Contact")),
            (&[], None, Outcome::Bound(vec![])),
        ];
        for (contacts, expires, expected) in table {
            let mut registrar = Registrar::new(60, 600);
            let outcome = registrar.register("ann", &request(contacts, *expires, 1), source(), Duration::ZERO);
            assert_eq!(outcome, *expected, "{contacts:?} {expires:?}");
        }
    }

    #[test]
    fn whoever_registers_is_told_and_time_removes() {
        let mut registrar = Registrar::new(60, 600);
        let at = Duration::from_secs;
        registrar.register("ann", &request(&["<sip:a@h>"], Some("60"), 1), source(), at(0));
        assert!(matches!(registrar.take_untold(), Some(SipEvent::Registered { expires_s: 60, .. })));
        registrar.register("ann", &request(&["<sip:a@h>"], Some("60"), 2), source(), at(30));
        registrar.register("ann", &request(&["<sip:a@h>"], Some("70"), 3), source(), at(30));
        assert!(matches!(registrar.take_untold(), Some(SipEvent::Registered { expires_s: 70, .. })), "a refresh too");
        assert_eq!(registrar.take_untold(), None, "the latest only");
        registrar.register("ann", &request(&[], None, 4), source(), at(30));
        assert_eq!(registrar.take_untold(), None, "asking is no registering");
        registrar.register("ann", &request(&["<sip:a@h>"], Some("60"), 5), source(), at(30));
        assert!(registrar.take_untold().is_some());
        assert!(registrar.locate("ann", at(89)).is_some());
        assert!(registrar.is_from("ann", source(), at(89)));
        assert!(registrar.locate("ann", at(90)).is_none());
        registrar.expire(at(90));
        assert_eq!(registrar.take_untold(), Some(SipEvent::Unregistered { user: "ann".into(), expired: true }));
        assert!(registrar.users.is_empty());
    }

    #[test]
    fn contacts_are_bounded_and_an_old_request_undoes_nothing() {
        let mut registrar = Registrar::new(60, 600);
        for n in 0..MAX_CONTACTS {
            let contact = format!("<sip:a@h{n}>");
            let cseq = u32::try_from(n).unwrap() + 10;
            assert!(matches!(
                registrar.register("ann", &request(&[&contact], None, cseq), source(), Duration::ZERO),
                Outcome::Bound(_)
            ));
        }
        // One that is refreshed isn't the oldest any more.
        registrar.register("ann", &request(&["<sip:a@h0>"], None, 40), source(), Duration::ZERO);
        let more = registrar.register("ann", &request(&["<sip:a@more>"], None, 50), source(), Duration::ZERO);
        let Outcome::Bound(contacts) = more else { panic!("{more:?}") };
        let contacts: Vec<_> = contacts.iter().map(|(uri, _)| uri.as_str()).collect();
        assert_eq!(contacts, ["sip:a@h2", "sip:a@h3", "sip:a@h4", "sip:a@h0", "sip:a@more"]);
        let names: Vec<_> = (0..=MAX_CONTACTS).map(|n| format!("<sip:a@many{n}>")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let many = registrar.register("ann", &request(&names, None, 60), source(), Duration::ZERO);
        assert_eq!(many, Outcome::Refused(403, "Too Many Contacts"));
        let old = registrar.register("ann", &request(&["<sip:a@h2>;expires=0"], None, 9), source(), Duration::ZERO);
        assert_eq!(old, Outcome::Refused(500, "Out of Order"));
        assert_eq!(registrar.locate("ann", Duration::ZERO).unwrap().0, "sip:a@more", "the last to register is called");
    }
}
