//! Directories: who is this person?
//!
//! Implement [`Crm`], export it with [`crm!`](crate::crm!). It may ask a back-end over [`http`](crate::http), where the
//! manifest wants and the operator grants.
//!
//! ```
//! use cordboard_sdk::crm::*;
//!
//! struct Staff;
//! cordboard_sdk::crm!(Staff);
//!
//! impl Crm for Staff {
//!     fn lookup(key: &Key, _within: std::time::Duration) -> Result<Option<Profile>, LookupError> {
//!         match (key.kind.as_str(), key.value.as_str()) {
//!             ("phone", "+15550001") => Ok(Some(Profile::new("1001").named("Ada Lovelace").with("tier", "gold"))),
//!             ("phone", _) => Ok(None),
//!             (kind, _) => Err(LookupError::Unsupported(kind.into())),
//!         }
//!     }
//! }
//! ```

pub use bindings::cordboard::crm::types::{Field, Key, LookupError, Profile};

use std::time::Duration;

/// What wit-bindgen makes of the contract.
#[doc(hidden)]
pub mod bindings {
    #![allow(unsafe_code, reason = "generated: the component model's calling convention")]
    #![allow(clippy::all, clippy::panic, clippy::indexing_slicing, missing_docs, unreachable_pub, reason = "generated")]
    wit_bindgen::generate!({
        path: "../../wit/crm/0.1.0",
        world: "crm",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_crm",
        default_bindings_module: "cordboard_sdk::crm::bindings",
    });
}

/// A directory of people.
pub trait Crm {
    /// Who has this key: none, if nobody has. An answer later than `within` comes too late.
    ///
    /// # Errors
    /// The kind of key means nothing here, the back-end gave no usable answer, or the configuration is wrong.
    fn lookup(key: &Key, within: Duration) -> Result<Option<Profile>, LookupError>;
}

impl Profile {
    /// Somebody by their identifier in the back-end.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), display_name: None, fields: Vec::new() }
    }

    /// With the name they are called by.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.display_name = Some(name.into());
        self
    }

    /// With a field, at most 512 of them.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push(Field { name: name.into(), value: value.into() });
        self
    }
}

impl From<crate::http::Error> for LookupError {
    fn from(error: crate::http::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Exports a type that implements [`Crm`](crate::crm::Crm) as the plugin. Once in a crate.
#[macro_export]
macro_rules! crm {
    ($crm:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::crm::bindings::cordboard::crm::types as t;
            struct Guest;
            impl $crate::crm::bindings::exports::cordboard::crm::guest::Guest for Guest {
                fn lookup(key: t::Key, timeout_ms: u32) -> ::core::result::Result<Option<t::Profile>, t::LookupError> {
                    let within = ::core::time::Duration::from_millis(timeout_ms.into());
                    <$crm as $crate::crm::Crm>::lookup(&key, within)
                }
            }
    $crate::crm::bindings::export_crm!(Guest with_types_in $crate::crm::bindings);
        };
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(
            &$crate::crm::Key,
            ::core::time::Duration,
        ) -> ::core::result::Result<Option<$crate::crm::Profile>, $crate::crm::LookupError> =
            <$crm as $crate::crm::Crm>::lookup;
    };
}
