//! What the operator set for the deployment: keys and values, as the manifest's `config` names them.

#[cfg(all(target_arch = "wasm32", feature = "crm"))]
use crate::crm::bindings::wasi::config::store;
#[cfg(all(target_arch = "wasm32", feature = "dialer"))]
use crate::dialer::bindings::wasi::config::store;
#[cfg(all(target_arch = "wasm32", feature = "flow"))]
use crate::flow::bindings::wasi::config::store;
#[cfg(all(target_arch = "wasm32", feature = "inspector"))]
use crate::inspector::bindings::wasi::config::store;
#[cfg(all(target_arch = "wasm32", feature = "scorer"))]
use crate::scorer::bindings::wasi::config::store;
use std::str::FromStr;

/// The value of a key, if it is set.
#[cfg(target_arch = "wasm32")]
pub fn get(key: &str) -> Option<String> {
    store::get(key).ok().flatten()
}

/// The value of a key, if it is set: in tests, by [`set`].
#[cfg(not(target_arch = "wasm32"))]
pub fn get(key: &str) -> Option<String> {
    native::VALUES.with_borrow(|values| values.get(key).cloned())
}

/// Sets a value for the tests of this thread. A plugin can't: its values are the operator's.
#[cfg(not(target_arch = "wasm32"))]
pub fn set(key: &str, value: &str) {
    native::VALUES.with_borrow_mut(|values| values.insert(key.to_owned(), value.to_owned()));
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    thread_local! {
        pub(super) static VALUES: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
    }
}

/// The value of a key, or this one if it isn't set.
pub fn get_or(key: &str, default: &str) -> String {
    get(key).unwrap_or_else(|| default.to_owned())
}

/// The value of a key as a number or anything else that can be read from text, or `default` if it isn't set.
///
/// # Errors
/// Which key is wrong, and what it is: a text for the plugin's own error.
pub fn parse_or<T: FromStr>(key: &str, default: T) -> Result<T, String> {
    match get(key) {
        None => Ok(default),
        Some(text) => text.trim().parse().map_err(|_| format!("the configuration's `{key}` can't be `{text}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_their_defaults() {
        assert_eq!(get("queue"), None);
        assert_eq!(get_or("queue", "default"), "default");
        set("queue", "sales");
        assert_eq!(get_or("queue", "default"), "sales");
        assert_eq!(parse_or("attempts", 3), Ok(3));
        set("attempts", " 5 ");
        assert_eq!(parse_or("attempts", 3), Ok(5));
        set("attempts", "many");
        assert_eq!(parse_or("attempts", 3), Err("the configuration's `attempts` can't be `many`".into()));
    }
}
