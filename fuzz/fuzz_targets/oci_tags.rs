#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lifeboat::parsers::feed("oci_tags", bytes));
