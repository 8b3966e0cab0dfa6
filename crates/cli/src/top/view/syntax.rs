//! The filter language, over the list that it filters.

use super::look::Role;
use super::pen::Border;
use super::pen::Pen;
use super::pen::Span;
use crate::top::help::syntax;
use crate::top::help::Row;
use crate::top::layout::Area;
use crate::top::model::Model;

/// Draws the language from a row on.
pub fn render(model: &Model, from: usize, pen: &mut Pen) {
    const WIDTH: u16 = 76;
    const KEYS: u16 = 24;
    let visible = syntax::visible(model.size);
    let width = WIDTH.min(model.size.width);
    let area = Area {
        x: (model.size.width - width) / 2,
        y: 1,
        width,
        height: u16::try_from(visible).unwrap_or(u16::MAX).saturating_add(2),
    };
    pen.clear(area);
    let count = syntax::ROWS.len();
    let from = from.min(count - visible);
    let position = match visible < count {
        true => format!("{}-{}/{count} ↑↓", from + 1, from + visible),
        false => "F1 or Esc close".to_owned(),
    };
    pen.frame(area, Border::Focused, ["Filter", &position]);
    let inner = area.inner();
    for (y, row) in (inner.y..inner.y + inner.height).zip(&syntax::ROWS[from..]) {
        let span = Span {
            x: inner.x + 1,
            y,
            width: inner.width.saturating_sub(2),
        };
        match row {
            Row::Title(title) => {
                pen.put(span, title, Role::Strong);
            }
            Row::Keys(keys, meaning) => {
                let keys_span = Span {
                    x: span.x + 1,
                    width: span.width.saturating_sub(1).min(KEYS),
                    ..span
                };
                pen.put(keys_span, keys, Role::Plain);
                let before = 1 + KEYS;
                let room = Span {
                    x: span.x + before,
                    width: span.width.saturating_sub(before),
                    ..span
                };
                pen.put(room, meaning, Role::Plain);
            }
        }
    }
}
