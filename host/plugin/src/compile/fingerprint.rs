//! What an artefact depends on besides its component: wasmtime's version, the target, the settings that shape code.

use sha2::{Digest as _, Sha256};
use std::hash::{Hash as _, Hasher};
use wasmtime::Engine;

/// Raised whenever the form of artefacts, or of what goes between host and compiler, changes.
const FORMAT: u64 = 1;

/// Equal for two engines if what one of them compiled runs in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(pub(crate) [u8; 32]);

impl Fingerprint {
    pub(crate) fn of(engine: &Engine) -> Self {
        let mut hasher = Wide(Sha256::new());
        hasher.write_u64(FORMAT);
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self(hasher.0.finalize().into())
    }

    /// The first 16 hex digits, for file names.
    pub(crate) fn short(self) -> String {
        self.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Feeds what is hashed to SHA-256: the standard hasher's results may differ between two builds, and are short.
struct Wide(Sha256);

impl Hasher for Wide {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not used: the whole digest is taken.
    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PluginConfig;
    use crate::engine;

    #[test]
    fn the_compiler_has_the_hosts_fingerprint_and_other_settings_have_another() {
        let settings = PluginConfig { max_flow_instances: 4, ..PluginConfig::default() };
        let (host, _) = engine::engine(&settings).unwrap();
        let compiler = Engine::new(&engine::compile_settings()).unwrap();
        assert_eq!(Fingerprint::of(&host), Fingerprint::of(&compiler));
        let other = Engine::new(engine::compile_settings().epoch_interruption(false)).unwrap();
        assert_ne!(Fingerprint::of(&other), Fingerprint::of(&host));
        assert_eq!(Fingerprint::of(&host).short().len(), 16);
    }
}
