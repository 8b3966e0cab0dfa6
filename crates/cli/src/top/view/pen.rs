//! Puts text into cells. Everything a view draws goes through here, so nothing leaves its area.

use ratatui::buffer::Buffer;
use ratatui::style::Modifier;
use ratatui::style::Style;

use super::look::Look;
use super::look::Role;
use crate::text;
use crate::top::columns::Side;
use crate::top::layout::Area;

/// Draws with one look.
#[derive(Debug)]
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    /// Colours and characters.
    pub look: Look,
}

/// The border of a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Border {
    /// Keys act on it.
    Focused,
    /// They do not.
    Plain,
}

/// Some cells of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First cell.
    pub x: u16,
    /// Row.
    pub y: u16,
    /// How many cells.
    pub width: u16,
}

impl<'a> Pen<'a> {
    /// Draws into a buffer that begins at the top left cell of the screen.
    pub fn new(buffer: &'a mut Buffer, look: Look) -> Self {
        Self { buffer, look }
    }

    /// Writes text that netmon made itself, at most as wide as the span. Gives its width.
    pub fn put(&mut self, span: Span, text: &str, role: Role) -> u16 {
        let style = self.look.style(role);
        self.write(span, text, Side::Left, style)
    }

    /// The same on one side of the span.
    pub fn put_on(&mut self, span: Span, side: Side, text: &str, role: Role) {
        let style = self.look.style(role);
        self.write(span, text, side, style);
    }

    /// Adds a modifier to the cells of a span.
    pub fn mark(&mut self, span: Span, modifier: Modifier) {
        for x in span.x..span.x.saturating_add(span.width) {
            if let Some(cell) = self.buffer.cell_mut((x, span.y)) {
                cell.modifier.insert(modifier);
            }
        }
    }

    /// Empties an area.
    pub fn clear(&mut self, area: Area) {
        for y in area.y..area.y.saturating_add(area.height) {
            for x in area.x..area.x.saturating_add(area.width) {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    cell.reset();
                }
            }
        }
    }

    /// Draws a border with a title on the left and one on the right of its upper edge.
    pub fn frame(&mut self, area: Area, border: Border, titles: [&str; 2]) {
        if area.width < 2 || area.height < 2 {
            return;
        }
        let [top, side, corners] = match border {
            Border::Focused => ["━", "┃", "┏┓┗┛"],
            Border::Plain => ["─", "│", "┌┐└┘"],
        };
        let corners: Vec<String> = corners.chars().map(String::from).collect();
        let line = top.repeat(usize::from(area.width) - 2);
        let bottom = area.y + area.height - 1;
        for (y, corners) in [(area.y, &corners[..2]), (bottom, &corners[2..])] {
            let text = format!("{}{line}{}", corners[0], corners[1]);
            self.put(
                Span {
                    x: area.x,
                    y,
                    width: area.width,
                },
                &text,
                Role::Plain,
            );
        }
        for y in area.y + 1..bottom {
            self.put(
                Span {
                    x: area.x,
                    y,
                    width: 1,
                },
                side,
                Role::Plain,
            );
            self.put(
                Span {
                    x: area.x + area.width - 1,
                    y,
                    width: 1,
                },
                side,
                Role::Plain,
            );
        }
        let mut room = Span {
            x: area.x + 2,
            y: area.y,
            width: area.width.saturating_sub(3),
        };
        for (side, title) in [(Side::Right, titles[1]), (Side::Left, titles[0])] {
            if !title.is_empty() && room.width > 2 {
                let text = format!(" {title} ");
                let width = self.write(room, &text, side, self.look.style(Role::Plain));
                room.width = room.width.saturating_sub(width + 1);
            }
        }
    }

    fn write(&mut self, span: Span, content: &str, side: Side, style: Style) -> u16 {
        let content = text::sanitize(content);
        let content = self.look.text(&content);
        let ellipsis = self.look.text("…");
        let clipped = text::clip(&content, usize::from(span.width), &ellipsis);
        let width = u16::try_from(text::width(&clipped)).unwrap_or(span.width);
        let x = match side {
            Side::Left => span.x,
            Side::Right => span.x + span.width.saturating_sub(width),
        };
        let area = self.buffer.area;
        if x < area.right() && span.y < area.bottom() {
            let room = usize::from((area.right() - x).min(span.width));
            self.buffer.set_stringn(x, span.y, &clipped, room, style);
        }
        width
    }
}
