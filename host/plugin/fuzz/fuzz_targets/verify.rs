#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _verdict = cordboard_plugin::verify(bytes, 1 << 20);
});
