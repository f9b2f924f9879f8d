//! Dialers: how many people to call now, whom first, and when to try again?
//!
//! Implement [`Dialer`], export it with [`dialer!`](crate::dialer!). The host decides: a dialer can call too few people, never
//! too many or the wrong ones.

pub use bindings::cordboard::dialer::types::{
    Attempt, ConfigureError, DialError, Figures, Lead, Mode, NextTry, Outcome, Proposal, Selection,
};

use std::time::Duration;

/// What wit-bindgen makes of the contract.
#[doc(hidden)]
pub mod bindings {
    #![allow(unsafe_code, reason = "generated: the component model's calling convention")]
    #![allow(clippy::all, clippy::panic, clippy::indexing_slicing, missing_docs, unreachable_pub, reason = "generated")]
    wit_bindgen::generate!({
        path: "../../wit/dialer/0.1.0",
        world: "dialer",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_dialer",
        default_bindings_module: "cordboard_sdk::dialer::bindings",
    });
}

/// How a campaign is paced. It is a function of its configuration and its input: nothing is kept from one decision to the
/// next.
pub trait Dialer: Sized {
    /// Says which columns of leads it wants, and names its reasons; reads its configuration.
    ///
    /// # Errors
    /// A column it can't do without is missing, or the configuration is wrong.
    fn configure(offered: &[String]) -> Result<(Self, Selection), ConfigureError>;

    /// What to do now, with these leads.
    ///
    /// # Errors
    /// The host then paces progressively.
    fn propose(&self, figures: &Figures, leads: &[Lead]) -> Result<Proposal, DialError>;

    /// When to call a lead again after an attempt that ended so.
    ///
    /// # Errors
    /// The host then waits as the campaign's own rule says.
    fn retry(&self, lead: &Lead, ended: &Outcome, now_ms: u64) -> Result<NextTry, DialError>;
}

impl NextTry {
    /// Not before so long from now.
    pub fn after(duration: Duration) -> Self {
        Self::AfterMs(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Exports a type that implements [`Dialer`](crate::dialer::Dialer) as the plugin. Once in a crate.
#[macro_export]
macro_rules! dialer {
    ($dialer:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use ::core::result::Result;
            use $crate::dialer::bindings::cordboard::dialer::types as t;
            ::std::thread_local! {
                static CONFIGURED: ::std::cell::RefCell<Option<$dialer>> = const { ::std::cell::RefCell::new(None) };
            }
            fn with<R>(ask: impl FnOnce(&$dialer) -> Result<R, t::DialError>) -> Result<R, t::DialError> {
                CONFIGURED.with_borrow(|it| match it {
                    Some(dialer) => ask(dialer),
                    None => Err(t::DialError::Invalid("not configured".into())),
                })
            }
            struct Guest;
            impl $crate::dialer::bindings::exports::cordboard::dialer::guest::Guest for Guest {
                fn configure(offered: t::Columns) -> Result<t::Selection, t::ConfigureError> {
                    let (dialer, selection) = <$dialer as $crate::dialer::Dialer>::configure(&offered)?;
                    CONFIGURED.set(Some(dialer));
                    Ok(selection)
                }
                fn propose(figures: t::Figures, leads: Vec<t::Lead>) -> Result<t::Proposal, t::DialError> {
                    with(|dialer| $crate::dialer::Dialer::propose(dialer, &figures, &leads))
                }
                fn retry(lead: t::Lead, ended: t::Outcome, now_ms: u64) -> Result<t::NextTry, t::DialError> {
                    with(|dialer| $crate::dialer::Dialer::retry(dialer, &lead, &ended, now_ms))
                }
            }
    $crate::dialer::bindings::export_dialer!(Guest with_types_in $crate::dialer::bindings);
        };
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            fn is<D: $crate::dialer::Dialer>() {}
            let _: fn() = is::<$dialer>;
        };
    };
}
