//! Verifying what a phone proves.

use super::nonce::Secret;
use super::{Algorithm, Signed, param, parse, response};
use crate::Credentials;
use crate::wire::{Message, Uri};
use std::collections::BTreeMap;
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// Nonces of one user in use at once; beyond it the oldest is stale. Only a right password makes an entry, so the table
/// is bounded by the users there are, and nobody can take another's place in it.
const MAX_NONCES: usize = 16;

/// What a request proved: that it knows the password of `user`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) user: String,
}

/// Why a request proved nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Nothing usable was given: challenge.
    Challenge,
    /// Right once, but the nonce is too old: challenge with `stale=true`.
    Stale,
    /// The nonce count did not grow: challenge with `stale=true`, and count.
    Replayed,
    /// Wrong user or password: 403.
    Wrong,
}

struct NonceUse {
    last_nc: u32,
    expires: Duration,
}

/// One user's nonces. They begin with their time, so the first is the oldest.
#[derive(Default)]
struct Nonces {
    used: BTreeMap<String, NonceUse>,
    /// The latest that was dropped before its time: it and what is older don't come back.
    dropped: Option<(String, Duration)>,
}

/// Issues challenges, verifies answers.
pub(crate) struct Authenticator {
    realm: String,
    lifetime: Duration,
    /// Of what is offered, the best first (RFC 8760 §2.4).
    algorithms: &'static [Algorithm],
    used: BTreeMap<String, Nonces>,
    issued: u64,
}

impl Authenticator {
    pub(crate) fn new(realm: String, lifetime: Duration, sha256: bool) -> Self {
        let algorithms: &[Algorithm] = if sha256 { &[Algorithm::Sha256, Algorithm::Md5] } else { &[Algorithm::Md5] };
        Self { realm, lifetime, algorithms, used: BTreeMap::new(), issued: 0 }
    }

    /// The values of WWW-Authenticate, one an algorithm.
    pub(crate) fn challenges(&mut self, secret: &Secret, now: Duration, stale: bool) -> Vec<String> {
        self.issued = self.issued.wrapping_add(1);
        let nonce = secret.nonce(now, self.issued);
        let realm = self.realm.replace(['"', '\\'], "");
        let stale = if stale { ", stale=true" } else { "" };
        let one = |algorithm: &Algorithm| {
            let name = algorithm.name();
            format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={name}, qop=\"auth\"{stale}")
        };
        self.algorithms.iter().map(one).collect()
    }

    /// Verifies the Authorization of a request for our realm. `now` is the time since the stack started.
    pub(crate) fn verify(
        &mut self,
        secret: &Secret,
        credentials: &dyn Credentials,
        request: &Message,
        now: Duration,
    ) -> Result<Proof, Denied> {
        let (Some(method), Some(request_uri)) = (request.method(), request.uri()) else {
            return Err(Denied::Challenge);
        };
        let given =
            request.all("Authorization").filter_map(parse).find(|params| param(params, "realm") == Some(&self.realm));
        let Some(given) = given else { return Err(Denied::Challenge) };
        let get = |name: &str| param(&given, name).ok_or(Denied::Challenge);
        let (user, nonce, uri, answer) = (get("username")?, get("nonce")?, get("uri")?, get("response")?);
        let algorithm = Algorithm::named(param(&given, "algorithm")).filter(|one| self.algorithms.contains(one));
        let algorithm = algorithm.ok_or(Denied::Challenge)?;
        // The legacy form without qop is refused: see the module's policy.
        if !param(&given, "qop").is_some_and(|qop| qop.eq_ignore_ascii_case("auth")) {
            return Err(Denied::Challenge);
        }
        let signed = Signed { uri, nonce, nc: get("nc")?, cnonce: get("cnonce")? };
        let nc = nonce_count(signed.nc).ok_or(Denied::Challenge)?;
        let age = secret.age(nonce, now).ok_or(Denied::Challenge)?;
        // RFC 2617 §3.2.2.5: what was signed must be what is asked for. Phones differ in the parameters they sign.
        let same = Uri::parse(uri).zip(Uri::parse(request_uri)).is_some_and(|(a, b)| a.same_server(&b));
        if !same && uri != request_uri {
            return Err(Denied::Wrong);
        }
        // An unknown user costs the same work as a known one.
        let known = match algorithm {
            Algorithm::Md5 => credentials.ha1(user, &self.realm),
            Algorithm::Sha256 => credentials.ha1_sha256(user, &self.realm),
        };
        let ha1 = known.clone().unwrap_or_else(|| "0".repeat(32)).to_ascii_lowercase();
        let expected = response(algorithm, &ha1, method, &signed);
        let right = bool::from(expected.as_bytes().ct_eq(answer.to_ascii_lowercase().as_bytes()));
        if !right || known.is_none() {
            return Err(Denied::Wrong);
        }
        if age > self.lifetime {
            return Err(Denied::Stale);
        }
        self.count(user, nonce, nc, now.saturating_sub(age))?;
        Ok(Proof { user: user.to_owned() })
    }

    fn count(&mut self, user: &str, nonce: &str, nc: u32, issued: Duration) -> Result<(), Denied> {
        let nonces = self.used.entry(user.to_owned()).or_default();
        if let Some(used) = nonces.used.get_mut(nonce) {
            if nc <= used.last_nc {
                return Err(Denied::Replayed);
            }
            used.last_nc = nc;
            return Ok(());
        }
        if nonces.dropped.as_ref().is_some_and(|(dropped, _)| nonce <= dropped.as_str()) {
            return Err(Denied::Stale);
        }
        // Kept a little longer than it is good, so that it can't come back in between.
        let expires = issued.saturating_add(self.lifetime).saturating_add(Duration::from_secs(1));
        nonces.used.insert(nonce.to_owned(), NonceUse { last_nc: nc, expires });
        if nonces.used.len() > MAX_NONCES {
            nonces.dropped = nonces.used.pop_first().map(|(nonce, used)| (nonce, used.expires));
        }
        Ok(())
    }

    /// Forgets nonces that are no good any more.
    pub(crate) fn expire(&mut self, now: Duration) {
        self.used.retain(|_, nonces| {
            nonces.used.retain(|_, used| used.expires > now);
            nonces.dropped.take_if(|(_, expires)| *expires <= now);
            !nonces.used.is_empty() || nonces.dropped.is_some()
        });
    }
}

/// Exactly eight hex digits, not zero (RFC 2617 §3.2.2).
fn nonce_count(text: &str) -> Option<u32> {
    let sound = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(text, 16).ok().filter(|count| sound && *count > 0)
}

#[cfg(test)]
mod tests {
    use super::super::{Challenge, answer, ha1, ha1_sha256};
    use super::*;
    use crate::wire;

    struct One;
    impl Credentials for One {
        fn ha1(&self, user: &str, realm: &str) -> Option<String> {
            (user == "ann").then(|| ha1("ann", realm, "secret"))
        }
        fn ha1_sha256(&self, user: &str, realm: &str) -> Option<String> {
            (user == "ann").then(|| ha1_sha256("ann", realm, "secret"))
        }
    }

    struct Bench {
        secret: Secret,
        auth: Authenticator,
        challenge: Challenge,
    }

    fn bench() -> Bench {
        bench_of(false)
    }

    fn bench_of(sha256: bool) -> Bench {
        let (secret, mut auth) = (Secret::random(), Authenticator::new("r".into(), Duration::from_secs(60), sha256));
        let challenges = auth.challenges(&secret, Duration::from_secs(1), false);
        let challenge = Challenge::strongest(challenges.iter().map(String::as_str)).unwrap();
        Bench { secret, auth, challenge }
    }

    impl Bench {
        fn try_with(&mut self, user: &str, password: &str, nc: u32, at_s: u64) -> Result<Proof, Denied> {
            let value = answer(&self.challenge, user, password, "REGISTER", "sip:host", nc);
            self.try_value(&value, at_s)
        }
        fn try_value(&mut self, value: &str, at_s: u64) -> Result<Proof, Denied> {
            let mut request = wire::request("REGISTER", "sip:host");
            request.push("Authorization", value);
            self.auth.verify(&self.secret, &One, &request, Duration::from_secs(at_s))
        }
    }

    #[test]
    fn the_nonce_count_is_hashed_as_it_stands() {
        for sha256 in [false, true] {
            let mut bench = bench_of(sha256);
            for nc in [1, 0x0a, 0x100, 0xffff_ffff] {
                assert_eq!(bench.try_with("ann", "secret", nc, 2), Ok(Proof { user: "ann".into() }), "{nc:08x}");
            }
        }
        // Known values, so that both sides can't be wrong together.
        let ha1 = ha1("Mufasa", "testrealm@host.com", "Circle Of Life");
        let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        let known = |nc| {
            let signed = Signed { uri: "/dir/index.html", nonce, nc, cnonce: "0a4f113b" };
            response(Algorithm::Md5, &ha1, "GET", &signed)
        };
        let by_hand = |nc: &str| {
            let ha2 = Algorithm::Md5.hex(&["GET:/dir/index.html"]);
            Algorithm::Md5.hex(&[&format!("{ha1}:{nonce}:{nc}:0a4f113b:auth:{ha2}")])
        };
        for nc in ["0000000a", "00000100"] {
            assert_eq!(known(nc), by_hand(nc));
        }
    }

    #[test]
    fn sha256_is_taken_only_where_it_is_offered() {
        let with_sha = bench_of(true);
        assert_eq!(with_sha.challenge.algorithm, Algorithm::Sha256);
        let mut md5_only = bench();
        md5_only.challenge.algorithm = Algorithm::Sha256;
        assert_eq!(md5_only.try_with("ann", "secret", 1, 2), Err(Denied::Challenge));
        let mut both = bench_of(true);
        both.challenge.algorithm = Algorithm::Md5;
        assert!(both.try_with("ann", "secret", 1, 2).is_ok());
        assert_eq!(both.try_with("ann", "wrong", 2, 2), Err(Denied::Wrong));
    }

    #[test]
    fn the_count_must_grow() {
        let mut bench = bench();
        assert!(bench.try_with("ann", "secret", 5, 2).is_ok());
        assert_eq!(bench.try_with("ann", "secret", 5, 2), Err(Denied::Replayed));
        assert_eq!(bench.try_with("ann", "secret", 4, 2), Err(Denied::Replayed));
        assert!(bench.try_with("ann", "secret", 6, 2).is_ok());
    }

    #[test]
    fn refusals() {
        let mut bench = bench();
        assert_eq!(bench.try_with("ann", "wrong", 1, 2), Err(Denied::Wrong));
        assert_eq!(bench.try_with("bob", "secret", 1, 2), Err(Denied::Wrong));
        assert_eq!(bench.try_with("ann", "secret", 1, 62), Err(Denied::Stale));
        let good = answer(&bench.challenge, "ann", "secret", "REGISTER", "sip:host", 0x0a);
        let table = [
            ("nc=0000000a", "nc=a"),
            ("nc=0000000a", "nc=00000000"),
            ("nc=0000000a", "nc=+000000a"),
            ("qop=auth, ", ""),
            ("qop=auth", "qop=auth-int"),
            ("algorithm=MD5", "algorithm=SHA-256"),
            ("realm=\"r\"", "realm=\"other\""),
            ("nonce=\"0", "nonce=\"1"),
        ];
        for (from, to) in table {
            assert!(good.contains(from), "{from} in {good}");
            assert_eq!(bench.try_value(&good.replace(from, to), 2), Err(Denied::Challenge), "{from} -> {to}");
        }
        assert_eq!(bench.try_value(&good.replace("sip:host", "sip:elsewhere"), 2), Err(Denied::Wrong));
        // A count that differs from what was hashed is a wrong answer, not another spelling.
        assert_eq!(bench.try_value(&good.replace("nc=0000000a", "nc=0000000A"), 2), Err(Denied::Wrong));
        assert!(bench.try_value(&good, 2).is_ok());
    }

    #[test]
    fn a_user_with_many_nonces_loses_the_oldest_and_nobody_elses() {
        let mut bench = bench();
        bench.auth.count("bob", "0", 1, Duration::ZERO).unwrap();
        let first = answer(&bench.challenge, "ann", "secret", "REGISTER", "sip:host", 1);
        assert!(bench.try_value(&first, 2).is_ok());
        for _ in 0..2 * MAX_NONCES {
            let challenges = bench.auth.challenges(&bench.secret, Duration::from_secs(2), false);
            bench.challenge = Challenge::strongest(challenges.iter().map(String::as_str)).unwrap();
            assert!(bench.try_with("ann", "secret", 1, 2).is_ok());
        }
        assert_eq!(bench.auth.used["ann"].used.len(), MAX_NONCES);
        assert_eq!(bench.try_value(&first, 3), Err(Denied::Stale), "nor can it be replayed");
        assert!(bench.try_with("ann", "secret", 2, 3).is_ok(), "the latest is good");
        assert_eq!(bench.auth.count("bob", "0", 1, Duration::ZERO), Err(Denied::Replayed), "bob's is still known");
        bench.auth.expire(Duration::from_secs(64));
        assert!(bench.auth.used.is_empty());
    }

    #[test]
    fn used_nonces_are_forgotten_after_their_time() {
        let mut bench = bench();
        assert!(bench.try_with("ann", "secret", 1, 2).is_ok());
        bench.auth.expire(Duration::from_secs(30));
        assert_eq!(bench.auth.used.len(), 1);
        bench.auth.expire(Duration::from_secs(63));
        assert_eq!(bench.auth.used.len(), 0);
    }
}
