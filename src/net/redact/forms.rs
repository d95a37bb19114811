//! The forms in which a secret may be written; see the table above.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::Value;

use super::Form;

/// Shorter ones are in any text, and are no secrets.
const SHORTEST: usize = 4;
/// An encoded form that is shorter is found where it is not meant.
const SHORTEST_FORM: usize = 8;

pub(super) fn add(raw: &[u8], into: &mut BTreeSet<Form>) {
    if raw.len() < SHORTEST {
        return;
    }
    into.insert(Form { bytes: raw.to_vec(), wraps: false });
    let mut add = |bytes: Vec<u8>, wraps: bool| {
        if bytes.len() >= SHORTEST_FORM {
            into.insert(Form { bytes, wraps });
        }
    };
    for shift in 0..3 {
        let standard = base64_inside(raw, shift);
        let url = standard.iter().map(|b| {
            if *b == b'+' {
                b'-'
            } else if *b == b'/' {
                b'_'
            } else {
                *b
            }
        });
        add(url.collect(), true);
        add(standard, true);
    }
    let hex = hex::encode(raw);
    add(hex.to_uppercase().into_bytes(), true);
    add(hex.into_bytes(), true);
    for escaped in escaped(raw) {
        add(escaped, false);
    }
    add(raw.iter().rev().copied().collect(), false);
    for separator in [",", ", ", " "] {
        add(raw.iter().map(u8::to_string).collect::<Vec<_>>().join(separator).into_bytes(), false);
    }
    if let Ok(text) = std::str::from_utf8(raw) {
        add(text.encode_utf16().flat_map(u16::to_le_bytes).collect(), false);
        add(text.encode_utf16().flat_map(u16::to_be_bytes).collect(), false);
    }
}

/// What base64 makes of it after `shift` other bytes, without the digits that
/// depend on what stands beside it.
fn base64_inside(raw: &[u8], shift: usize) -> Vec<u8> {
    let mut padded = vec![0; shift];
    padded.extend_from_slice(raw);
    let digits = STANDARD_NO_PAD.encode(&padded).into_bytes();
    let from = [0, 2, 3][shift];
    let until = padded.len() * 8 / 6;
    digits.get(from..until).map(<[u8]>::to_vec).unwrap_or_default()
}

/// The raw bytes, each through `one`.
fn each(raw: &[u8], one: impl Fn(u8) -> String) -> Vec<u8> {
    raw.iter().flat_map(|b| one(*b).into_bytes()).collect()
}

/// Forms in which some or all characters are escaped.
fn escaped(raw: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(raw);
    let plain = |b: u8| char::from(b).to_string();
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let mut forms = Vec::new();
    for keep in [b"".as_slice(), b"!*'()", b"/", b":/?#[]@!$&'()*+,;=", b"*"] {
        let kept = |b: u8| unreserved(b) || keep.contains(&b);
        forms.push(each(raw, |b| if kept(b) { plain(b) } else { format!("%{b:02X}") }));
        forms.push(each(raw, |b| if kept(b) { plain(b) } else { format!("%{b:02x}") }));
        let form = |b: u8| if b == b' ' { "+".to_owned() } else { format!("%{b:02X}") };
        forms.push(each(raw, |b| if kept(b) { plain(b) } else { form(b) }));
    }
    forms.push(each(raw, |b| format!("%{b:02X}")));
    forms.push(each(raw, |b| format!("%{b:02x}")));
    forms.push(each(raw, |b| format!("\\x{b:02x}")));
    forms.push(each(raw, |b| format!("\\x{b:02X}")));
    forms.push(each(raw, |b| format!("\\{b:03o}")));
    let graphic = |b: u8| (b == b' ' || b.is_ascii_graphic()) && b != b'\\';
    forms.push(each(raw, |b| if graphic(b) { plain(b) } else { format!("\\x{b:02x}") }));
    forms.push(each(raw, |b| if graphic(b) && b != b'=' { plain(b) } else { format!("={b:02X}") }));
    forms.push(each(raw, |b| format!("={b:02X}")));
    forms.extend(json_forms(&text));
    forms.extend(html_forms(&text));
    forms.push(text.replace('\'', "'\\''").into_bytes());
    forms.push(text.replace('\'', "'\"'\"'").into_bytes());
    let shell = |c: char| match c.is_ascii_alphanumeric() || "-._/:=@+,%".contains(c) {
        true => c.to_string(),
        false => format!("\\{c}"),
    };
    forms.push(text.chars().map(shell).collect::<String>().into_bytes());
    forms
}

fn json_forms(text: &str) -> Vec<Vec<u8>> {
    let minimal = Value::String(text.to_owned()).to_string();
    let minimal = minimal[1..minimal.len() - 1].to_owned();
    let units = |c: char, upper: bool| {
        let mut buffer = [0; 2];
        let hex = |u: &u16| if upper { format!("\\u{u:04X}") } else { format!("\\u{u:04x}") };
        c.encode_utf16(&mut buffer).iter().map(hex).collect::<String>()
    };
    let ascii = |upper: bool| -> String {
        minimal.chars().map(|c| if c.is_ascii() { c.to_string() } else { units(c, upper) }).collect()
    };
    // Go's encoder, and those that fear for HTML.
    let html = |c: char| if "<>&'".contains(c) { units(c, false) } else { c.to_string() };
    vec![
        minimal.replace('/', "\\/").into_bytes(),
        minimal.chars().map(html).collect::<String>().into_bytes(),
        ascii(false).into_bytes(),
        ascii(true).into_bytes(),
        text.chars().map(|c| units(c, false)).collect::<String>().into_bytes(),
        text.chars().map(|c| units(c, true)).collect::<String>().into_bytes(),
        // A text inside a text.
        minimal.replace('\\', "\\\\").replace('"', "\\\"").into_bytes(),
        minimal.into_bytes(),
    ]
}

fn html_forms(text: &str) -> Vec<Vec<u8>> {
    let named = |quote: &str, apostrophe: &str| {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        text.replace('"', quote).replace('\'', apostrophe).into_bytes()
    };
    let numbers = |one: &dyn Fn(u32) -> String| {
        text.chars().map(|c| one(u32::from(c))).collect::<String>().into_bytes()
    };
    vec![
        named("&quot;", "&#39;"),
        named("&quot;", "&#x27;"),
        named("&quot;", "&apos;"),
        named("&#34;", "&#39;"),
        named("\"", "'"),
        numbers(&|n| format!("&#{n};")),
        numbers(&|n| format!("&#x{n:x};")),
        numbers(&|n| format!("&#x{n:X};")),
    ]
}
