//! What an empty list says instead of nothing.

use super::look::Role;
use super::pen::Pen;
use super::pen::Span;
use crate::row::Loopback;
use crate::text;
use crate::top::layout::Area;
use crate::top::model::screen::Pane;
use crate::top::model::settings::Idle;
use crate::top::model::settings::Window;
use crate::top::model::Coverage;
use crate::top::model::Model;
use crate::units::span;

/// Draws the reason into the middle of a list.
pub fn render(model: &Model, pane: Pane, inner: Area, pen: &mut Pen) {
    if let (Some(words), Some(_)) = (model.filter(), model.tick()) {
        filtered(model, &words.text, model.unfiltered(pane), inner, pen);
        return;
    }
    let lines = match pane {
        Pane::Live => live(model),
        Pane::Exited => exited(model),
    };
    put(&lines, inner, pen);
}

/// Draws that a filter has left nothing of `hidden` rows.
pub fn filtered(model: &Model, words: &str, hidden: usize, inner: Area, pen: &mut Pen) {
    let what = format!("No rows match: {words}  ({hidden} hidden).");
    let hint = match model.types_filter() {
        true => "Press Esc to leave the filter as it was.",
        false => "Press Esc to clear the filter.",
    };
    let mut lines = match text::width(&what) + text::width(hint) + 3 <= usize::from(inner.width) {
        true => vec![format!("{what} {hint}")],
        false => vec![what, hint.to_owned()],
    };
    let about_connections = model
        .filter()
        .is_some_and(|words| words.filter.uses_connections());
    if about_connections && !model.knows_connections() {
        lines.push("The connections of this moment are not known.".to_owned());
    }
    put(&lines, inner, pen);
}

/// Draws lines into the middle of a list.
pub fn put(lines: &[String], inner: Area, pen: &mut Pen) {
    let height = u16::try_from(lines.len()).unwrap_or(inner.height);
    let top = inner.y + inner.height.saturating_sub(height) / 2;
    for (y, line) in (top..inner.y + inner.height).zip(lines) {
        super::centre(
            pen,
            Span {
                x: inner.x,
                y,
                width: inner.width,
            },
            line,
            Role::Plain,
        );
    }
}

fn live(model: &Model) -> Vec<String> {
    if model.tick().is_none() {
        return vec!["Waiting for the first tick of the agent.".to_owned()];
    }
    if model.coverage() == Coverage::Selected {
        return vec![format!(
            "No process matches the selection ({} running).",
            model.processes().unwrap_or(0)
        )];
    }
    if model.settings.idle == Idle::Hidden && model.processes() != Some(0) {
        return vec![
            "No process has traffic now.".to_owned(),
            "Idle processes are hidden: press i to show them.".to_owned(),
        ];
    }
    let mut lines = vec!["No network traffic seen yet.".to_owned(), String::new()];
    let agent = &model.agent;
    let kept = agent.counting_since < agent.started;
    match (agent.uptime(), agent.counting_for()) {
        (_, Some(counting)) if kept => {
            lines.push(format!("Counting began {} ago.", span::format(counting)));
        }
        (Some(up), _) => lines.push(format!(
            "The agent started {} ago and counts from that moment.",
            span::format(up)
        )),
        _ => {}
    }
    if model.settings.scope.loopback == Loopback::Exclude {
        lines.push("Loopback traffic is hidden: press o to show it.".to_owned());
    }
    lines.push("Try:  curl -sO https://example.org/  in another terminal.".to_owned());
    lines
}

fn exited(model: &Model) -> Vec<String> {
    let mut lines = match model.settings.window {
        Window::All => vec!["No process with traffic has ended.".to_owned()],
        window => {
            vec![format!(
                "No process with traffic has ended in the {}.",
                window.title()
            )]
        }
    };
    if model.settings.window != Window::All {
        lines.push("Press w for a longer time.".to_owned());
    }
    lines
}
