//! Prints a screen of the sample estate as it would stand on a terminal:
//!
//! ```text
//! cargo run --example gallery -- overview 120 40 [theme] [true|256|16|none] [unicode|ascii]
//! ```
//!
//! Without arguments, the names of all pictures.

use std::io::{self, Write};

use lifeboat::{
    app::{AppOptions, sample},
    term::{Caps, Terminal},
    ui::Depth,
};

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let arg = |n: usize| args.get(n).map(String::as_str);
    let size = |n: usize, default: u16| arg(n).and_then(|a| a.parse().ok()).unwrap_or(default);
    let Some(name) = arg(0) else {
        for (name, _) in sample::PICTURES {
            println!("{name}");
        }
        return Ok(());
    };
    let depth = match arg(4) {
        Some("none") => Depth::None,
        Some("16") => Depth::Sixteen,
        Some("256") => Depth::Indexed,
        _ => Depth::True,
    };
    let options = AppOptions { theme: arg(3).unwrap_or("dark").into(), ..AppOptions::default() };
    let Some(app) = sample::picture(name, options, (size(1, 120), size(2, 40))) else {
        return Err(io::Error::other(format!("there is no picture {name}")));
    };
    let caps = Caps { depth, unicode: arg(5) != Some("ascii") };
    let mut out = io::stdout();
    Terminal::to(&mut out, caps).draw(&app)?;
    out.flush()
}
