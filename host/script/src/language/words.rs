//! What is compared: texts as they are said, and names and values.

use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Error};
use serde_saphyr::Spanned;
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

/// The longest text of a script, in bytes.
const MAX_BYTES: usize = 16 << 10;
/// Memory of a compiled pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// What is said must contain this, case and white space aside; `/…/` is a regular expression.
#[derive(Clone, Debug)]
pub struct Words(Text);

/// A name or a value must be exactly this; `/…/` is a regular expression.
#[derive(Clone, Debug)]
pub struct Value(Text);

#[derive(Clone, Debug)]
struct Text {
    written: String,
    pattern: Option<Regex>,
}

impl Text {
    fn read(written: String) -> Result<Self, String> {
        if written.len() > MAX_BYTES {
            return Err(format!("a text has at most {MAX_BYTES} bytes"));
        }
        let inner = written.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).filter(|inner| !inner.is_empty());
        let pattern = inner.map(|inner| regex::RegexBuilder::new(inner).size_limit(MAX_PATTERN_BYTES).build());
        let pattern = pattern.transpose().map_err(|cause| match cause {
            regex::Error::CompiledTooBig(_) => format!("`{written}` is too large a regular expression"),
            // The last line says what is wrong; those above draw where.
            other => {
                let text = other.to_string();
                let why = text.lines().last().unwrap_or_default();
                format!("`{written}` is no regular expression: {}", why.strip_prefix("error: ").unwrap_or(why))
            }
        })?;
        Ok(Self { written, pattern })
    }
}

fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

impl Words {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn read(text: &str) -> Result<Self, String> {
        if plain(text).is_empty() {
            return Err("a blank text is in everything that is said".into());
        }
        Text::read(text.into()).map(Self)
    }

    /// Whether what was said contains them.
    pub fn fit(&self, said: &str) -> bool {
        match &self.0.pattern {
            Some(pattern) => pattern.is_match(said),
            None => plain(said).contains(&plain(&self.0.written)),
        }
    }
}

impl Value {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn read(text: &str) -> Result<Self, String> {
        Text::read(text.into()).map(Self)
    }

    /// Whether this is it.
    pub fn fits(&self, got: &str) -> bool {
        match &self.0.pattern {
            Some(pattern) => pattern.is_match(got),
            None => self.0.written == got,
        }
    }

    /// The value itself; none: it is a pattern.
    pub fn plain(&self) -> Option<&str> {
        self.0.pattern.is_none().then_some(self.0.written.as_str())
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.pattern.is_some() { f.write_str(&self.0.written) } else { write!(f, "\"{}\"", self.0.written) }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.written)
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.0.written == other.0.written
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.0.written == other.0.written
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::read(String::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

impl JsonSchema for Words {
    fn schema_name() -> Cow<'static, str> {
        "Words".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What is said must contain this, case and white space aside; /…/ is a regular expression.",
            "type": ["string", "number", "boolean"],
            "pattern": "\\S",
        })
    }
}

impl JsonSchema for Value {
    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Exactly this; /…/ is a regular expression.",
            "type": ["string", "number", "boolean"],
        })
    }
}

/// A short form, or members by name: `queued: support` or `queued: {queue: support, priority: 10}`.
pub(super) trait Short: Sized {
    /// From the short form.
    fn short(text: &str) -> Result<Self, String>;
    /// What may stand there, for people.
    const EXPECTED: &'static str;
}

thread_local! {
    /// The script that is being read.
    static SCRIPT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Reads a script whose short forms can be numbers.
pub(super) fn reading<T>(script: &str, read: impl FnOnce() -> T) -> T {
    SCRIPT.with_borrow_mut(|text| script.clone_into(text));
    let read = read();
    SCRIPT.take();
    read
}

/// What is written there.
fn written(place: &serde_saphyr::Location) -> Option<String> {
    let span = place.span();
    let from = usize::try_from(span.byte_offset()?).ok()?;
    let to = from.checked_add(usize::try_from(span.byte_len()?).ok()?)?;
    SCRIPT.with_borrow(|text| text.get(from..to).map(str::to_owned))
}

/// What the library makes of a short form.
enum Form<S> {
    Made(S),
    /// What it takes for a number or a truth value, as it would write it itself.
    Otherwise(String),
}

impl<'de, S: Short + TryFrom<L, Error: fmt::Display>, L: Deserialize<'de>> Deserialize<'de> for Formed<S, L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<S, L>(PhantomData<(S, L)>);
        impl<'de, S: Short + TryFrom<L, Error: fmt::Display>, L: Deserialize<'de>> de::Visitor<'de> for Visitor<S, L> {
            type Value = Form<S>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(S::EXPECTED)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Form<S>, E> {
                S::short(text).map(Form::Made).map_err(E::custom)
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Form<S>, E> {
                Ok(Form::Otherwise(value.to_string()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Form<S>, E> {
                Ok(Form::Otherwise(number.to_string()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Form<S>, E> {
                Ok(Form::Otherwise(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Form<S>, E> {
                Ok(Form::Otherwise(number.to_string()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, members: A) -> Result<Form<S>, A::Error> {
                let long = L::deserialize(de::value::MapAccessDeserializer::new(members))?;
                S::try_from(long).map(Form::Made).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Visitor(PhantomData)).map(|form| Self(form, PhantomData))
    }
}

struct Formed<S, L>(Form<S>, PhantomData<L>);

/// Reads a text as the short form, a mapping as members. A number is a text, too, as it is written: `0123`, `1.50`, `0x10`.
pub(super) fn short_or_long<'de, D, S, L>(deserializer: D) -> Result<S, D::Error>
where
    D: Deserializer<'de>,
    S: Short + TryFrom<L, Error: fmt::Display>,
    L: Deserialize<'de>,
{
    let spanned: Spanned<Formed<S, L>> = Spanned::deserialize(deserializer)?;
    match spanned.value.0 {
        Form::Made(made) => Ok(made),
        Form::Otherwise(text) => S::short(&written(&spanned.defined).unwrap_or(text)).map_err(D::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_contained_and_values_are_equal() {
        let words = |text| Words::read(text).unwrap();
        assert!(words("hello,  ADA").fit("Welcome. Hello,\nAda Lovelace."));
        assert!(!words("hello ada").fit("Hello, Ada."), "punctuation counts");
        assert!(words("/^Welcome.*Ada/").fit("Welcome. Hello, Ada."));
        assert!(!words("/welcome/").fit("Welcome"), "a pattern is taken as it is");
        assert!(words("/").fit("either/or"), "a lone slash is a text");
        assert!(Words::read("").is_err() && Words::read(" \n").is_err(), "it would be in everything");
        let value = |text| Value::read(text).unwrap();
        assert!(value("gold").fits("gold") && !value("gold").fits("golden") && !value("gold").fits("Gold"));
        assert!(value("/^g/").fits("golden"));
    }

    #[test]
    fn a_wrong_pattern_says_what_is_wrong() {
        let error = Words::read("/(a/").unwrap_err();
        assert_eq!(error, "`/(a/` is no regular expression: unclosed group");
        assert!(Words::read("/(?:a{1000}){1000}/").unwrap_err().contains("too large"));
        assert!(Words::read(&"a".repeat(MAX_BYTES + 1)).is_err());
    }
}
