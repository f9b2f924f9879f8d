//! Two keys: what the manifest wants and the operator grants, both, can be used. Pure.

use super::{Manifest, Want};
use crate::config::{EgressBounds, EgressRule, Grants, Quota};
use crate::error::LoadError;
use crate::web::{check_grants, rule_for};
use std::collections::BTreeSet;

/// What an operator grants to a plugin's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// Places it may send requests to.
    pub egress: Vec<EgressRule>,
    /// How.
    pub bounds: EgressBounds,
    /// What it may keep.
    pub stored_values: Option<Quota>,
}

/// Something wanted that is not granted, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingGrant {
    /// `egress`, `stored-values`, `limits`.
    pub capability: &'static str,
    /// What is missing.
    pub detail: String,
    /// Why the plugin wants it.
    pub reason: String,
}

impl Granted {
    /// Whether it can be granted.
    ///
    /// # Errors
    /// What is out of bounds.
    pub fn check(&self) -> Result<(), LoadError> {
        check_grants(&Grants { egress: self.egress.clone(), bounds: self.bounds, stored_values: self.stored_values })
    }
}

/// Whether a place that is granted is one that is wanted.
fn covers(want: &Want, rule: &EgressRule) -> bool {
    let Want::Egress { host, port, scheme, .. } = want else { return false };
    (host == "*" || host.eq_ignore_ascii_case(&rule.host))
        && port.is_none_or(|port| port == rule.port)
        && scheme.takes(rule.scheme)
}

fn methods(want: &Want) -> &[String] {
    match want {
        Want::Egress { methods, .. } => methods,
        Want::StoredValues { .. } => &[],
    }
}

impl Manifest {
    /// What can be used of what is granted.
    pub fn usable(&self, granted: &Granted) -> Grants {
        let usable = |rule: &EgressRule| {
            let wanted =
                |method: &String| self.wants.iter().any(|want| covers(want, rule) && methods(want).contains(method));
            let methods: Vec<String> = rule.methods.iter().filter(|method| wanted(method)).cloned().collect();
            (!methods.is_empty()).then(|| EgressRule { methods, ..rule.clone() })
        };
        let wants_values = self.wants.iter().any(|want| matches!(want, Want::StoredValues { .. }));
        Grants {
            egress: granted.egress.iter().filter_map(usable).collect(),
            bounds: granted.bounds,
            stored_values: granted.stored_values.filter(|_| wants_values),
        }
    }

    /// Whether it wants a request: one that can be granted. What leads nowhere is refused elsewhere.
    pub fn wants_request(&self, method: &str, url: &str) -> bool {
        let Some(rule) = rule_for(method, url) else { return true };
        self.wants.iter().any(|want| covers(want, &rule) && methods(want).iter().any(|wanted| wanted == method))
    }

    /// What is wanted and not granted.
    pub fn missing(&self, granted: &Granted) -> Vec<MissingGrant> {
        self.wants.iter().filter_map(|want| missing(want, granted)).collect()
    }
}

fn missing(want: &Want, granted: &Granted) -> Option<MissingGrant> {
    let reason = want.reason().to_owned();
    match want {
        Want::Egress { host, port, scheme, methods, .. } => {
            let given: BTreeSet<&String> =
                granted.egress.iter().filter(|rule| covers(want, rule)).flat_map(|rule| &rule.methods).collect();
            let lacking: Vec<&str> =
                methods.iter().filter(|method| !given.contains(method)).map(String::as_str).collect();
            let port = port.map_or("*".to_owned(), |port| port.to_string());
            let detail = format!("{} {scheme}://{host}:{port}", lacking.join(","));
            (!lacking.is_empty()).then_some(MissingGrant { capability: "egress", detail, reason })
        }
        Want::StoredValues { keys, bytes, .. } => {
            let enough = granted.stored_values.is_some_and(|quota| quota.keys >= *keys && quota.bytes >= *bytes);
            let detail = format!("{keys} keys, {bytes} bytes");
            (!enough).then_some(MissingGrant { capability: "stored-values", detail, reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::WantedScheme;
    use super::*;
    use crate::config::Scheme;

    fn rule(host: &str, port: u16, methods: &[&str]) -> EgressRule {
        let methods = methods.iter().map(|method| (*method).to_owned()).collect();
        EgressRule { scheme: Scheme::Http, host: host.into(), port, methods, private: true }
    }

    fn want(host: &str, port: Option<u16>, methods: &[&str]) -> Want {
        let methods = methods.iter().map(|method| (*method).to_owned()).collect();
        Want::Egress { reason: "asks".into(), host: host.into(), port, scheme: WantedScheme::Http, methods }
    }

    fn manifest(wants: Vec<Want>) -> Manifest {
        Manifest { wants, ..Manifest::none() }
    }

    fn granted(egress: Vec<EgressRule>) -> Granted {
        Granted { egress, ..Granted::default() }
    }

    #[test]
    fn both_keys_are_needed() {
        let crm = manifest(vec![want("crm.example", Some(80), &["GET", "POST"])]);
        assert_eq!(crm.usable(&granted(vec![])).egress, []);
        assert_eq!(manifest(vec![]).usable(&granted(vec![rule("crm.example", 80, &["GET"])])).egress, []);
        let both = granted(vec![
            rule("CRM.example", 80, &["GET", "DELETE"]),
            rule("crm.example", 81, &["GET"]),
            rule("other.example", 80, &["GET"]),
            EgressRule { scheme: Scheme::Https, ..rule("crm.example", 80, &["GET"]) },
        ]);
        assert_eq!(crm.usable(&both).egress, [rule("CRM.example", 80, &["GET"])], "and no method that isn't wanted");
    }

    #[test]
    fn a_place_that_the_configuration_names_is_the_operators_choice() {
        let any = manifest(vec![want("*", None, &["GET"])]);
        let place = rule("10.0.0.1", 8085, &["GET"]);
        assert_eq!(any.usable(&granted(vec![place.clone()])).egress, [place]);
        assert_eq!(any.missing(&granted(vec![]))[0].detail, "GET http://*:*");
    }

    #[test]
    fn a_scheme_that_is_wanted_is_no_other_one() {
        let https = EgressRule { scheme: Scheme::Https, ..rule("crm.example", 443, &["GET"]) };
        let places = granted(vec![https, rule("crm.example", 80, &["GET"])]);
        for (scheme, expected, told) in [
            (WantedScheme::Http, &places.egress[1..], "GET http://crm.example:*"),
            (WantedScheme::Https, &places.egress[..1], "GET https://crm.example:*"),
            (WantedScheme::Any, &places.egress[..], "GET http(s)://crm.example:*"),
        ] {
            let (reason, host, methods) = ("asks".into(), "crm.example".into(), vec!["GET".into()]);
            let wants = manifest(vec![Want::Egress { reason, host, port: None, scheme, methods }]);
            assert_eq!(wants.usable(&places).egress, expected);
            assert_eq!(wants.missing(&places), []);
            assert_eq!(wants.missing(&granted(vec![]))[0].detail, told);
        }
    }

    #[test]
    fn what_is_missing_is_told_with_its_reason() {
        let crm = manifest(vec![
            want("crm.example", Some(80), &["GET", "POST"]),
            Want::StoredValues { reason: "counts".into(), keys: 10, bytes: 100 },
        ]);
        let missing = crm.missing(&granted(vec![rule("crm.example", 80, &["GET"])]));
        let told = |missing: &MissingGrant| (missing.capability, missing.detail.clone(), missing.reason.clone());
        assert_eq!(told(&missing[0]), ("egress", "POST http://crm.example:80".into(), "asks".into()));
        assert_eq!(told(&missing[1]), ("stored-values", "10 keys, 100 bytes".into(), "counts".into()));
        let all = Granted {
            egress: vec![rule("crm.example", 80, &["POST", "GET"])],
            stored_values: Some(Quota { keys: 10, bytes: 100 }),
            ..Granted::default()
        };
        assert_eq!(crm.missing(&all), []);
        assert_eq!(crm.usable(&all).stored_values, all.stored_values);
        assert_eq!(manifest(vec![]).usable(&all).stored_values, None);
    }
}
