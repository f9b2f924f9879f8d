//! What the operator sets (see `manifest.json`), and what the directory tells about a customer.

use crate::bindings::cordboard::flow::types::{Date, Money, Profile};

/// The deployment's configuration.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) queue: String,
    pub(crate) greeting: String,
    pub(crate) currency: String,
    pub(crate) survey: bool,
    pub(crate) max_wait_ms: u32,
    pub(crate) version_label: String,
    tier_priority: Vec<(String, i32)>,
}

impl Settings {
    /// Reads the configuration; a key that is not set has its default, one that is unknown is left alone.
    ///
    /// # Errors
    /// Which key is wrong, and how.
    pub(crate) fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let text = |key: &str, default: &str| {
            let set = pairs.iter().find(|(name, _)| name == key);
            set.map_or(default, |(_, value)| value.trim()).to_owned()
        };
        let currency = text("currency", "USD");
        if !is_currency(&currency) {
            return Err(format!("currency is `{currency}`, not three capital letters"));
        }
        let survey = match text("survey", "on").as_str() {
            "on" => true,
            "off" => false,
            other => return Err(format!("survey is `{other}`, neither `on` nor `off`")),
        };
        let max_wait_s: u32 = match text("max-wait-s", "600").parse() {
            Ok(seconds @ 1..=86_400) => seconds,
            _ => return Err("max-wait-s is not a number from 1 to 86400".into()),
        };
        let tiers = text("tier-priority", "gold:10,silver:5");
        let tiers = tiers.split(',').filter(|pair| !pair.trim().is_empty()).map(tier);
        Ok(Self {
            queue: text("queue", "default"),
            greeting: text("greeting", "Welcome to Cordboard bank."),
            survey,
            max_wait_ms: max_wait_s * 1000,
            version_label: text("version-label", ""),
            tier_priority: tiers.collect::<Result<_, _>>()?,
            currency,
        })
    }

    /// How early a customer of this tier is served.
    pub(crate) fn priority(&self, tier: Option<&str>) -> i32 {
        self.tier_priority.iter().find(|(name, _)| Some(name.as_str()) == tier).map_or(0, |(_, priority)| *priority)
    }
}

fn tier(pair: &str) -> Result<(String, i32), String> {
    let wrong = || format!("tier-priority has `{pair}`, not TIER:PRIORITY with a priority from -1000 to 1000");
    let (tier, priority) = pair.split_once(':').ok_or_else(wrong)?;
    let priority = priority.trim().parse().ok().filter(|priority| (-1000..=1000).contains(priority));
    Ok((tier.trim().to_owned(), priority.ok_or_else(wrong)?))
}

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// A customer, as far as the directory's answer makes sense: a field that is missing or garbled is `None`.
#[derive(Debug, PartialEq)]
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) tier: Option<String>,
    pub(crate) balance: Option<Money>,
    pub(crate) minimum_payment: Option<Money>,
    pub(crate) due: Option<Date>,
}

impl Customer {
    pub(crate) fn new(profile: &Profile, default_currency: &str) -> Self {
        let field = |name: &str| profile.fields.iter().find(|field| field.name == name).map(|field| &*field.value);
        let currency = field("currency").filter(|text| is_currency(text)).unwrap_or(default_currency);
        let money = |name| Some(Money { minor: field(name)?.parse().ok()?, currency: currency.to_owned() });
        Self {
            id: profile.id.clone(),
            // Nobody is called by a name of 100 bytes: it is a fault of the directory, and would be read out.
            name: profile.display_name.clone().filter(|name| !name.trim().is_empty() && name.len() <= 100),
            tier: field("tier").map(str::to_owned),
            balance: money("balance_minor"),
            minimum_payment: money("minimum_payment_minor"),
            due: field("due_date").and_then(date),
        }
    }
}

/// Reads `2026-12-24`.
fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let date = Date { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
    ((1..=12).contains(&date.month) && (1..=31).contains(&date.day) && parts.next().is_none()).then_some(date)
}
