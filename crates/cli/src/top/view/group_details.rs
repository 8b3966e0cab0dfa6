//! The details of a group: what it moved, and its processes.

use super::cells;
use super::cells::Whole;
use super::look::Role;
use super::outline;
use super::pen::Border;
use super::pen::Pen;
use super::pen::Span;
use crate::row::Bytes;
use crate::top::columns;
use crate::top::columns::Column;
use crate::top::columns::Placed;
use crate::top::layout::Area;
use crate::top::model::details::Stage;
use crate::top::model::line::Line;
use crate::top::model::outline::Entry;
use crate::top::model::outline::Shape;
use crate::top::model::position::Position;
use crate::top::model::screen::Pane;
use crate::top::model::settings::Numbers;
use crate::top::model::Model;
use crate::units;

/// Draws the details of a group, with the numbers of its processes that belong to it.
pub fn render(model: &Model, (entry, members): (&Entry, Vec<&Line>), area: Area, pen: &mut Pen) {
    let mut title = format!("Group {}", outline::name(model, &entry.key));
    if let (Position::History { .. }, Some(tick)) = (model.position, model.tick()) {
        title.push_str(&format!(" · at {}", model.clock_time(tick.time)));
    }
    let hint = match (model.stage(), area.width) {
        (Stage::Full, _) => "Esc back",
        (_, 80..) => "Enter full screen · d close",
        (Stage::Beside, _) => "d close",
        (Stage::Closed, _) => "Enter full screen",
    };
    let border = match model.stage() {
        Stage::Full => Border::Focused,
        Stage::Closed | Stage::Beside => Border::Plain,
    };
    pen.frame(area, border, [&title, hint]);
    let inner = area.inner();
    let line = &entry.line;
    let facts = [
        ("sum", sum(model, line, members.len()), Role::Plain),
        (
            "RX",
            moved(model, line.rx, line, |totals| totals.rx),
            Role::Rx,
        ),
        (
            "TX",
            moved(model, line.tx, line, |totals| totals.tx),
            Role::Tx,
        ),
        ("proto", parts(line), Role::Plain),
    ];
    let shown = facts.len().min(usize::from(inner.height.saturating_sub(3)));
    for (y, (label, text, role)) in (inner.y..).zip(facts.into_iter().take(shown)) {
        let span = Span {
            x: inner.x + 1,
            y,
            width: inner.width.saturating_sub(2),
        };
        pen.put(span, label, Role::Strong);
        let room = Span {
            x: span.x + 7,
            width: span.width.saturating_sub(7),
            ..span
        };
        pen.put(room, &text, role);
    }
    let used = u16::try_from(shown).unwrap_or(u16::MAX);
    let table = Area {
        y: inner.y + used,
        height: inner.height.saturating_sub(used),
        ..inner
    };
    processes(model, &members, table, pen);
}

fn processes(model: &Model, members: &[&Line], area: Area, pen: &mut Pen) {
    if area.height == 0 {
        return;
    }
    let whole = Whole {
        rate: model.rate_of_all(),
    };
    // Of what a process has in one of several groups there is no past.
    let parts = matches!(model.shape(), Shape::Groups(by) if by.divides());
    let mut columns = columns::fit(Pane::Live, columns::Chosen::default(), area.width);
    columns.retain(|placed| placed.column != Column::Trend || !parts);
    let row = |y: u16, text: &dyn Fn(&Placed) -> String, line: Option<&Line>, pen: &mut Pen| {
        for placed in &columns {
            let span = Span {
                x: area.x + placed.x,
                y,
                width: placed.width,
            };
            let role = line.map_or(Role::Plain, |line| cells::role(line, placed.column));
            pen.put_on(span, placed.column.side(), &text(placed), role);
        }
    };
    let numbers = model.settings.numbers;
    row(
        area.y,
        &|placed| placed.column.header(Pane::Live, numbers).to_owned(),
        None,
        pen,
    );
    let room = usize::from(area.height - 1);
    // The last line says what there was no room for.
    let fits = match members.len() > room {
        true => room.saturating_sub(1),
        false => members.len(),
    };
    for (y, line) in (area.y + 1..).zip(members.iter().take(fits)) {
        let text = |placed: &Placed| match placed.column {
            Column::Trend => cells::trend(model, line, placed.width),
            column => cells::text(model, Pane::Live, line, column, whole),
        };
        row(y, &text, Some(line), pen);
    }
    if fits < members.len() && room > 0 {
        let span = Span {
            x: area.x + 1,
            y: area.y + area.height - 1,
            width: area.width.saturating_sub(2),
        };
        let text = format!(
            "and {} more: e lists them in the group",
            members.len() - fits
        );
        pen.put(span, &text, Role::Faint);
    }
}

fn sum(model: &Model, line: &Line, members: usize) -> String {
    let processes = match members {
        1 => "1 process".to_owned(),
        count => format!("{count} processes"),
    };
    let connections = line
        .connections
        .map_or_else(|| cells::UNKNOWN.to_owned(), |count| count.to_string());
    let share = cells::share(line.rate, model.rate_of_all());
    format!("{processes}    {connections} connections    {share}% of all traffic")
}

fn moved(model: &Model, amount: Option<u64>, line: &Line, pick: fn(Bytes) -> u64) -> String {
    let total = line.total.map(|_| pick(line.totals));
    let text = cells::moved(model, Pane::Live, amount);
    let unit = match model.settings.numbers {
        Numbers::Rates if amount.is_some() => "/s",
        Numbers::Rates | Numbers::Totals => "",
    };
    let text = format!("{text}{unit}");
    format!("{text:>10}  total {}", cells::size(model, total))
}

fn parts(line: &Line) -> String {
    let whole = line.total.filter(|whole| *whole > 0);
    let part = |part: Option<u64>| part.zip(whole);
    let share = |part: u64, whole: u64| units::percent(part, whole);
    let udp = part(line.udp).map(|(udp, whole)| {
        format!(
            "TCP {}%  UDP {}%",
            share(whole.saturating_sub(udp), whole),
            share(udp, whole)
        )
    });
    let v6 = part(line.v6).map(|(v6, whole)| {
        format!(
            "IPv4 {}%  IPv6 {}%",
            share(whole.saturating_sub(v6), whole),
            share(v6, whole)
        )
    });
    match (udp, v6) {
        (None, None) => cells::UNKNOWN.to_owned(),
        (udp, v6) => [udp, v6]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("    "),
    }
}
