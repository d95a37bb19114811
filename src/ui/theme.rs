//! Roles to styles, from `themes/*.toml`; colours are brought down to what the
//! terminal can show. A new theme is one file there and one line in `THEMES`.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

/// What a style means; never what it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Text,
    Dim,
    Strong,
    Title,
    Border,
    Accent,
    Key,
    Selection,
    /// Over everything that is no longer known to be so.
    Stale,
    Ok,
    Warning,
    Unknown,
    Critical,
    Calm,
    WhatIf,
    Incident,
    Live,
    Rehearsal,
    DryRun,
    ReadOnly,
    Map,
    Link,
}

const ROLES: usize = Role::Link as usize + 1;

const THEMES: &[(&str, &str)] = &[
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("sixteen", include_str!("../../themes/sixteen.toml")),
    ("mono", include_str!("../../themes/mono.toml")),
    ("colour-blind", include_str!("../../themes/colour-blind.toml")),
];

/// Names of all themes, the default first.
pub fn names() -> Vec<String> {
    THEMES.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    None,
    Sixteen,
    Indexed,
    True,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    styles: [Style; ROLES],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    roles: BTreeMap<Role, Spec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    fg: Option<String>,
    bg: Option<String>,
    #[serde(default)]
    add: Vec<Add>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Add {
    Bold,
    Dim,
    Italic,
    Underlined,
    Reversed,
}

impl Theme {
    /// The theme of that name. Without colours it is always `mono`: with
    /// NO_COLOR set, crossterm writes a full reset in place of any colour,
    /// which would wipe out bold and reverse, so no colour may be asked for.
    pub fn named(name: &str, depth: Depth) -> Result<Self, String> {
        let name = if depth == Depth::None { "mono" } else { name };
        let known = THEMES.iter().find(|(n, _)| *n == name);
        let (_, text) = known.ok_or_else(|| format!("there is no theme {name:?}: {}", names().join(", ")))?;
        Self::parse(text, depth)
    }

    pub fn parse(text: &str, depth: Depth) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
        let mut styles = [Style::new(); ROLES];
        for (role, spec) in file.roles {
            let colour = |text: Option<String>| match text {
                Some(text) => text.parse().map_err(|_| format!("{text:?} is no colour")).map(Some),
                None => Ok(None),
            };
            let shown = |c: Option<Color>| c.map(|c| down(c, depth)).filter(|c| *c != Color::Reset);
            let mut style = Style::new();
            (style.fg, style.bg) = (shown(colour(spec.fg)?), shown(colour(spec.bg)?));
            for add in spec.add {
                style = style.add_modifier(match add {
                    Add::Bold => Modifier::BOLD,
                    Add::Dim => Modifier::DIM,
                    Add::Italic => Modifier::ITALIC,
                    Add::Underlined => Modifier::UNDERLINED,
                    Add::Reversed => Modifier::REVERSED,
                });
            }
            // A background that cannot be shown must not leave its text alone.
            if style.bg.is_none() && role == Role::Selection {
                style = style.add_modifier(Modifier::REVERSED);
            }
            styles[role as usize] = style;
        }
        Ok(Self { styles })
    }

    pub fn role(&self, role: Role) -> Style {
        self.styles[role as usize]
    }
}

/// The nearest colour that `depth` has.
fn down(colour: Color, depth: Depth) -> Color {
    match (colour, depth) {
        (_, Depth::None) => Color::Reset,
        (Color::Rgb(r, g, b), Depth::Indexed) => Color::Indexed(cube(r, g, b)),
        (Color::Rgb(r, g, b), Depth::Sixteen) => sixteen(r, g, b),
        (Color::Indexed(n), Depth::Sixteen) if n >= 16 => {
            let (r, g, b) = of_index(n);
            sixteen(r, g, b)
        }
        (colour, _) => colour,
    }
}

const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn distance((r, g, b): (u8, u8, u8), to: (u8, u8, u8)) -> u32 {
    let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    square(r, to.0) + square(g, to.1) + square(b, to.2)
}

/// The colour behind an index of 16 or more: a cube of six levels, then greys.
fn of_index(n: u8) -> (u8, u8, u8) {
    if n >= 232 {
        let grey = 8 + (n - 232) * 10;
        return (grey, grey, grey);
    }
    let n = usize::from(n.saturating_sub(16));
    (LEVELS[n / 36], LEVELS[n / 6 % 6], LEVELS[n % 6])
}

fn cube(r: u8, g: u8, b: u8) -> u8 {
    (16..=255).min_by_key(|n| distance(of_index(*n), (r, g, b))).unwrap_or(15)
}

fn sixteen(r: u8, g: u8, b: u8) -> Color {
    const TABLE: [(Color, (u8, u8, u8)); 14] = [
        (Color::Black, (0, 0, 0)),
        (Color::Red, (170, 30, 30)),
        (Color::Green, (60, 160, 100)),
        (Color::Yellow, (170, 120, 20)),
        (Color::Blue, (50, 90, 180)),
        (Color::Magenta, (150, 80, 190)),
        (Color::Cyan, (70, 140, 150)),
        (Color::Gray, (190, 195, 200)),
        (Color::DarkGray, (90, 100, 110)),
        (Color::LightRed, (255, 110, 110)),
        (Color::LightYellow, (240, 200, 120)),
        (Color::LightMagenta, (210, 165, 255)),
        (Color::LightCyan, (120, 190, 255)),
        (Color::White, (255, 255, 255)),
    ];
    let nearest = TABLE.iter().min_by_key(|(_, at)| distance(*at, (r, g, b)));
    nearest.map_or(Color::Reset, |(colour, _)| *colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_theme_reads_at_every_depth_and_mono_has_no_colour() {
        for (name, text) in THEMES {
            for depth in [Depth::None, Depth::Sixteen, Depth::Indexed, Depth::True] {
                let theme = Theme::parse(text, depth).unwrap_or_else(|e| panic!("{name}: {e}"));
                let coloured = theme.styles.iter().any(|s| s.fg.is_some() || s.bg.is_some());
                assert_eq!(coloured, depth != Depth::None && *name != "mono", "{name} {depth:?}");
                let rgb = theme.styles.iter().any(|s| matches!(s.fg, Some(Color::Rgb(..))));
                assert!(depth == Depth::True || !rgb, "{name} {depth:?}");
            }
        }
    }

    #[test]
    fn states_differ_in_every_coloured_theme() {
        for (name, text) in THEMES {
            let theme = Theme::parse(text, Depth::Sixteen).unwrap();
            let states = [Role::Ok, Role::Warning, Role::Unknown, Role::Critical].map(|r| theme.role(r));
            for (n, one) in states.iter().enumerate() {
                assert!(!states[n + 1..].contains(one), "{name}");
            }
        }
    }

    #[test]
    fn what_is_wrong_in_a_theme_is_said() {
        assert!(Theme::parse("[roles]\nshiny = {}\n", Depth::True).is_err());
        assert!(
            Theme::parse("[roles]\nok = { fg = \"#12\" }\n", Depth::True).unwrap_err().contains("colour")
        );
        assert!(Theme::named("neon", Depth::True).unwrap_err().contains("dark"));
    }
}
