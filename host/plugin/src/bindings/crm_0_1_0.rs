//! `cordboard:crm@0.1.0`.

#[allow(missing_docs, unreachable_pub, clippy::pedantic, clippy::unwrap_used, clippy::expect_used)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/crm/0.1.0",
        world: "cordboard:crm/crm",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "wasi:config": crate::bindings::wasi::config,
            "wasi:logging": crate::bindings::wasi::logging,
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        },
    });
}

pub(crate) use generated::CrmPre;
pub(crate) use generated::cordboard::crm::types;

use crate::guest::{Guest, shortened};
use cordboard_core::flow::{LookupError, Profile, check_profile};

impl<R: Send + 'static> types::Host for Guest<R> {}

/// The most fields a profile may have, and the most bytes of each name and value (the contract's bounds).
const MAX_FIELDS: usize = 512;
const MAX_NAME_BYTES: usize = 128;
const MAX_VALUE_BYTES: usize = 8192;

/// A profile within the contract's bounds; one beyond them is the directory's fault.
pub(crate) fn profile(profile: types::Profile) -> Result<Profile, LookupError> {
    let wrong = |what: &str| Err(LookupError::Unavailable(format!("its answer breaks the contract: {what}")));
    if profile.id.is_empty() || profile.id.len() > MAX_NAME_BYTES {
        return wrong("the id isn't of 1 to 128 bytes");
    }
    if profile.fields.len() > MAX_FIELDS {
        return wrong("more than 512 fields");
    }
    let named = |name: &str| !name.is_empty() && name.len() <= MAX_NAME_BYTES;
    if profile.fields.iter().any(|field| !named(&field.name) || field.value.len() > MAX_VALUE_BYTES) {
        return wrong("a field's name isn't of 1 to 128 bytes, or its value is over 8 KiB");
    }
    if profile.display_name.as_ref().is_some_and(|name| name.len() > MAX_VALUE_BYTES) {
        return wrong("the display name is over 8 KiB");
    }
    let profile = Profile {
        id: profile.id,
        display_name: profile.display_name,
        fields: profile.fields.into_iter().map(|field| (field.name, field.value)).collect(),
    };
    // All of it together: what the journal doesn't take is not kept for the next one either.
    match check_profile(&profile) {
        Ok(()) => Ok(profile),
        Err(what) => wrong(&what),
    }
}

/// Bytes of an error's text: a flow's journal keeps it.
const MAX_TEXT_BYTES: usize = 2048;

/// The core's form of a failed look-up.
pub(crate) fn lookup_error(error: types::LookupError) -> LookupError {
    let short = |text: String| shortened(&text, MAX_TEXT_BYTES);
    match error {
        types::LookupError::Unsupported(text) => LookupError::Unsupported(short(text)),
        types::LookupError::Unavailable(text) => LookupError::Unavailable(short(text)),
        types::LookupError::Misconfigured(text) => LookupError::Unavailable(short(format!("misconfigured: {text}"))),
        types::LookupError::Other(text) => LookupError::Other(short(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_bounded_in_each_part_and_in_all() {
        let checked = |fields: usize, bytes: usize| {
            let field = |number: usize| types::Field { name: number.to_string(), value: "x".repeat(bytes) };
            profile(types::Profile { id: "1".into(), display_name: None, fields: (0..fields).map(field).collect() })
        };
        assert!(checked(60, MAX_VALUE_BYTES).is_ok() && checked(MAX_FIELDS, 1000).is_ok());
        for (fields, bytes) in
            [(MAX_FIELDS + 1, 0), (1, MAX_VALUE_BYTES + 1), (64, MAX_VALUE_BYTES), (MAX_FIELDS, 1024)]
        {
            let refused = checked(fields, bytes);
            assert!(matches!(&refused, Err(LookupError::Unavailable(_))), "{fields} of {bytes}");
        }
    }
}
