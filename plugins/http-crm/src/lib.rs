//! HTTP CRM: asks a JSON back-end who a person is. The operator says where it is, which path a key of which kind
//! has there, and which fields matter; see `manifest.json`.
//!
//! [`settings`] (from key to URL) and [`mapping`] (from the response to a profile) are free of the component model
//! and tested natively; [`exchange`] is the HTTP in between, over `wasi:http`.

mod exchange;
mod mapping;
mod settings;

mod bindings {
    #![allow(unsafe_code, reason = "generated: the component model's calling convention")]
    #![allow(clippy::all, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "generated")]
    wit_bindgen::generate!({ path: "../../wit/crm/0.1.0", world: "crm", generate_all });
    // A native linker doesn't take the names of the exports.
    #[cfg(target_arch = "wasm32")]
    export!(HttpCrm with_types_in self);
    #[cfg(target_arch = "wasm32")]
    use super::HttpCrm;
}

use bindings::cordboard::crm::types::{Key, LookupError, Profile};
use bindings::exports::cordboard::crm::guest::Guest;
use bindings::wasi::config::store;
use settings::Settings;

/// What the component exports.
#[derive(Debug)]
pub struct HttpCrm;

impl Guest for HttpCrm {
    fn lookup(key: Key, timeout_ms: u32) -> Result<Option<Profile>, LookupError> {
        let pairs = store::get_all().map_err(|error| LookupError::Misconfigured(error.to_string()))?;
        let settings = Settings::read(&pairs).map_err(LookupError::Misconfigured)?;
        let Some(path) = settings.path(&key.kind, &key.value).map_err(LookupError::Unsupported)? else {
            return Ok(None);
        };
        let response = exchange::get(&settings, &path, timeout_ms).map_err(LookupError::Unavailable)?;
        mapping::profile(&settings, response.status, &response.body).map_err(LookupError::Unavailable)
    }
}
