//! Flows: a conversation with one person, as straight-line code.
//!
//! Implement [`Flow`], export it with [`flow!`](crate::flow!). A call that waits, for a prompt to end or a key to be
//! pressed, waits; there is nothing to poll. [`testing`] runs a flow natively against a person that a test scripts.
//!
//! ```
//! use cordboard_sdk::flow::*;
//!
//! struct Greeter;
//! cordboard_sdk::flow!(Greeter);
//!
//! impl Flow for Greeter {
//!     fn run(contact: &Contact) -> Result<End> {
//!         contact.say("Hello. Welcome.")?;
//!         let menu = Question::menu("main-menu", "To speak to an agent, press 0.").choice("agent", "0", ["agent"]);
//!         if contact.ask(menu.silence(5.s()))?.is("agent") {
//!             contact.enqueue("support")?.wait(10.minutes())?;
//!         }
//!         contact.say("Thank you for calling. Goodbye.")?;
//!         Ok(End::Completed)
//!     }
//! }
//! # let talk = testing::Person::new().press("0").talks_with("7001").meets::<Greeter>();
//! # assert_eq!(talk.end, Ok(End::Completed));
//! ```

#[doc(hidden)]
pub mod bindings;
mod contact;
mod error;
mod fetch;
mod line;
mod lookup;
mod place;
mod prompt;
mod question;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use crate::prompt;
pub use crate::units::Units;
pub use bindings::cordboard::flow::types::{
    Address, Answer, Attribute, Channel, Date, EndReason as End, FetchError, FetchResponse, LookupError, Money,
    Place as Position, Profile, PromptPart, RejectCause, Talk, TalkEnd, ValueError, WaitStatus as Waited,
};
pub use contact::Contact;
pub use error::{Error, Result};
pub use fetch::Fetch;
pub use lookup::Lookup;
pub use place::{Heard, Place, Queue};
pub use prompt::{Prompt, digits, number, pause, recording};
pub use question::Question;

use bindings::cordboard::flow::types::{
    Choice, ConfigValue, ContactError, DigitsRule, EndReason, FetchRequest, HeaderValue, Interruption, LookupKey,
    Method, Question as RawQuestion, QueueRequest, RequestHeader, ResponseHeader, SkillRequirement, Treatment,
    TypeAhead, WaitStatus,
};

/// A conversation.
pub trait Flow {
    /// From its beginning to its end.
    ///
    /// # Errors
    /// [`Error::Ended`] and [`Error::TakenOver`] are ends like any other. Anything else is logged, and the person is
    /// handed over to the entry point's safe flow.
    fn run(contact: &Contact) -> Result<End>;
}

/// What the contract wants of a flow's end. To hang up is everybody's right, and no error.
fn end(result: Result<End>) -> std::result::Result<EndReason, String> {
    match result {
        Ok(end) => Ok(end),
        Err(Error::Ended) => Ok(EndReason::Other("hung-up".into())),
        Err(Error::TakenOver) => Ok(EndReason::Other("taken-over".into())),
        Err(error) => Err(error.to_string()),
    }
}

/// What the exported component calls.
#[doc(hidden)]
pub fn serve<F: Flow>(contact: bindings::cordboard::flow::conversation::Contact) -> Result<EndReason, String> {
    end(F::run(&Contact::new(contact)))
}

/// Exports a type that implements [`Flow`](crate::flow::Flow) as the plugin. Once in a crate.
#[macro_export]
macro_rules! flow {
    ($flow:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Guest;
            impl $crate::flow::bindings::exports::cordboard::flow::guest::Guest for Guest {
                fn run(
                    contact: $crate::flow::bindings::cordboard::flow::conversation::Contact,
                ) -> ::core::result::Result<$crate::flow::End, ::std::string::String> {
                    $crate::flow::serve::<$flow>(contact)
                }
            }
    $crate::flow::bindings::export_flow!(Guest with_types_in $crate::flow::bindings);
        };
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(&$crate::flow::Contact) -> $crate::flow::Result<$crate::flow::End> =
            <$flow as $crate::flow::Flow>::run;
    };
}

impl Answer {
    /// Whether it is the choice of this id.
    pub fn is(&self, id: &str) -> bool {
        self.chosen() == Some(id)
    }

    /// The id of the choice, if one was made.
    pub fn chosen(&self) -> Option<&str> {
        match self {
            Self::Choice(id) => Some(id),
            Self::Digits(_) | Self::Text(_) | Self::NoMatch(_) | Self::Silence => None,
        }
    }
}

impl Profile {
    /// The value of a field, if there is one.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| &*field.value)
    }

    /// A field that holds an amount in minor units; the currency is that of the profile's field `currency`, or `currency`.
    pub fn money(&self, name: &str, currency: &str) -> Option<Money> {
        let minor = self.field(name)?.parse().ok()?;
        Some(Money::new(minor, self.field("currency").unwrap_or(currency)))
    }

    /// A field that holds a date, as `2026-12-24`.
    pub fn date(&self, name: &str) -> Option<Date> {
        Date::parse(self.field(name)?)
    }
}

#[cfg(test)]
mod tests;
