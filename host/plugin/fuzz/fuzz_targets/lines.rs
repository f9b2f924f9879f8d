#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let places: Vec<u64> = (0..16).map(|n| n * bytes.len() as u64 / 16).collect();
    let _lines = cordboard_plugin::source_lines(bytes, &places);
});
