//! Values without parts: text, numbers, dates and everything written as text.

use lifeboat_core::model::{
    DomainKind, Dur, KeyType, LossMode, Selector, Size, UnitError, clean_line, cut, is_id,
};
use serde_json::Value;
use toml::{
    Spanned,
    de::{DeInteger, DeValue},
};

use super::{super::keys::FileKind, Cursor, Span, describe};
use crate::config::{names::Mention, nearest::nearest, template::is_template};

impl Cursor<'_> {
    pub(super) fn scalar(&mut self, ty: &KeyType, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        match (ty, value.get_ref()) {
            (_, DeValue::String(text)) => self.text(ty, text, value.span()),
            (KeyType::Int(min, max), DeValue::Integer(n)) => match integer(n) {
                Some(n) if (*min..=*max).contains(&n) => Some(n.into()),
                _ => self.out_of_range(ty, n.as_str(), value.span()),
            },
            (KeyType::Size, DeValue::Integer(n)) => match integer(n) {
                Some(n) if n >= 0 => Some(n.into()),
                _ => self.out_of_range(ty, n.as_str(), value.span()),
            },
            (KeyType::Between(min, max), number) => match self.plain(value)? {
                n if n.as_f64().is_some_and(|n| (*min..=*max).contains(&n)) => Some(n),
                _ => self.out_of_range(ty, &raw(number), value.span()),
            },
            (KeyType::Instant, DeValue::Datetime(at)) => self.text(ty, &at.to_string(), value.span()),
            (KeyType::Date, DeValue::Datetime(at)) => self.text(ty, &at.to_string(), value.span()),
            _ => self.plain(value),
        }
    }

    /// A value as it stands, whatever it means.
    pub(super) fn plain(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        match value.get_ref() {
            DeValue::String(text) => {
                self.note_template(text, value.span());
                Some(Value::String(text.clone().into_owned()))
            }
            DeValue::Boolean(b) => Some((*b).into()),
            DeValue::Datetime(at) => Some(at.to_string().into()),
            DeValue::Integer(n) => match integer(n) {
                Some(n) => Some(n.into()),
                None => self.out_of_range(&KeyType::Number, n.as_str(), value.span()),
            },
            DeValue::Float(f) => {
                let number = f.as_str().parse().ok().and_then(serde_json::Number::from_f64);
                match number {
                    Some(number) => Some(number.into()),
                    None => self.out_of_range(&KeyType::Number, f.as_str(), value.span()),
                }
            }
            DeValue::Array(_) | DeValue::Table(_) => None,
        }
    }

    fn out_of_range(&mut self, ty: &KeyType, found: &str, span: Span) -> Option<Value> {
        let key = self.path.last().copied().unwrap_or_default();
        let shown = cut(&clean_line(found), 40);
        self.error(span, format!("`{key}` is {shown}"), Some(format!("write {}", describe(ty))));
        None
    }

    fn note_template(&mut self, text: &str, span: Span) {
        if self.file == FileKind::Runbook && is_template(text) {
            self.out.templates.push((text.to_owned(), span));
        }
    }

    /// Text that is complete as it stands, or a template where one may stand.
    fn text(&mut self, ty: &KeyType, text: &str, span: Span) -> Option<Value> {
        if self.file == FileKind::Runbook && is_template(text) && self.may_hold_template(ty) {
            self.note_template(text, span);
            return Some(text.into());
        }
        if is_template(text) && (self.fixed || matches!(ty, KeyType::Url | KeyType::HostPort)) {
            let key = self.path.last().copied().unwrap_or_default();
            let why =
                if self.fixed { "and a reference is never filled in" } else { "which only runbooks fill in" };
            self.error(span, format!("`{key}` holds {{{{ }}}}, {why}"), None);
            return None;
        }
        match self.checked(ty, text, &span) {
            Ok(()) => Some(text.into()),
            Err((what, hint)) => {
                self.error(span, what, hint);
                None
            }
        }
    }

    fn may_hold_template(&self, ty: &KeyType) -> bool {
        match ty {
            _ if self.fixed => false,
            KeyType::Text | KeyType::Url | KeyType::HostPort => true,
            KeyType::Ref(kind) => self.loose || *kind == "asset",
            KeyType::Instant | KeyType::Selector => self.loose,
            // Read as values before anything is filled in.
            _ => false,
        }
    }

    fn checked(&mut self, ty: &KeyType, text: &str, span: &Span) -> Result<(), (String, Option<String>)> {
        let key = self.path.last().copied().unwrap_or_default();
        let shown = cut(&clean_line(text), 60);
        let must = || (format!("`{key}` is {shown:?}"), Some(format!("write {}", describe(ty))));
        let unit = |e: UnitError| (cut(&clean_line(&e.to_string()), 160), None);
        match ty {
            KeyType::Text if text.contains('\0') => Err((format!("`{key}` holds a NUL character"), None)),
            KeyType::Dur => text.parse::<Dur>().map(drop).map_err(unit),
            KeyType::Period => match text.parse::<Dur>() {
                Ok(d) if d > Dur::ZERO => Ok(()),
                Ok(_) => Err(must()),
                Err(e) => Err(unit(e)),
            },
            KeyType::Size => text.parse::<Size>().map(drop).map_err(unit),
            KeyType::Instant => chrono::DateTime::parse_from_rfc3339(text).map(|_| ()).map_err(|_| must()),
            KeyType::Date => text.parse::<chrono::NaiveDate>().map(drop).map_err(|_| must()),
            KeyType::Zone => zone(text).map_err(|hint| (format!("{shown:?} is no time zone"), hint)),
            KeyType::Url => url(text).map_err(|why| (format!("`{key}` is no URL: {why}"), None)),
            KeyType::HostPort => host_port(text).then_some(()).ok_or_else(must),
            KeyType::OneOf(words) => match words.contains(&text) {
                true => Ok(()),
                false => Err((format!("`{key}` is {shown:?}"), Some(one_of(text, words)))),
            },
            KeyType::NewId => self.declare(text, span),
            KeyType::Ref(kind) => {
                self.out.referred.push(Mention { kind, id: text.to_owned(), span: span.clone() });
                Ok(())
            }
            KeyType::Selector => self.selector(text, span).map_err(unit),
            KeyType::Against => against(text),
            _ => Ok(()),
        }
    }

    fn declare(&mut self, text: &str, span: &Span) -> Result<(), (String, Option<String>)> {
        if !is_id(text) {
            self.out.nameless = true;
            let shown = cut(&clean_line(text), 60);
            let hint = "write 1 to 64 letters, digits, . _ - beginning with a letter or digit";
            return Err((format!("{shown:?} cannot be an id"), Some(hint.to_owned())));
        }
        // `[[region]] id` declares a region; an `id` at the top, what the file is about.
        let kind = match self.path[..] {
            [.., table, _] => table,
            _ => self.file.noun(),
        };
        self.out.declared.push(Mention { kind, id: text.to_owned(), span: span.clone() });
        Ok(())
    }

    fn selector(&mut self, text: &str, span: &Span) -> Result<(), UnitError> {
        let selector: Selector = text.parse()?;
        let kind = selector.kind.as_str();
        self.out.referred.push(Mention { kind, id: selector.id, span: span.clone() });
        Ok(())
    }
}

fn integer(n: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(n.as_str(), n.radix()).ok()
}

fn raw(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Integer(n) => n.to_string(),
        DeValue::Float(f) => f.to_string(),
        _ => String::new(),
    }
}

fn zone(text: &str) -> Result<(), Option<String>> {
    if text.parse::<chrono_tz::Tz>().is_ok() {
        return Ok(());
    }
    let near = nearest(text, chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name()));
    Err(near.map(|near| format!("did you mean {near:?}?")))
}

fn url(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text).map_err(|e| e.to_string())?;
    match url.password() {
        Some(_) => Err("it holds a password; name a reference instead".to_owned()),
        None => Ok(()),
    }
}

/// `host:port` with a port from 1 to 65535; IPv6 in brackets.
fn host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let port_good = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|p| p > 0);
    let host_good = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !host.is_empty() && !host.contains([':', '/', ' ', '@']),
    };
    port_good && host_good
}

pub(super) fn one_of(text: &str, words: &[&str]) -> String {
    match nearest(text, words.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("write {}", words.iter().map(|w| format!("{w:?}")).collect::<Vec<_>>().join(", ")),
    }
}

/// A kind of domain, a mode, or `KIND=MODE`.
fn against(text: &str) -> Result<(), (String, Option<String>)> {
    let kinds: Vec<_> = DomainKind::ALL.iter().map(|k| k.as_str()).collect();
    let modes: Vec<_> = LossMode::ALL.iter().map(|m| m.as_str()).collect();
    let (kind, mode) = match text.split_once('=') {
        Some((kind, mode)) => (Some(kind), Some(mode)),
        None if modes.contains(&text) => (None, Some(text)),
        None => (Some(text), None),
    };
    if let Some(kind) = kind.filter(|k| !kinds.contains(k)) {
        let known = [&kinds[..], &modes[..]].concat();
        let what = format!("{:?} is no kind of domain and no mode", cut(&clean_line(kind), 60));
        return Err((what, Some(one_of(kind, &known))));
    }
    match mode.filter(|m| !modes.contains(m)) {
        None => Ok(()),
        Some(mode) => {
            Err((format!("{:?} is no mode", cut(&clean_line(mode), 60)), Some(one_of(mode, &modes))))
        }
    }
}
