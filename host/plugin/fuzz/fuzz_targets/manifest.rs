#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = cordboard_plugin::Manifest::read(bytes) {
        let _usable = manifest.usable(&cordboard_plugin::Granted::default());
        let _missing = manifest.missing(&cordboard_plugin::Granted::default());
        let _config = manifest.check_config(&std::collections::BTreeMap::new());
    }
});
