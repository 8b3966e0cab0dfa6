//! Draws the model. Reads it, changes nothing.

pub mod agent;
pub mod banner;
pub mod cells;
pub mod chart;
pub mod details;
pub mod empty;
pub mod footer;
pub mod group_details;
pub mod header;
pub mod help;
pub mod list;
pub mod look;
pub mod outline;
pub mod pen;
pub mod popup;
pub mod prompt;
pub mod sockets;
pub mod syntax;

use ratatui::Frame;

use self::look::Look;
use self::look::Role;
use self::pen::Pen;
use self::pen::Span;
use super::layout;
use super::layout::Size;
use super::model::screen::Popup;
use super::model::screen::Screen;
use super::model::Model;

/// Draws one frame. The model is laid out for its own size; a frame of another size shows what
/// fits.
pub fn render(model: &Model, frame: &mut Frame) {
    let look = Look {
        theme: model.settings.theme,
        palette: model.settings.palette,
        charset: model.settings.charset,
    };
    let mut pen = Pen::new(frame.buffer_mut(), look);
    if layout::too_small(model.size) {
        too_small(model.size, &mut pen);
        return;
    }
    let plan = model.plan();
    if let Some(charts) = plan.charts {
        chart::render(model, charts, &mut pen);
    }
    for panel in &plan.panels {
        list::render(model, *panel, &mut pen);
    }
    if let Some(area) = plan.sockets {
        sockets::render(model, area, &mut pen);
    }
    if let Some(area) = plan.details {
        details::render(model, area, &mut pen);
    }
    if model.screen == Screen::Agent {
        agent::render(model, plan.body, &mut pen);
    }
    header::render(model, &mut pen);
    footer::render(model, &mut pen);
    banner::render(model, &mut pen);
    match model.popup {
        Popup::None | Popup::Copy => {}
        Popup::Prompt(purpose) => prompt::render(model, purpose, &mut pen),
        Popup::Syntax { from } => syntax::render(model, from, &mut pen),
        Popup::Help { from } => help::render(model, from, &mut pen),
        Popup::ColumnMenu { choice } => popup::column_menu(model, choice, &mut pen),
        Popup::GroupMenu { choice } => popup::group_menu(model, choice, &mut pen),
        Popup::SortMenu { choice } => popup::sort_menu(model, choice, &mut pen),
        Popup::Messages { from } => popup::messages(model, from, &mut pen),
    }
}

fn too_small(size: Size, pen: &mut Pen) {
    let lines = [
        format!(
            "netmon needs {}x{}, this is {}x{}.",
            layout::MIN_WIDTH,
            layout::MIN_HEIGHT,
            size.width,
            size.height
        ),
        "Make the window larger.".to_owned(),
        "Data is still being recorded.".to_owned(),
        "q quit".to_owned(),
    ];
    let top = size.height.saturating_sub(4) / 2;
    for (y, line) in (top..size.height).zip(&lines) {
        centre(
            pen,
            Span {
                x: 0,
                y,
                width: size.width,
            },
            line,
            Role::Plain,
        );
    }
}

/// Writes a text in the middle of a span.
pub fn centre(pen: &mut Pen, span: Span, text: &str, role: Role) {
    let text = crate::text::sanitize(text);
    let width = u16::try_from(crate::text::width(&text)).unwrap_or(u16::MAX);
    let left = span.width.saturating_sub(width) / 2;
    pen.put(
        Span {
            x: span.x + left,
            width: span.width - left,
            ..span
        },
        &text,
        role,
    );
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
