//! Text from outside becomes visible characters, never control sequences.

use unicode_width::UnicodeWidthChar;

/// Whether a character can change how what follows is drawn or read:
/// controls (C0, DEL, C1), bidirectional overrides and isolates, and
/// characters without width that hide or reorder text.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// One line of printable text: controls appear as `^X`, other hostile
/// characters as `<U+202E>`, tabs as one space.
pub fn clean_line(text: &str) -> String {
    if !text.chars().any(is_hostile) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            '\u{0}'..='\u{1f}' => {
                out.push('^');
                out.push(char::from(c as u8 + 0x40));
            }
            '\u{7f}' => out.push_str("^?"),
            c if is_hostile(c) => out.push_str(&format!("<U+{:04X}>", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// As `clean_line`, for text of several lines: `\n` and `\r\n` stay breaks.
pub fn clean(text: &str) -> String {
    text.split('\n')
        .map(|line| clean_line(line.strip_suffix('\r').unwrap_or(line)))
        .collect::<Vec<_>>()
        .join("\n")
}

/// How many terminal cells a cleaned line takes.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// The beginning of a cleaned line that fits into `cells`, with `…` where
/// something was cut.
pub fn cut(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let Some(room) = cells.checked_sub(1) else { return String::new() };
    let mut used = 0;
    let mut out: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= room
        })
        .collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_become_visible() {
        assert_eq!(clean_line("a\u{1b}[2Jb\tc\u{7f}"), "a^[[2Jb c^?");
        assert_eq!(clean_line("user\u{202e}gpj.exe"), "user<U+202E>gpj.exe");
        assert_eq!(clean_line("\u{9b}31m"), "<U+009B>31m");
        assert_eq!(clean("one\r\ntwo\n"), "one\ntwo\n");
        assert_eq!(cut("Frankfurt", 5), "Fran…");
        assert_eq!(cut("東京都", 5), "東京…");
    }

    proptest! {
        #[test]
        fn nothing_hostile_is_left(text in "\\PC*|[\\x00-\\x1f\\u{80}-\\u{9f}\\u{2028}-\\u{202e}]*") {
            prop_assert!(!clean_line(&text).chars().any(is_hostile));
            prop_assert!(width(&cut(&clean_line(&text), 7)) <= 7);
        }
    }
}
