//! The sort menu and the list of messages.

use ratatui::style::Modifier;

use super::look::Role;
use super::pen::Border;
use super::pen::Pen;
use super::pen::Span;
use crate::top::layout::Area;
use crate::top::layout::Size;
use crate::top::model::arrange::CHOICES;
use crate::top::model::column_menu::Place;
use crate::top::model::outline::Shape;
use crate::top::model::sort::Direction;
use crate::top::model::Model;

/// Draws the columns to sort by.
pub fn sort_menu(model: &Model, choice: usize, pen: &mut Pen) {
    let choices = model.sort_choices();
    let area = centred(model.size, 40, choices.len());
    pen.clear(area);
    pen.frame(area, Border::Focused, ["Sort by", "Enter sort"]);
    let inner = area.inner();
    let visible = usize::from(inner.height);
    let from = (choice + 1).saturating_sub(visible);
    let shown = choices.iter().enumerate().skip(from).take(visible);
    for (row, (index, line)) in (0..inner.height).zip(shown) {
        let arrow = match line.direction {
            None => " ",
            Some(Direction::Ascending) => "▲",
            Some(Direction::Descending) => "▼",
        };
        let mark = if index == choice { ">" } else { " " };
        let span = Span {
            x: inner.x,
            y: inner.y + row,
            width: inner.width,
        };
        let text = format!("{mark}{arrow} {:<8} {}", line.title, line.meaning);
        pen.put(span, &text, Role::Plain);
        if index == choice {
            pen.mark(span, Modifier::REVERSED);
        }
    }
}

/// Draws the columns to choose from.
pub fn column_menu(model: &Model, choice: usize, pen: &mut Pen) {
    let choices = model.column_choices();
    let area = centred(model.size, 52, choices.len());
    pen.clear(area);
    pen.frame(area, Border::Focused, ["Columns", "Space show/hide"]);
    let inner = area.inner();
    let from = (choice + 1).saturating_sub(usize::from(inner.height));
    let shown = choices.iter().enumerate().skip(from);
    for (y, (index, line)) in (inner.y..inner.y + inner.height).zip(shown) {
        let span = Span {
            x: inner.x,
            y,
            width: inner.width,
        };
        let mark = if index == choice { ">" } else { " " };
        let place = match line.place {
            Place::Shown => "[x]",
            Place::NoRoom => "[-]",
            Place::Hidden => "[ ]",
        };
        let room = if line.place == Place::NoRoom {
            " (no room)"
        } else {
            ""
        };
        let (id, meaning) = (line.column.id(), line.column.meaning());
        pen.put(
            span,
            &format!("{mark} {place} {id:<9} {meaning}{room}"),
            Role::Plain,
        );
        if index == choice {
            pen.mark(span, Modifier::REVERSED);
        }
    }
}

/// Draws what processes can be put together by.
pub fn group_menu(model: &Model, choice: usize, pen: &mut Pen) {
    let area = centred(model.size, 44, CHOICES.len());
    pen.clear(area);
    pen.frame(area, Border::Focused, ["Group by", "Enter group"]);
    let inner = area.inner();
    let from = (choice + 1).saturating_sub(usize::from(inner.height));
    let shown = CHOICES.iter().enumerate().skip(from);
    for (y, (index, (by, letter, meaning))) in (inner.y..inner.y + inner.height).zip(shown) {
        let now = match model.shape() {
            Shape::Groups(current) => current == *by,
            Shape::Flat => index == 0,
            Shape::Tree => false,
        };
        let span = Span {
            x: inner.x,
            y,
            width: inner.width,
        };
        let mark = if index == choice { ">" } else { " " };
        let current = if now { "•" } else { " " };
        let text = format!("{mark}{current} {letter}  {:<10} {meaning}", by.name());
        pen.put(span, &text, Role::Plain);
        if index == choice {
            pen.mark(span, Modifier::REVERSED);
        }
    }
}

/// Draws past messages, newest first.
pub fn messages(model: &Model, from: usize, pen: &mut Pen) {
    let count = model.notices.len();
    let area = centred(model.size, 76, count.max(1));
    pen.clear(area);
    pen.frame(area, Border::Focused, ["Messages", &count.to_string()]);
    let inner = area.inner();
    let row = |y| Span {
        x: inner.x + 1,
        y,
        width: inner.width.saturating_sub(2),
    };
    if count == 0 {
        pen.put(
            row(inner.y),
            "Nothing to report since the viewer was started.",
            Role::Plain,
        );
    }
    for (y, notice) in (inner.y..inner.y + inner.height).zip(model.notices.iter().skip(from)) {
        let text = format!("{}  {}", model.clock_time(notice.time), notice.text);
        pen.put(row(y), &text, Role::Plain);
    }
}

fn centred(size: Size, width: u16, rows: usize) -> Area {
    let width = width.min(size.width);
    let most = size.height.saturating_sub(2);
    let height = u16::try_from(rows)
        .unwrap_or(most)
        .saturating_add(2)
        .min(most);
    Area {
        x: (size.width - width) / 2,
        y: 1 + (most - height) / 2,
        width,
        height,
    }
}
