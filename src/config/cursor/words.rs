//! Types in words, and which TOML value may stand for which type.

use lifeboat_core::model::KeyType;
use toml::de::DeValue;

/// Whether a value's TOML type is right; its content may still be wrong.
pub(super) fn fits(ty: &KeyType, value: &DeValue<'_>) -> bool {
    match ty {
        KeyType::Bool => value.is_bool(),
        KeyType::Int(..) => value.is_integer(),
        KeyType::Number | KeyType::Between(..) => value.is_integer() || value.is_float(),
        KeyType::Size => value.is_integer() || value.is_str(),
        KeyType::Instant | KeyType::Date => value.is_datetime() || value.is_str(),
        KeyType::List(_) | KeyType::Tuple(..) | KeyType::Command => value.is_array(),
        KeyType::Map(_)
        | KeyType::Table(_)
        | KeyType::Secret
        | KeyType::Probe
        | KeyType::ProbeWith(_)
        | KeyType::Copy(_)
        | KeyType::Step(_) => value.is_table(),
        KeyType::Either(types) => types.iter().any(|ty| fits(ty, value)),
        KeyType::Any => true,
        KeyType::Text
        | KeyType::Dur
        | KeyType::Period
        | KeyType::Zone
        | KeyType::Url
        | KeyType::HostPort
        | KeyType::NewId
        | KeyType::Ref(_)
        | KeyType::Selector
        | KeyType::Against
        | KeyType::OneOf(_) => value.is_str(),
    }
}

pub(super) fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// What a value must be, for messages and for the reference.
pub(in super::super) fn describe(ty: &KeyType) -> String {
    match ty {
        KeyType::Text => "text".into(),
        KeyType::Bool => "true or false".into(),
        KeyType::Int(min, max) if min == max => format!("the number {min}"),
        KeyType::Int(min, max) => format!("a whole number from {min} to {max}"),
        KeyType::Number => "a number".into(),
        KeyType::Between(min, max) if *max == f64::MAX => format!("a number not below {min}"),
        KeyType::Between(min, max) => format!("a number from {min} to {max}"),
        KeyType::Dur => "a duration such as \"90s\", \"5m\", \"1d12h\"".into(),
        KeyType::Period => "a duration above zero such as \"90s\", \"5m\", \"1d12h\"".into(),
        KeyType::Size => "a size such as \"10GiB\"".into(),
        KeyType::Instant => "an instant such as 2026-11-22T14:05:00Z".into(),
        KeyType::Date => "a date such as 2026-11-22".into(),
        KeyType::Zone => "a time zone such as \"Europe/Paris\"".into(),
        KeyType::Url => "a URL".into(),
        KeyType::HostPort => "\"host:port\"".into(),
        KeyType::NewId => "an id".into(),
        KeyType::Ref("asset") => "an asset as \"WORKLOAD/ASSET\"".into(),
        KeyType::Ref(kind) => format!("the id of {} {kind}", article(kind)),
        KeyType::Selector => "a selector: a region, or \"KIND:ID\"".into(),
        KeyType::Against => "a kind of domain, a mode, or \"KIND=MODE\"".into(),
        KeyType::OneOf(words) => {
            let words: Vec<_> = words.iter().map(|w| format!("{w:?}")).collect();
            either(&words)
        }
        KeyType::List(item) => format!("a list, each item {}", describe(item)),
        KeyType::Tuple(item, count) => format!("a list of exactly {count}, each {}", describe(item)),
        KeyType::Map(inner) => format!("a table from names to {}", describe(inner)),
        KeyType::Table(_) | KeyType::Copy(_) | KeyType::Step(_) => "a table".into(),
        KeyType::Either(types) => either(&types.iter().map(describe).collect::<Vec<_>>()),
        KeyType::Secret => "a reference such as { env = \"NAME\" }".into(),
        KeyType::Probe | KeyType::ProbeWith(_) => "a probe such as { http = \"url\" }".into(),
        KeyType::Command => "an argument list such as [\"program\", \"argument\"]".into(),
        KeyType::Any => "anything".into(),
    }
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

fn either(words: &[String]) -> String {
    match words {
        [] => "nothing".into(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}
