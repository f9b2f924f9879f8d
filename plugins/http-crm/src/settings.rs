//! What the operator sets, and the URL that comes of it.

/// A field of a response: where it stands in the JSON, and what it is called in the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Names of objects to go through, the last one the field's own.
    pub(crate) path: Vec<String>,
    pub(crate) name: String,
}

/// The deployment's configuration.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) https: bool,
    /// Host and port.
    pub(crate) authority: String,
    pub(crate) token: Option<String>,
    pub(crate) id_field: Field,
    pub(crate) name_field: Field,
    /// None: every field of the outermost object that is neither an object nor a list.
    pub(crate) fields: Option<Vec<Field>>,
    /// What comes before every path: empty, or `/` and more, without a `/` at its end.
    base_path: String,
    /// For each kind of key, its path.
    templates: Vec<(String, String)>,
}

impl Settings {
    /// Reads the configuration; a key that is not set has its default, one that is unknown is left alone.
    ///
    /// # Errors
    /// Which key is wrong, and how.
    pub(crate) fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let set = |key: &str| pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.trim());
        let base_url = set("base-url").ok_or("base-url is not set")?;
        let (scheme, rest) = base_url.split_once("://").ok_or("base-url has no scheme")?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(format!("base-url has the scheme `{scheme}`, neither `http` nor `https`")),
        };
        let (authority, base_path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.is_empty() || authority.contains('@') || !is_path(base_path) {
            return Err("base-url is not SCHEME://HOST:PORT/PATH, without user, query or fragment".into());
        }
        Ok(Self {
            https,
            authority: authority.into(),
            token: set("token").filter(|token| !token.is_empty()).map(str::to_owned),
            id_field: Field::read(set("id-field").unwrap_or("id"))?,
            name_field: Field::read(set("name-field").unwrap_or("name"))?,
            fields: set("fields").filter(|list| !list.is_empty()).map(fields).transpose()?,
            base_path: base_path.trim_end_matches('/').into(),
            templates: templates(pairs)?,
        })
    }

    /// Path and query for a key; `None` for a value that can't stand in a path, and so is nobody's.
    ///
    /// # Errors
    /// This kind of key has no path.
    pub(crate) fn path(&self, kind: &str, value: &str) -> Result<Option<String>, String> {
        let template = self.templates.iter().find(|(of, _)| of == kind);
        let (_, template) = template.ok_or_else(|| format!("there is no by-{kind}-path"))?;
        // Encoded or not, a server takes `..` for the folder above.
        if matches!(value, "" | "." | "..") {
            return Ok(None);
        }
        Ok(Some(format!("{}{}", self.base_path, template.replace("{value}", &percent_encoded(value)))))
    }
}

/// `by-KIND-path` for every kind; `phone` and `account` are there from the start, and gone if set to nothing.
fn templates(pairs: &[(String, String)]) -> Result<Vec<(String, String)>, String> {
    let defaults = [("phone", "/customers/by-phone/{value}"), ("account", "/customers/{value}")];
    let mut templates: Vec<(String, String)> = defaults.map(|(kind, path)| (kind.into(), path.into())).into();
    for (key, path) in pairs {
        let Some(kind) = key.strip_prefix("by-").and_then(|key| key.strip_suffix("-path")) else { continue };
        let path = path.trim();
        templates.retain(|(known, _)| known != kind);
        if path.is_empty() {
            continue;
        }
        let (before, query) = path.split_once('?').unwrap_or((path, ""));
        let plain = format!("{before}{query}").replace("{value}", "");
        if !path.contains("{value}") || !path.starts_with('/') || !is_path(&plain) {
            return Err(format!("{key} is `{path}`, not a path with {{value}} in it"));
        }
        templates.push((kind.into(), path.into()));
    }
    Ok(templates)
}

/// Only characters that mean nothing but themselves in a path (RFC 3986 §3.3), and `%`.
fn is_path(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte))
}

/// All but RFC 3986 §2.3 unreserved characters encoded.
fn percent_encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

impl Field {
    /// Reads `name`, `address.city`, or `address.city:town`.
    fn read(text: &str) -> Result<Self, String> {
        let (path, name) = text.split_once(':').unwrap_or((text, text));
        let path: Vec<String> = path.split('.').map(|step| step.trim().to_owned()).collect();
        let name = name.trim().to_owned();
        if name.is_empty() || name.len() > 128 || path.iter().any(String::is_empty) {
            return Err(format!("`{text}` is not a field as PATH.TO.FIELD or PATH.TO.FIELD:NAME"));
        }
        Ok(Self { path, name })
    }
}

fn fields(list: &str) -> Result<Vec<Field>, String> {
    let fields = list.split(',').map(|field| Field::read(field.trim())).collect::<Result<Vec<_>, _>>();
    fields.map_err(|error| format!("fields: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::read(&pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect::<Vec<_>>())
    }

    #[test]
    fn a_key_becomes_a_path() {
        for (base, kind, value, expect) in [
            ("http://127.0.0.1:8090", "phone", "1001", "/customers/by-phone/1001"),
            ("http://bank/", "phone", "+15550001", "/customers/by-phone/%2B15550001"),
            ("https://bank/api/v1/", "account", "42", "/api/v1/customers/42"),
            ("http://bank", "account", "a/../b?c#d%20ü", "/customers/a%2F..%2Fb%3Fc%23d%2520%C3%BC"),
            ("http://bank", "email", "a@b.example", "/find?email=a%40b.example&all=1"),
        ] {
            let settings = read(&[("base-url", base), ("by-email-path", "/find?email={value}&all=1")]).unwrap();
            assert_eq!(settings.path(kind, value), Ok(Some(expect.into())), "{base} {kind} {value}");
        }
    }

    #[test]
    fn kinds_without_a_path_are_refused_and_values_that_leave_it_are_nobody() {
        let settings = read(&[("base-url", "http://bank"), ("by-account-path", "")]).unwrap();
        for kind in ["account", "shoe-size", ""] {
            assert!(settings.path(kind, "42").is_err(), "{kind}");
        }
        for value in ["", ".", ".."] {
            assert_eq!(settings.path("phone", value), Ok(None), "{value}");
        }
    }

    #[test]
    fn the_base_url_is_taken_apart() {
        for (url, https, authority) in
            [("http://127.0.0.1:8090", false, "127.0.0.1:8090"), ("HTTPS://bank.example/x", true, "bank.example")]
        {
            let settings = read(&[("base-url", url)]).unwrap();
            assert_eq!((settings.https, settings.authority.as_str()), (https, authority));
        }
    }

    #[test]
    fn wrong_configuration_names_its_key() {
        for (key, value) in [
            ("base-url", ""),
            ("base-url", "bank"),
            ("base-url", "ftp://bank"),
            ("base-url", "http:///x"),
            ("base-url", "http://user:pass@bank"),
            ("base-url", "http://bank/x?y=z"),
            ("base-url", "http://bank/x y"),
            ("by-phone-path", "/customers"),
            ("by-phone-path", "customers/{value}"),
            ("by-phone-path", "/customers/{value} HTTP/1.1"),
            ("by-phone-path", "/customers/{value}#x"),
            ("by-phone-path", "/c?x={value}?"),
            ("fields", "a,,b"),
            ("fields", "a.:b"),
        ] {
            let pairs =
                if key == "base-url" { vec![(key, value)] } else { vec![("base-url", "http://b"), (key, value)] };
            let error = read(&pairs).unwrap_err();
            assert!(error.contains(key), "{key} = {value}: {error}");
        }
        assert_eq!(read(&[]).unwrap_err(), "base-url is not set");
    }

    #[test]
    fn fields_are_paths_with_names() {
        let settings = read(&[("base-url", "http://b"), ("fields", "tier, address.city:town"), ("token", "")]).unwrap();
        let field = |path: &[&str], name: &str| Field {
            path: path.iter().map(|step| (*step).into()).collect(),
            name: name.into(),
        };
        assert_eq!(settings.fields, Some(vec![field(&["tier"], "tier"), field(&["address", "city"], "town")]));
        assert_eq!((settings.id_field, settings.token), (field(&["id"], "id"), None));
    }
}
