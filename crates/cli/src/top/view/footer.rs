//! The last row: the keys that matter here and now, as many as fit.

use super::look::Role;
use super::pen::Pen;
use super::pen::Span;
use crate::text;
use crate::top::model::details::Stage;
use crate::top::model::position::Position;
use crate::top::model::screen::Pane;
use crate::top::model::screen::Popup;
use crate::top::model::screen::Screen;
use crate::top::model::Model;

/// Draws the footer.
pub fn render(model: &Model, pen: &mut Pen) {
    let row = Span {
        x: 0,
        y: model.size.height.saturating_sub(1),
        width: model.size.width,
    };
    let blank = " ".repeat(usize::from(row.width));
    pen.put(row, &blank, Role::Bar);
    let gap = if model.size.width >= 100 { "  " } else { " " };
    let mut line = String::from(" ");
    for (index, hint) in hints(model).iter().enumerate() {
        let before = if index == 0 { "" } else { gap };
        let shown = pen.look.text(hint);
        if text::width(&line) + before.len() + text::width(&shown) < usize::from(row.width) {
            line.push_str(before);
            line.push_str(&shown);
        }
    }
    pen.put(row, &line, Role::Bar);
}

fn hints(model: &Model) -> &'static [&'static str] {
    match model.popup {
        Popup::Help { .. } => return &["? or Esc close", "↑/↓ scroll"],
        Popup::SortMenu { .. } => return &["Enter sort", "↑/↓ choose", "Esc leave"],
        Popup::GroupMenu { .. } => {
            return &["Enter group", "a letter chooses", "↑/↓ choose", "Esc leave"]
        }
        Popup::Messages { .. } => return &["! or Esc close", "↑/↓ scroll"],
        Popup::Syntax { .. } => return &["F1 or Esc close", "↑/↓ scroll"],
        Popup::ColumnMenu { .. } => return &["Space show/hide", "↑/↓ choose", "Esc leave"],
        Popup::Copy => {
            return &[
                "copy:",
                "p pid",
                "c command line",
                "a remote address",
                "r row",
                "j row as JSON",
                "Esc leave",
            ]
        }
        Popup::Prompt(_) | Popup::None => {}
    }
    if model.link.offline().is_some() {
        return &[
            "R retry now",
            "←/→ time",
            "/ filter",
            "↵ details",
            "? help",
            "q quit",
            "! messages",
        ];
    }
    let details = model.plan().details.is_some();
    match (model.stage(), model.position) {
        (Stage::Full, _) if details => {
            return &[
                "Esc back",
                "↑↓ scroll",
                "Enter remote",
                "←→ time",
                "r/s/c sort",
                "? help",
                "q quit",
            ]
        }
        (Stage::Beside, Position::Live) if details => {
            return &[
                "Enter full screen",
                "d close",
                "Tab focus",
                "Space pause",
                "←/→ time",
                "/ filter",
                "? help",
                "q quit",
            ]
        }
        _ => {}
    }
    if model.position == Position::Live && model.on_outline() {
        return &[
            "e expand",
            "E all",
            "b group by…",
            "↵ details",
            "/ filter",
            "␣ pause",
            "? help",
            "q quit",
        ];
    }
    match (model.position, model.screen) {
        (Position::Paused { .. }, _) => &[
            "Space resume",
            "←/→ time",
            "↵ details",
            "y copy",
            "W write file",
            "/ filter",
            "? help",
            "P peak",
            "q quit",
        ],
        (Position::History { .. }, _) => &[
            "←/→ 1s",
            "[ ] 10s",
            "{ } 60s",
            "@ go to time",
            "P next peak",
            "L live",
            "Esc back",
            "? help",
            "Tab view",
        ],
        (Position::Live, Screen::List(Pane::Live)) => live(model.size.width),
        (Position::Live, Screen::List(Pane::Exited)) => exited(model.size.width),
        (Position::Live, Screen::Connections) => &[
            "q quit",
            "? help",
            "/ filter",
            "Enter process",
            "r/s/c sort",
            "Space pause",
            "←/→ time",
            "1 live",
            "o loopback",
            "u bits",
        ],
        (Position::Live, Screen::Agent) => &[
            "1 live",
            "2 exited",
            "3 connections",
            "↑/↓ scroll",
            "R refresh",
            "? help",
            "q quit",
        ],
        (Position::Live, Screen::Chart) => &[
            "←/→ 1s",
            "[ ] 10s",
            "P peak",
            "+/- zoom",
            "v scale",
            "Tab view",
            "? help",
            "q quit",
        ],
    }
}

fn live(width: u16) -> &'static [&'static str] {
    match width {
        ..64 => &[
            "q quit",
            "? help",
            "/ filter",
            "␣ pause",
            "←→ time",
            "2 exited",
        ],
        64..100 => &[
            "q quit",
            "? help",
            "/ filter",
            "b group",
            "↵ details",
            "␣ pause",
            "←→ time",
            "2 exited",
        ],
        100..140 => &[
            "q quit",
            "? help",
            "/ filter",
            "b group",
            "Enter details",
            "Space pause",
            "←/→ time",
            "P peak",
            "u bits",
            "2 exited",
        ],
        140.. => &[
            "q quit",
            "? help",
            "/ filter",
            "b group",
            "r/s/c/a/p/n sort",
            "Enter details",
            "Space pause",
            "←/→ time",
            "@ go to",
            "P peak",
            "u bits",
            "o loopback",
            "3 connections",
        ],
    }
}

fn exited(width: u16) -> &'static [&'static str] {
    match width {
        ..64 => &["q quit", "? help", "/ filter", "w window", "1 live"],
        64.. => &[
            "q quit",
            "? help",
            "/ filter",
            "↵ details",
            "w window",
            "r/s/c sort",
            "1 live",
            "␣ pause",
        ],
    }
}
