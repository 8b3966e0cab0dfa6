//! The keys, as the help shows them.

pub mod syntax;

use super::layout::Size;

/// One row: keys and what they do, or the name of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// A group.
    Title(&'static str),
    /// Keys and what they do.
    Keys(&'static str, &'static str),
}

/// The left column.
pub const LEFT: &[Row] = &[
    Row::Title("MOVE"),
    Row::Keys("↑ ↓ j k", "row"),
    Row::Keys("PgUp PgDn ^B ^F", "page"),
    Row::Keys("^U ^D", "half a page"),
    Row::Keys("g G", "first, last row"),
    Row::Keys("Tab  1..5", "panel, view"),
    Row::Keys("Enter  d", "details"),
    Row::Keys("Esc", "back one step"),
    Row::Title("TIME"),
    Row::Keys("Space", "pause, resume"),
    Row::Keys("← →", "one tick"),
    Row::Keys("[ ]  { }", "10 s, 60 s"),
    Row::Keys("@", "go to -5m 17:41"),
    Row::Keys("P", "next peak"),
    Row::Keys("L", "back to live"),
    Row::Keys("+ - =", "zoom chart"),
    Row::Keys("v", "same/own scale"),
];

/// The right column.
pub const RIGHT: &[Row] = &[
    Row::Title("SORT (again: reverse)"),
    Row::Keys("c", "RX+TX (default)"),
    Row::Keys("r  s", "received, sent"),
    Row::Keys("a  K", "total, peak"),
    Row::Keys("n p N", "name, PID, conns"),
    Row::Keys("S  < >  I", "menu, move, reverse"),
    Row::Keys("f  F", "freeze order, follow"),
    Row::Title("SHOW"),
    Row::Keys("/", "filter"),
    Row::Keys("b  B", "group by, next"),
    Row::Keys("e  E  t", "expand one, all, tree"),
    Row::Keys("i  x", "idle, exited rows"),
    Row::Keys("o  V", "loopback, chart of row"),
    Row::Keys("m  z", "rate/total, zero"),
    Row::Keys("u  U", "bits, SI/IEC"),
    Row::Keys("w", "average or window"),
    Row::Keys("l  C", "command line, columns"),
    Row::Keys("H", "host names"),
    Row::Keys("y  W", "copy, write file"),
    Row::Keys("!  R", "messages, retry"),
    Row::Keys("T  M", "theme, mouse"),
    Row::Keys("^R ^L ^Z", "reset, redraw, stop"),
    Row::Keys("q  ^C", "quit"),
];

/// Rows of the help on a screen: both columns beside each other, or one below the other.
pub fn rows(size: Size) -> Vec<[Option<Row>; 2]> {
    let at = |rows: &[Row], index: usize| rows.get(index).copied();
    if size.width < 76 {
        return LEFT
            .iter()
            .chain(RIGHT)
            .map(|row| [Some(*row), None])
            .collect();
    }
    (0..LEFT.len().max(RIGHT.len()))
        .map(|index| [at(LEFT, index), at(RIGHT, index)])
        .collect()
}

/// Rows of the help that are visible at once.
pub fn visible(size: Size) -> usize {
    usize::from(size.height.saturating_sub(4)).min(rows(size).len())
}

/// How many places the help can be scrolled to.
pub fn scroll_steps(size: Size) -> usize {
    rows(size).len() - visible(size) + 1
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_manual_has_every_key_of_the_help() {
        let mut cli = crate::args::Cli::command();
        let top = cli.find_subcommand_mut("top").unwrap();
        let manual = top.render_long_help().to_string();
        let (_, manual) = manual.split_once("Keys:").unwrap();
        let words: Vec<_> = manual.split_whitespace().collect();
        for row in LEFT.iter().chain(RIGHT) {
            let Row::Keys(keys, _) = row else { continue };
            for key in keys.split_whitespace() {
                assert!(words.contains(&key), "{key}");
            }
        }
    }
}
