//! The help, over the view it belongs to.

use super::look::Role;
use super::pen::Border;
use super::pen::Pen;
use super::pen::Span;
use crate::top::help;
use crate::top::help::Row;
use crate::top::layout::Area;
use crate::top::model::Model;

/// Draws the help from a row on.
pub fn render(model: &Model, from: usize, pen: &mut Pen) {
    let size = model.size;
    let rows = help::rows(size);
    let visible = help::visible(size);
    let height = u16::try_from(visible).unwrap_or(u16::MAX).saturating_add(2);
    let width = if size.width < 76 { size.width } else { 76 };
    let area = Area {
        x: (size.width - width) / 2,
        y: 1,
        width,
        height,
    };
    pen.clear(area);
    let from = from.min(rows.len() - visible);
    let position = if visible < rows.len() {
        format!("{}-{}/{} ↑↓", from + 1, from + visible, rows.len())
    } else {
        "? or Esc close".to_owned()
    };
    let title = format!("Help · {}", model.screen.name());
    pen.frame(area, Border::Focused, [&title, &position]);
    let inner = area.inner();
    let columns = if width < 76 { 1 } else { 2 };
    let column_width = inner.width / columns;
    for (y, row) in (inner.y..inner.y + inner.height).zip(&rows[from..]) {
        for (x, entry) in (0..columns).zip(row) {
            // The right column has shorter keys and longer meanings.
            let keys_width = if x == 0 { 17 } else { 11 };
            let span = Span {
                x: inner.x + 1 + x * column_width,
                y,
                width: column_width - 1,
            };
            match entry {
                Some(Row::Title(title)) => {
                    pen.put(span, title, Role::Strong);
                }
                Some(Row::Keys(keys, meaning)) => {
                    pen.put(
                        Span {
                            x: span.x + 2,
                            width: keys_width,
                            ..span
                        },
                        &model.bindings.label(keys),
                        Role::Plain,
                    );
                    let before = keys_width + 2;
                    let width = span.width.saturating_sub(before);
                    pen.put(
                        Span {
                            x: span.x + before,
                            width,
                            ..span
                        },
                        meaning,
                        Role::Plain,
                    );
                }
                None => {}
            }
        }
    }
}
