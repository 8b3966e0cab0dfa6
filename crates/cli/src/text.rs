//! Makes text that came from processes safe to print, and fits it into a number of cells.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;
use unicode_width::UnicodeWidthStr as _;

/// `text` without anything that could move the cursor, reverse the direction of writing or hide:
/// control characters become `\xNN`, bidirectional controls and invisible characters `\u{NNNN}`.
pub fn sanitize(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| Threat::of(c) == Threat::None) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        // Writing to a String cannot fail.
        let _ = match Threat::of(c) {
            Threat::None => safe.write_char(c),
            Threat::Control => write!(safe, "\\x{:02x}", u32::from(c)),
            Threat::Hidden => write!(safe, "\\u{{{:04x}}}", u32::from(c)),
        };
    }
    Cow::Owned(safe)
}

/// Cells that `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The beginning of `text` in at most `cells` cells; ends with `ellipsis` (one cell) when cut.
pub fn clip<'a>(text: &'a str, cells: usize, ellipsis: &str) -> Cow<'a, str> {
    if text.width() <= cells {
        return Cow::Borrowed(text);
    }
    let room = cells.saturating_sub(ellipsis.width());
    let mut used = 0;
    let mut clipped = String::new();
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if used + width > room {
            break;
        }
        used += width;
        clipped.push(c);
    }
    if used + ellipsis.width() <= cells {
        clipped.push_str(ellipsis);
    }
    Cow::Owned(clipped)
}

#[derive(PartialEq, Eq)]
enum Threat {
    None,
    Control,
    Hidden,
}

impl Threat {
    fn of(c: char) -> Self {
        match c {
            '\0'..='\x1f' | '\x7f'..='\u{9f}' => Self::Control,
            '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}' => Self::Hidden,
            _ => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dangerous_characters_are_spelled_out() {
        for (text, expected) in [
            ("nginx", "nginx"),
            ("网络监控", "网络监控"),
            ("a\x1b[31mb\u{202e}c", r"a\x1b[31mb\u{202e}c"),
            ("a\nb\tc", r"a\x0ab\x09c"),
            ("\u{9b}2J\x7f", r"\x9b2J\x7f"),
            ("z\u{200b}w\u{feff}", r"z\u{200b}w\u{feff}"),
        ] {
            assert_eq!(sanitize(text), expected);
        }
    }

    #[test]
    fn clipping_counts_cells_not_characters() {
        for (text, cells, expected) in [
            ("postgres", 8, "postgres"),
            ("postgres", 7, "postgr…"),
            ("网络监控", 8, "网络监控"),
            ("网络监控", 7, "网络监…"),
            ("网络监控", 6, "网络…"),
            ("ab", 1, "…"),
            ("ab", 0, ""),
        ] {
            assert_eq!(clip(text, cells, "…"), expected, "{text} in {cells}");
        }
    }

    proptest! {
        #[test]
        fn sanitized_text_holds_no_threat_and_is_stable(text in any::<String>()) {
            let safe = sanitize(&text);
            prop_assert!(safe.chars().all(|c| Threat::of(c) == Threat::None));
            prop_assert_eq!(sanitize(&safe), safe.clone());
        }

        #[test]
        fn clipped_text_fits(text in any::<String>(), cells in 0_usize..40) {
            prop_assert!(width(&clip(&text, cells, "…")) <= cells);
        }
    }
}
