//! Which host is meant, and with which token: flags before environment before `client.toml` before a host of this folder.
//!
//! - The host is `--host`, else `CORDBOARD_HOST`, each a URL or a name of `client.toml`; else the default of `client.toml`;
//!   else the host of this machine whose data folder is here, which notes its address there, or `http://127.0.0.1:8080`.
//! - The token is that of `--token-file`, else `CORDBOARD_TOKEN`, else that of the file `CORDBOARD_TOKEN_FILE`, else that of
//!   the host's `token_file` in `client.toml`; else, for a host of this machine, `cordboard-data/admin-token` in this folder or
//!   the nearest above. A host that `--host` names by its name in `client.toml` comes with its own token, whatever the
//!   environment says: a token for one host is not to be sent to another.
//!
//! Who asks is a name alone, the same for every host: see `operator`.

use crate::Token;
use crate::api::Client;
use crate::error::ClientError;
use crate::operator::operator;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Where `cordboard serve` takes HTTP if it isn't told otherwise.
pub const LOCAL: &str = "http://127.0.0.1:8080";
/// Where `cordboard serve` keeps its token, from the folder that it was started in.
const LOCAL_TOKEN: &str = "cordboard-data/admin-token";
/// Where it notes its address.
const LOCAL_ADDRESS: &str = "cordboard-data/admin-address";
/// Of a token's file, and of `client.toml`.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// Folders above this one that may have a host's data.
const MAX_ABOVE: usize = 8;

/// What flags say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// A URL, or a name of `client.toml`.
    pub host: Option<String>,
    /// A file with the token.
    pub token_file: Option<PathBuf>,
    /// The name of whoever asks.
    pub operator: Option<String>,
}

/// What is around the program.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Environment variables; empty ones count as unset.
    pub variables: BTreeMap<String, String>,
    /// The folder that it runs in.
    pub folder: PathBuf,
}

impl Surroundings {
    /// Those of this process.
    pub fn here() -> Self {
        let names = [
            "CORDBOARD_HOST",
            "CORDBOARD_TOKEN",
            "CORDBOARD_TOKEN_FILE",
            "CORDBOARD_OPERATOR",
            "XDG_CONFIG_HOME",
            "HOME",
            "USER",
            "LOGNAME",
        ];
        let variable = |name: &&str| Some(((*name).to_owned(), std::env::var(name).ok()?));
        Self {
            variables: names.iter().filter_map(variable).collect(),
            folder: std::env::current_dir().unwrap_or_default(),
        }
    }

    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Where `client.toml` is, if anywhere.
    fn file(&self) -> Option<PathBuf> {
        let folder = |name: &str| self.variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
        let base = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
        Some(base.join("cordboard/client.toml"))
    }

    /// A token's path of `client.toml`: from the file's own folder, or from home.
    fn token_path(&self, file: &Path, path: &Path) -> PathBuf {
        match (path.strip_prefix("~"), self.variable("HOME")) {
            (Ok(rest), Some(home)) => Path::new(home).join(rest),
            _ => file.parent().unwrap_or(Path::new("")).join(path),
        }
    }
}

/// `client.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// A name of `hosts`.
    default: Option<String>,
    /// Who asks.
    operator: Option<String>,
    #[serde(default)]
    hosts: BTreeMap<String, Known>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    url: String,
    token_file: Option<PathBuf>,
}

/// A host, and where it was found.
struct Chosen {
    address: String,
    /// Of `client.toml`.
    token_file: Option<PathBuf>,
    /// It was chosen by a flag, by its name.
    by_name: bool,
    /// Of `client.toml`: who asks.
    operator: Option<String>,
}

/// A client of the host that is meant.
///
/// # Errors
/// It isn't known which, there is no token, a name is none, or a file can't be used.
pub fn find(flags: &Flags, around: &Surroundings) -> Result<Client, ClientError> {
    let chosen = choose(flags, around)?;
    let token = token(flags, around, &chosen)?;
    let operator = operator(flags.operator.as_deref(), chosen.operator.as_deref(), around)?;
    Ok(Client::new(&chosen.address, token)?.named(operator))
}

/// An address as everything here writes it: `http://HOST:PORT`. None if it is none.
pub(crate) fn address(text: &str) -> Option<String> {
    let base = text.trim().trim_end_matches('/');
    let base = base.strip_suffix("/v1").unwrap_or(base);
    let rest = base.strip_prefix("http://").or_else(|| base.strip_prefix("https://"))?;
    let plain = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@\\".contains(&byte));
    (plain && base.parse::<ureq::http::Uri>().is_ok()).then(|| base.to_owned())
}

/// Whether an address is of this machine.
pub fn is_local(address: &str) -> bool {
    let Ok(uri) = address.parse::<ureq::http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn choose(flags: &Flags, around: &Surroundings) -> Result<Chosen, ClientError> {
    let file = around.file();
    let document = file.as_deref().map(read_document).transpose()?.unwrap_or_default();
    let of = |known: &Known, by_name: bool| {
        let path = file.as_deref().unwrap_or(Path::new(""));
        let token_file = known.token_file.as_ref().map(|token| around.token_path(path, token));
        Chosen { address: known.url.clone(), token_file, by_name, operator: document.operator.clone() }
    };
    let named = |text: &str, flag: bool| {
        if let Some(known) = document.hosts.get(text) {
            return Ok(of(known, flag));
        }
        let address = address(text).ok_or_else(|| ClientError::NoHost(text.to_owned()))?;
        let known = document.hosts.values().find(|known| self::address(&known.url).as_ref() == Some(&address));
        let unknown = || Chosen { address, token_file: None, by_name: false, operator: document.operator.clone() };
        Ok(known.map_or_else(unknown, |known| of(known, false)))
    };
    match (&flags.host, around.variable("CORDBOARD_HOST"), &document.default) {
        (Some(text), _, _) => named(text, true),
        (None, Some(text), _) => named(text, false),
        (None, None, Some(name)) => match document.hosts.get(name) {
            Some(known) => Ok(of(known, false)),
            None => Err(ClientError::File {
                file: file.clone().unwrap_or_default(),
                problem: format!("`default` is `{name}`, and there is no [hosts.{name}]"),
            }),
        },
        (None, None, None) => named(&noted(around).unwrap_or_else(|| LOCAL.to_owned()), false),
    }
}

/// A file of the data folder in this folder, or in the nearest above.
fn near(around: &Surroundings, name: &str) -> Option<PathBuf> {
    around.folder.ancestors().take(MAX_ABOVE).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Where a host of this machine noted that it serves.
fn noted(around: &Surroundings) -> Option<String> {
    let text = read(&near(around, LOCAL_ADDRESS)?).ok()?;
    address(&text).filter(|address| is_local(address))
}

fn read_document(file: &Path) -> Result<Document, ClientError> {
    let wrong = |problem: String| ClientError::File { file: file.to_owned(), problem };
    match read(file) {
        Ok(text) => {
            let document: Document =
                toml::from_str(&text).map_err(|error| wrong(error.to_string().trim_end().into()))?;
            match document.hosts.iter().find(|(_, known)| address(&known.url).is_none()) {
                Some((name, _)) => {
                    Err(wrong(format!("[hosts.{name}] `url` isn't http://HOST:PORT or https://HOST:PORT")))
                }
                None => Ok(document),
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Document::default()),
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn token(flags: &Flags, around: &Surroundings, chosen: &Chosen) -> Result<Token, ClientError> {
    if let Some(file) = &flags.token_file {
        return token_of(file);
    }
    if let Some(file) = chosen.token_file.as_ref().filter(|_| chosen.by_name) {
        return token_of(file);
    }
    if let Some(text) = around.variable("CORDBOARD_TOKEN") {
        return Token::new(text).ok_or_else(|| ClientError::BadToken("CORDBOARD_TOKEN".into()));
    }
    if let Some(file) = around.variable("CORDBOARD_TOKEN_FILE") {
        return token_of(Path::new(file));
    }
    if let Some(file) = &chosen.token_file {
        return token_of(file);
    }
    match near(around, LOCAL_TOKEN).filter(|_| is_local(&chosen.address)) {
        Some(file) => token_of(&file),
        None => Err(ClientError::NoToken(chosen.address.clone())),
    }
}

fn token_of(file: &Path) -> Result<Token, ClientError> {
    let text = read(file).map_err(|error| ClientError::File {
        file: file.to_owned(),
        problem: format!("the token can't be read: {error}"),
    })?;
    Token::new(&text).ok_or_else(|| ClientError::BadToken(file.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        default = "prod"
        [hosts.prod]
        url = "https://centre.example"
        token_file = "prod-token"
        [hosts.test]
        url = "http://127.0.0.1:9000/v1/"
        token_file = "~/test-token"
        [hosts.bare]
        url = "http://10.0.0.1:8080"
    "#;

    /// A home with `client.toml` and tokens, and a folder with a local host's data; what is chosen there.
    fn chosen(file: &str, flags: &[&str], variables: &[(&str, &str)]) -> Result<(String, String), String> {
        let room = tempfile::tempdir().unwrap();
        let home = room.path();
        let put = |path: &str, text: &str| {
            let path = home.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put(".config/cordboard/client.toml", file);
        put(".config/cordboard/prod-token", "token-of-prod-file\n");
        put("test-token", "token-of-test-file\n");
        put("flag", "token-of-the-flag\n");
        put("work/cordboard-data/admin-token", "token-of-this-folder\n");
        let mut around = Surroundings { folder: home.join("work/greeter"), ..Surroundings::default() };
        around.variables.insert("HOME".into(), home.display().to_string());
        around.variables.extend(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let flag = |name: &str| {
            let at = flags.iter().position(|flag| *flag == name)?;
            flags.get(at + 1).map(|value| value.replace('~', &home.display().to_string()))
        };
        let flags = Flags { host: flag("--host"), token_file: flag("--token-file").map(PathBuf::from), operator: None };
        let chosen = choose(&flags, &around).map_err(|error| error.to_string())?;
        let token = token(&flags, &around, &chosen).map_err(|error| error.to_string())?;
        let client = Client::new(&chosen.address, token.clone()).map_err(|error| error.to_string())?;
        Ok((client.host().to_owned(), token.bearer().replace("Bearer token-of-", "")))
    }

    #[test]
    fn flags_come_before_environment_before_the_file_before_this_folder() {
        let host = ("CORDBOARD_HOST", "http://127.0.0.1:7000");
        let token = ("CORDBOARD_TOKEN", "token-of-the-variable");
        let (prod, test) = ("https://centre.example", "http://127.0.0.1:9000");
        type Case<'c> = (&'c str, &'c [&'c str], &'c [(&'c str, &'c str)], &'c str, &'c str);
        let table: [Case<'_>; 13] = [
            ("", &[], &[], LOCAL, "this-folder"),
            (FILE, &[], &[], prod, "prod-file"),
            (FILE, &[], &[token], prod, "the-variable"),
            (FILE, &[], &[host], "http://127.0.0.1:7000", "this-folder"),
            (FILE, &[], &[host, ("CORDBOARD_TOKEN", "")], "http://127.0.0.1:7000", "this-folder"),
            (FILE, &[], &[("CORDBOARD_HOST", "test")], test, "test-file"),
            (FILE, &[], &[("CORDBOARD_HOST", "test"), token], test, "the-variable"),
            (FILE, &["--host", "http://127.0.0.1:7001/"], &[host, token], "http://127.0.0.1:7001", "the-variable"),
            // By its address, it is known as well.
            (FILE, &["--host", "http://127.0.0.1:9000"], &[host], test, "test-file"),
            // A host that is named comes with its own token.
            (FILE, &["--host", "test"], &[host, token], test, "test-file"),
            (FILE, &["--host", "bare"], &[token], "http://10.0.0.1:8080", "the-variable"),
            (FILE, &["--host", "test", "--token-file", "~/flag"], &[host, token], test, "the-flag"),
            ("", &["--token-file", "~/flag"], &[token], LOCAL, "the-flag"),
        ];
        for (file, flags, variables, host, token) in table {
            let expected = Ok((host.to_owned(), token.to_owned()));
            assert_eq!(chosen(file, flags, variables), expected, "{flags:?} {variables:?}");
        }
    }

    #[test]
    fn what_can_not_be_used_is_told_without_the_token() {
        type Case<'c> = (&'c str, &'c [&'c str], &'c [(&'c str, &'c str)], &'c str);
        let table: [Case<'_>; 9] = [
            (FILE, &["--host", "nowhere"], &[], "`nowhere` is no host"),
            (FILE, &["--host", "ftp://x"], &[], "`ftp://x` is no host"),
            (FILE, &["--host", "http://user@x"], &[], "is no host"),
            (FILE, &["--host", "bare"], &[], "there is no token for http://10.0.0.1:8080"),
            (FILE, &[], &[("CORDBOARD_TOKEN", "short")], "CORDBOARD_TOKEN holds no token"),
            (FILE, &["--token-file", "~/none"], &[], "the token can't be read"),
            ("default = \"x\"", &[], &[], "client.toml: `default` is `x`, and there is no [hosts.x]"),
            ("defualt = \"x\"", &[], &[], "unknown field `defualt`"),
            ("[hosts.x]\nurl = \"x\"", &[], &[], "[hosts.x] `url` isn't"),
        ];
        for (file, flags, variables, why) in table {
            let said = chosen(file, flags, variables).unwrap_err();
            assert!(said.contains(why) && !said.contains("token-of"), "{said}");
        }
    }

    #[test]
    fn a_host_of_this_folder_is_found_where_it_noted_its_address() {
        let room = tempfile::tempdir().unwrap();
        let data = room.path().join("cordboard-data");
        std::fs::create_dir_all(&data).unwrap();
        let around = Surroundings { folder: room.path().join("a/b"), ..Surroundings::default() };
        for (noted, expected) in [
            ("http://127.0.0.1:18080\n", "http://127.0.0.1:18080"),
            ("http://[::1]:18080\n", "http://[::1]:18080"),
            // Whoever wrote that, the token of this folder doesn't go there.
            ("http://10.0.0.1:8080\n", LOCAL),
            ("nonsense", LOCAL),
        ] {
            std::fs::write(data.join("admin-address"), noted).unwrap();
            assert_eq!(choose(&Flags::default(), &around).unwrap().address, expected, "{noted}");
        }
    }

    #[test]
    fn a_local_token_stays_on_this_machine() {
        for (address, local) in [
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:1", true),
            ("http://localhost:1", true),
            ("http://localhost.example", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_local(address), local, "{address}");
        }
    }
}
