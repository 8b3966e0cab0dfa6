//! The last row: the keys that matter here and now, as many as fit.

use super::look::Role;
use super::pen::Pen;
use super::pen::Span;
use crate::text;
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
        Popup::Messages { .. } => return &["! or Esc close", "↑/↓ scroll"],
        Popup::Syntax { .. } => return &["F1 or Esc close", "↑/↓ scroll"],
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
        return &["R retry now", "←/→ time", "? help", "q quit", "! messages"];
    }
    match (model.position, model.screen) {
        (Position::Paused { .. }, _) => &["Space resume", "←/→ time", "P peak", "? help", "q quit"],
        (Position::History { .. }, _) => &[
            "←/→ 1s",
            "[ ] 10s",
            "{ } 60s",
            "P peak",
            "L live",
            "Esc back",
            "? help",
            "Tab view",
        ],
        (Position::Live, Screen::List(Pane::Live)) => &[
            "q quit",
            "? help",
            "/ filter",
            "r/s/c/a sort",
            "Space pause",
            "←/→ time",
            "2 exited",
            "P peak",
            "u bits",
            "o loopback",
            "f freeze",
            "l command line",
            "4 agent",
            "5 chart",
        ],
        (Position::Live, Screen::List(Pane::Exited)) => &[
            "q quit",
            "? help",
            "/ filter",
            "w window",
            "r/s/c sort",
            "1 live",
            "Space pause",
            "←/→ time",
            "u bits",
            "4 agent",
            "5 chart",
        ],
        (Position::Live, Screen::Agent) => &[
            "1 live",
            "2 exited",
            "5 chart",
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
