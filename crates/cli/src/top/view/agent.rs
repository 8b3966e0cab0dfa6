//! The agent view: its report, from the line the user has scrolled to.

use super::look::Role;
use super::pen::Border;
use super::pen::Pen;
use super::pen::Span;
use crate::top::layout::Area;
use crate::top::model::report;
use crate::top::model::report::Weight;
use crate::top::model::report::LABEL;
use crate::top::model::Model;
use crate::units::span;

/// Draws the agent view.
pub fn render(model: &Model, area: Area, pen: &mut Pen) {
    let inner = area.inner();
    let visible = usize::from(inner.height);
    let lines = report::lines(model, area);
    let from = model.report_from.min(lines.len().saturating_sub(visible));
    let title = match lines.len() > visible {
        true => format!("{}-{}/{} ↑↓", from + 1, from + visible, lines.len()),
        false => standing(model),
    };
    pen.frame(area, Border::Focused, ["4 Agent", &title]);
    // A blank line at the top is a luxury.
    let first = inner.y + u16::from(lines.len() < visible);
    for (y, line) in (first..inner.y + inner.height).zip(&lines[from..]) {
        let row = Span {
            x: inner.x + 1,
            y,
            width: inner.width.saturating_sub(2),
        };
        pen.put(row, line.label, Role::Strong);
        let role = match line.weight {
            Weight::Plain => Role::Plain,
            Weight::Warning => Role::Mode,
            Weight::Alarm => Role::Alarm,
        };
        let width = row.width.saturating_sub(LABEL);
        pen.put(
            Span {
                x: row.x + LABEL,
                width,
                ..row
            },
            &line.text,
            role,
        );
    }
}

fn standing(model: &Model) -> String {
    let viewers = match model.agent.load.viewers {
        1 => "1 viewer".to_owned(),
        count => format!("{count} viewers"),
    };
    match model.agent.uptime() {
        Some(up) => format!("up {} · {viewers}", span::format(up)),
        None => viewers,
    }
}
