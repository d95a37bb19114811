//! What this terminal can show, from its environment.

use crate::ui::Depth;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    pub depth: Depth,
    pub unicode: bool,
}

/// Terminals that show all colours, though ssh drops the variable that says so.
const TRUE: [&str; 7] = ["kitty", "alacritty", "foot", "ghostty", "wezterm", "contour", "direct"];

impl Caps {
    /// Looks variables up by name; `std::env::var` in the program.
    pub fn of(var: impl Fn(&str) -> Option<String>) -> Self {
        let var = |name: &str| var(name).filter(|value| !value.is_empty());
        let term = var("TERM").unwrap_or_default();
        let colours = var("COLORTERM").unwrap_or_default();
        let depth = match () {
            // https://no-color.org: present and not empty.
            () if var("NO_COLOR").is_some() || term == "dumb" => Depth::None,
            () if colours == "truecolor" || colours == "24bit" => Depth::True,
            () if TRUE.iter().any(|name| term.contains(name)) => Depth::True,
            () if term.contains("256color") => Depth::Indexed,
            () => Depth::Sixteen,
        };
        // The first that is set decides, as in the C library.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| var(name)).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        let unicode =
            (locale.contains("utf-8") || locale.contains("utf8")) && term != "linux" && term != "dumb";
        Self { depth, unicode }
    }

    pub fn here() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides() {
        let caps = |vars: &[(&str, &str)]| {
            Caps::of(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        let utf8 = ("LANG", "C.UTF-8");
        type Row<'a> = (&'a [(&'a str, &'a str)], Depth, bool);
        let table: [Row<'_>; 7] = [
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), utf8], Depth::True, true),
            (&[("TERM", "tmux-256color"), utf8], Depth::Indexed, true),
            (&[("TERM", "xterm"), utf8], Depth::Sixteen, true),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "1"), utf8], Depth::None, true),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", ""), ("LANG", "C")], Depth::Indexed, false),
            (&[("TERM", "linux"), utf8], Depth::Sixteen, false),
            (&[("TERM", "xterm"), ("LC_ALL", "C"), utf8], Depth::Sixteen, false),
        ];
        for (vars, depth, unicode) in table {
            assert_eq!(caps(vars), Caps { depth, unicode }, "{vars:?}");
        }
    }
}
