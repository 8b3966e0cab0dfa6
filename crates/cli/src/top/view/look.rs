//! Colours and characters: the only place that knows how a role looks.

use std::borrow::Cow;

use ratatui::style::Color;
use ratatui::style::Modifier;
use ratatui::style::Style;

use crate::top::model::settings::Charset;
use crate::top::model::settings::Ink;
use crate::top::model::settings::Palette;
use crate::top::model::settings::Theme;

/// What a piece of the screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Text like any other.
    Plain,
    /// Received.
    Rx,
    /// Sent.
    Tx,
    /// The header of the column that decides the order.
    SortHeader,
    /// First and last row of the screen.
    Bar,
    /// Something of little weight: idle, ended, redundant.
    Faint,
    /// A word that changes what the numbers mean.
    Mode,
    /// A word that says something is wrong.
    Alarm,
    /// A title.
    Strong,
}

/// Colours and characters in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Colours.
    pub theme: Theme,
    /// Colours that come before those of the theme.
    pub palette: Palette,
    /// Characters.
    pub charset: Charset,
}

impl Look {
    /// The style of a role. Without colours it has modifiers only: see `terminal`.
    pub fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let style = match role {
            Role::Plain => plain,
            Role::Rx => self.coloured(self.palette.rx, Color::Cyan, Color::Blue),
            Role::Tx => self.coloured(self.palette.tx, Color::Magenta, Color::Magenta),
            Role::SortHeader => plain.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            Role::Bar => plain.add_modifier(Modifier::REVERSED),
            Role::Faint => plain.add_modifier(Modifier::DIM),
            Role::Mode => self.word(self.palette.mode, Color::Yellow, Color::Magenta),
            Role::Alarm => self.word(self.palette.alarm, Color::Red, Color::Red),
            Role::Strong => plain.add_modifier(Modifier::BOLD),
        };
        match self.theme {
            Theme::Contrast => style
                .remove_modifier(Modifier::DIM)
                .add_modifier(Modifier::BOLD),
            Theme::Dark | Theme::Light | Theme::Mono => style,
        }
    }

    fn coloured(self, chosen: Option<Ink>, dark: Color, light: Color) -> Style {
        const COLORS: [Color; 16] = [
            Color::Black,
            Color::Red,
            Color::Green,
            Color::Yellow,
            Color::Blue,
            Color::Magenta,
            Color::Cyan,
            Color::Gray,
            Color::DarkGray,
            Color::LightRed,
            Color::LightGreen,
            Color::LightYellow,
            Color::LightBlue,
            Color::LightMagenta,
            Color::LightCyan,
            Color::White,
        ];
        let chosen = chosen.and_then(|ink| COLORS.get(usize::from(ink.0)));
        if let (Some(color), false) = (chosen, self.theme == Theme::Mono) {
            return Style::new().fg(*color);
        }
        match self.theme {
            Theme::Dark | Theme::Contrast => Style::new().fg(dark),
            Theme::Light => Style::new().fg(light),
            Theme::Mono => Style::new(),
        }
    }

    fn word(self, chosen: Option<Ink>, dark: Color, light: Color) -> Style {
        let style = self
            .coloured(chosen, dark, light)
            .add_modifier(Modifier::BOLD);
        match self.theme {
            Theme::Mono => style.add_modifier(Modifier::REVERSED),
            Theme::Dark | Theme::Light | Theme::Contrast => style,
        }
    }

    /// A text in the characters of the terminal.
    pub fn text(self, text: &str) -> Cow<'_, str> {
        match self.charset {
            Charset::Unicode => Cow::Borrowed(text),
            Charset::Ascii if text.is_ascii() => Cow::Borrowed(text),
            Charset::Ascii => Cow::Owned(text.chars().map(ascii).collect()),
        }
    }
}

fn ascii(c: char) -> Cow<'static, str> {
    Cow::Borrowed(match c {
        '●' | '•' => "*",
        '○' => "o",
        '‖' | '━' => "=",
        '◀' => "<",
        '▲' | '↑' => "^",
        '▼' | '↓' => "v",
        '…' => "~",
        '·' | '─' => "-",
        '×' => "x",
        '│' | '┃' | '┤' => "|",
        '┌' | '┐' | '└' | '┘' | '┏' | '┓' | '┗' | '┛' => "+",
        '┊' => ":",
        '▁' => ".",
        '▂' => ":",
        '▃' => "-",
        '▄' => "=",
        '▅' => "+",
        '▆' => "*",
        '▇' => "#",
        '█' => "@",
        '←' => "<-",
        '→' => "->",
        '≥' => ">=",
        '␣' => "Space",
        '↵' => "Enter",
        '▏' | '├' => "|",
        '▸' => ">",
        '▾' => "v",
        c if c.is_ascii() => return Cow::Owned(c.to_string()),
        _ => "?",
    })
}
