//! The prompt in the last row: what was typed, and on its right what comes of it.

use super::look::Role;
use super::pen::Pen;
use super::pen::Span;
use crate::text;
use crate::top::columns::Side;
use crate::top::model::prompt::Prompt;
use crate::top::model::prompt::Purpose;
use crate::top::model::Model;

/// Draws the prompt over the footer.
pub fn render(model: &Model, purpose: Purpose, pen: &mut Pen) {
    let (lead, right) = match purpose {
        Purpose::Filter => {
            let (shown, all) = model.filter_count();
            let hints = format!("{shown} of {all} · ↵ keep · Esc cancel · F1 syntax");
            ("/ ", hints)
        }
        Purpose::File => {
            let hints = ".json for JSON · ↵ write · Esc cancel".to_owned();
            ("write rows to ", hints)
        }
        Purpose::Moment => {
            let hints = "-5m  17:41  yesterday 03:12  boot · ↵ go · Esc cancel".to_owned();
            ("go to ", hints)
        }
    };
    line(model, lead, &model.prompt, &right, pen);
}

/// One line: `lead`, what was typed with its cursor, and `right`, or what is wrong instead of it.
pub fn line(model: &Model, lead: &str, prompt: &Prompt, right: &str, pen: &mut Pen) {
    let row = Span {
        x: 0,
        y: model.size.height.saturating_sub(1),
        width: model.size.width,
    };
    pen.put(row, &" ".repeat(usize::from(row.width)), Role::Bar);
    let (right, role) = match &prompt.problem {
        Some(problem) => (problem.as_str(), Role::Alarm),
        None => (right, Role::Bar),
    };
    let right = text::sanitize(right);
    let right = pen.look.text(&right).into_owned();
    let inner = row.width.saturating_sub(2);
    // What is wrong needs its room more than what was typed; hints take only what typing leaves.
    let typed = typed(lead, prompt);
    let wanted = u16::try_from(text::width(&typed)).unwrap_or(u16::MAX);
    let least = (inner / 2).min(16);
    let wide = u16::try_from(text::width(&right)).unwrap_or(u16::MAX);
    let left = match prompt.problem {
        Some(_) => inner.saturating_sub(wide.saturating_add(2)).max(least),
        None if wanted.saturating_add(wide).saturating_add(2) <= inner => wanted,
        None => inner,
    };
    if left < inner {
        let room = Span {
            x: row.x + 1 + left + 1,
            width: inner - left - 1,
            ..row
        };
        pen.put_on(room, Side::Right, &right, role);
        pen.mark(room, ratatui::style::Modifier::REVERSED);
    }
    let span = Span {
        x: 1,
        width: left,
        ..row
    };
    pen.put(span, &visible(&typed, lead, prompt, left), Role::Bar);
}

fn typed(lead: &str, prompt: &Prompt) -> String {
    let (before, behind) = prompt.input.parts();
    let (before, behind) = (text::sanitize(before), text::sanitize(behind));
    format!("{lead}{before}▏{behind}")
}

// The part around the cursor, when there is no room for all of it.
fn visible(typed: &str, lead: &str, prompt: &Prompt, room: u16) -> String {
    let room = usize::from(room);
    if text::width(typed) <= room {
        return typed.to_owned();
    }
    let (before, _) = prompt.input.parts();
    let mut kept: Vec<char> = Vec::new();
    let mut used = text::width(lead) + 2;
    for c in text::sanitize(before).chars().rev() {
        let width = text::width(c.encode_utf8(&mut [0; 4]));
        if used + width > room {
            break;
        }
        used += width;
        kept.push(c);
    }
    let whole = kept.len() == text::sanitize(before).chars().count();
    let kept: String = kept.into_iter().rev().collect();
    match whole {
        true => typed.to_owned(),
        false => format!("{lead}…{kept}▏"),
    }
}
