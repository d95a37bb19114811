use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use proptest::prelude::*;

use super::*;

/// Every character that any of the forms treats in a way of its own.
const ODD: &str = "pä'$s \"w/o+r&d\\<=%>";

fn of(secret: &str) -> Redactor {
    Redactor::new([&Secret::new(secret)])
}

#[test]
fn twelve_forms_of_a_secret_are_found_inside_other_text() {
    for secret in [ODD, "hunter2-hunter2", "AKIAIOSFODNN7EXAMPLE"] {
        let raw = secret.as_bytes();
        let all = |f: &dyn Fn(&u8) -> String| raw.iter().map(f).collect::<String>();
        let json: Value = secret.into();
        let forms = [
            secret.to_owned(),
            STANDARD.encode(secret),
            STANDARD.encode(format!("user:{secret}")),
            URL_SAFE.encode(format!("Bearer {secret}!")),
            hex::encode(secret),
            hex::encode_upper(secret),
            url::form_urlencoded::byte_serialize(raw).collect(),
            all(&|b| format!("%{b:02X}")),
            json.to_string().trim_matches('"').to_owned(),
            secret.encode_utf16().map(|u| format!("\\u{u:04x}")).collect(),
            all(&|b| format!("\\x{b:02x}")),
            secret
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;"),
            all(&|b| format!("={b:02X}")),
            raw.iter().map(u8::to_string).collect::<Vec<_>>().join(", "),
            secret.replace('\'', "'\\''"),
        ];
        for form in forms {
            let told = of(secret).text(&format!("before {form} after"));
            assert!(told.starts_with("before ") && told.ends_with(" after"), "{told}");
            assert!(told.contains("***") && !told.contains(&form), "{form}: {told}");
            // Base64 leaves the digits at its ends, which say nothing without the rest.
            assert!(told.len() < "before  after".len() + 24, "{form}: {told}");
        }
        let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(of(secret).wash(&utf16, true).0, b"***");
    }
}

#[test]
fn wrapped_forms_are_found_across_their_line_ends() {
    let secret = "a secret that is longer than one line of what base64 prints by itself, by far";
    let wrap = |text: &str, at: usize, end: &str| {
        text.as_bytes().chunks(at).map(|c| std::str::from_utf8(c).unwrap()).collect::<Vec<_>>().join(end)
    };
    for wrapped in [
        wrap(&STANDARD.encode(secret), 64, "\n"),
        wrap(&STANDARD.encode(secret), 76, "\r\n"),
        wrap(&hex::encode(secret), 60, "\n"),
    ] {
        let told = of(secret).text(&wrapped);
        assert!(told.len() < 8 && told.starts_with("***"), "{told}");
    }
}

#[test]
fn parts_that_are_secret_by_themselves_are_found() {
    let table = [
        ("postgres://ops:s3cr%2Fet@db/orders", "password s3cr/et is wrong", "password *** is wrong"),
        ("host=db user=ops password=s3cret-9", "s3cret-9", "***"),
        (
            r#"{"type":"service_account","private_key":"0123456789abcdef"}"#,
            "0123456789abcdef service_account",
            "*** service_account",
        ),
        ("-----BEGIN KEY-----\nAAAABBBBCCCCDDDDEEEE\n-----END KEY-----", "  AAAABBBBCCCCDDDDEEEE", "  ***"),
        ("abc", "abc", "abc"),
    ];
    for (secret, text, expected) in table {
        assert_eq!(of(secret).text(text), expected, "{secret}");
    }
    assert_eq!(
        of("20261126").value(serde_json::json!({ "n": 20261126, "m": [1, "x20261126"] })),
        serde_json::json!({ "n": "***", "m": [1, "x***"] })
    );
}

proptest! {
    /// However what is printed is cut, what comes out is the same, and what is
    /// held back is never more than a form can be long.
    #[test]
    fn cuts_change_nothing(
        parts in proptest::collection::vec(prop_oneof![
            Just(ODD.to_owned()), Just(STANDARD.encode(ODD)), Just(hex::encode(ODD)), Just("pä'$".to_owned()), "[a-z =\\\\%]{0,9}", Just("\n".to_owned()),
        ], 0..8),
        cuts in proptest::collection::vec(0usize..400, 0..6),
    ) {
        let (whole, redactor) = (parts.concat().into_bytes(), of(ODD));
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c % (whole.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(whole.len());
        let (mut told, mut from) = (Vec::new(), 0);
        for cut in cuts {
            let (clean, used) = redactor.wash(&whole[from..cut], false);
            told.extend(clean);
            from += used;
            prop_assert!(cut - from < 400);
        }
        told.extend(redactor.wash(&whole[from..], true).0);
        prop_assert_eq!(&told, &redactor.wash(&whole, true).0);
        let told = String::from_utf8_lossy(&told).into_owned();
        prop_assert!(!told.contains(ODD) && !told.contains(&hex::encode(ODD)));
    }
}
