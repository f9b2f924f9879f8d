#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    cordboard_sip::fuzzing::uri(bytes);
});
