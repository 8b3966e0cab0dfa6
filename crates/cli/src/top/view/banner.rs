//! One line under the header: what has just happened, or what keeps being wrong.

use super::look::Role;
use super::pen::Pen;
use super::pen::Span;
use crate::top::model::tick::Quality;
use crate::top::model::Model;

/// Draws the banner over the row under the header, if there is one.
pub fn render(model: &Model, pen: &mut Pen) {
    let Some((text, role)) = text(model) else {
        return;
    };
    let row = Span {
        x: 0,
        y: 1,
        width: model.size.width,
    };
    let blank = " ".repeat(usize::from(row.width));
    pen.put(row, &blank, Role::Plain);
    pen.put(Span { x: 1, ..row }, &text, role);
}

fn text(model: &Model) -> Option<(String, Role)> {
    if let Some(offline) = model.link.offline() {
        let reason = offline.reason();
        let next = match offline.retry_at {
            Some(at) => {
                let left = at
                    .saturating_sub(model.clock.running)
                    .as_millis()
                    .div_ceil(1000);
                format!("Retry {} in {left}s.  R retry now  q quit", offline.attempt)
            }
            None => "R retry  q quit".to_owned(),
        };
        return Some((format!("! {reason}. {next}"), Role::Alarm));
    }
    if let Some(text) = model.notices.banner() {
        return Some((text.to_owned(), Role::Mode));
    }
    let bound = model
        .tick()
        .is_some_and(|tick| tick.quality == Quality::LowerBound);
    bound.then(|| {
        (
            "the agent lost events: numbers are lower bounds".to_owned(),
            Role::Mode,
        )
    })
}
