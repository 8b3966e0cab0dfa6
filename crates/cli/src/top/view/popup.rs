//! The sort menu and the list of messages.

use ratatui::style::Modifier;

use super::look::Role;
use super::pen::Border;
use super::pen::Pen;
use super::pen::Span;
use crate::top::layout::Area;
use crate::top::layout::Size;
use crate::top::model::sort::Direction;
use crate::top::model::sort::SortKey;
use crate::top::model::Model;

/// Draws the columns to sort by.
pub fn sort_menu(model: &Model, choice: usize, pen: &mut Pen) {
    let Some(pane) = model.screen.pane() else {
        return;
    };
    let keys = SortKey::of(pane);
    let area = centred(model.size, 40, keys.len());
    pen.clear(area);
    pen.frame(area, Border::Focused, ["Sort by", "Enter sort"]);
    let inner = area.inner();
    let visible = usize::from(inner.height);
    let from = (choice + 1).saturating_sub(visible);
    let sort = model.list(pane).sort;
    for (row, (index, key)) in
        (0..inner.height).zip(keys.iter().enumerate().skip(from).take(visible))
    {
        let arrow = match (*key == sort.key, sort.direction) {
            (false, _) => " ",
            (true, Direction::Ascending) => "▲",
            (true, Direction::Descending) => "▼",
        };
        let mark = if index == choice { ">" } else { " " };
        let span = Span {
            x: inner.x,
            y: inner.y + row,
            width: inner.width,
        };
        let text = format!("{mark}{arrow} {:<8} {}", key.title(), key.meaning());
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
