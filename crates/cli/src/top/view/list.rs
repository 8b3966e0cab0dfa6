//! A list of processes: its header, its visible rows, its sums.

use ratatui::style::Modifier;

use super::cells;
use super::cells::Whole;
use super::empty;
use super::look::Role;
use super::outline;
use super::pen::Border;
use super::pen::Pen;
use super::pen::Span;
use crate::top::columns;
use crate::top::columns::Column;
use crate::top::columns::Placed;
use crate::top::layout;
use crate::top::layout::Area;
use crate::top::layout::Panel;
use crate::top::model::line::Activity;
use crate::top::model::line::Line;
use crate::top::model::list::Entry;
use crate::top::model::list::Hold;
use crate::top::model::outline::Shape;
use crate::top::model::position::Position;
use crate::top::model::screen::Pane;
use crate::top::model::screen::Screen;
use crate::top::model::settings::Idle;
use crate::top::model::settings::Mix;
use crate::top::model::settings::Numbers;
use crate::top::model::sort::Direction;
use crate::top::model::Coverage;
use crate::top::model::Model;

/// Draws a list with its border.
pub fn render(model: &Model, panel: Panel, pen: &mut Pen) {
    let Panel { pane, area } = panel;
    if pane == Pane::Live && model.shape() != Shape::Flat {
        outline::render(model, area, pen);
        return;
    }
    let focused = model.list_has_keys(pane);
    let border = if focused {
        Border::Focused
    } else {
        Border::Plain
    };
    let (rows, pinned) = layout::list_rows(area, model.pinned(pane));
    let title = title(model, pane, area, border);
    pen.frame(area, border, [&title, &counter(model, pane, area, rows)]);
    if model.list(pane).is_empty() {
        empty::render(model, pane, area.inner(), pen);
        return;
    }
    let columns = columns::fit(pane, model.chosen(pane), area.inner().width);
    headers(model, pane, area, &columns, pen);
    let whole = Whole {
        rate: model.rate_of_all(),
    };
    let inner = area.inner();
    for row in 0..u16::try_from(rows).unwrap_or(u16::MAX) {
        let span = Span {
            x: inner.x,
            y: inner.y + 1 + row,
            width: inner.width,
        };
        match model
            .list(pane)
            .entry(model.list(pane).offset + usize::from(row))
        {
            Some(Entry::Process(line)) => process(model, pane, (line, whole), &columns, span, pen),
            Some(Entry::NewMark) => {
                let rule = format!("── new {}", "─".repeat(usize::from(span.width)));
                let room = Span {
                    x: span.x + 1,
                    width: span.width.saturating_sub(2),
                    ..span
                };
                let cut: String = rule.chars().take(usize::from(room.width)).collect();
                pen.put(room, &cut, Role::Faint);
            }
            None => {}
        }
    }
    sums(model, pane, &columns, area, pinned, pen);
}

/// The title of a list.
pub fn title(model: &Model, pane: Pane, area: Area, border: Border) -> String {
    let screen = Screen::List(pane);
    let mut title = match border {
        Border::Focused => format!("{} {}", screen.digit(), screen.name()),
        Border::Plain => screen.name().to_owned(),
    };
    if let (Position::History { .. }, Some(tick)) = (model.position, model.tick()) {
        title.push_str(&format!(" at {}", model.clock_time(tick.time)));
    }
    match pane {
        Pane::Live if model.shape() != Shape::Flat => {
            title.push_str(&format!(" · {}", model.arrangement().unwrap_or_default()));
        }
        Pane::Live if area.width >= 95 && model.position == Position::Live => {
            title.push_str(&format!(" · {}", counted(running(model))));
        }
        Pane::Live => {}
        Pane::Exited => title.push_str(&format!(" · {}", model.settings.window.title())),
    }
    let stale = model.link.offline().is_some() && model.position == Position::Live;
    match model.newest() {
        Some(newest) if stale => {
            title.push_str(&format!(
                " · STALE, as of {}",
                model.clock_time(newest.time)
            ));
        }
        _ => title.push_str(&format!(" · by {}", model.list(pane).sort.key.title())),
    }
    if model.coverage() == Coverage::Selected || model.filter().is_some() {
        title.push_str(" · FILTER");
    }
    if pane == Pane::Live && model.settings.idle == Idle::Hidden {
        title.push_str(" · IDLE HIDDEN");
    }
    if pane == Pane::Live && model.settings.mix == Mix::Together {
        title.push_str(" · WITH EXITED");
    }
    if model.list(pane).hold == Hold::Middle {
        title.push_str(" · FOLLOW");
    }
    if model.frozen(pane) {
        title.push_str(" · ORDER FROZEN");
    }
    title
}

fn counter(model: &Model, pane: Pane, area: Area, rows: usize) -> String {
    let list = model.list(pane);
    let count = list.lines().len();
    let (first, last) = list.visible(rows);
    if model.filter().is_some() {
        let all = model.unfiltered(pane);
        return match last + 1 - first.min(last) < count {
            true if area.width >= 70 => format!("{first}-{last} of {count} · {count} of {all}"),
            _ => format!("{count} of {all}"),
        };
    }
    if count == 0 {
        return "0".to_owned();
    }
    match area.width {
        70.. => format!("{first}-{last} of {count}"),
        _ if last - first + 1 == count => count.to_string(),
        _ => format!("{first}-{last}/{count}"),
    }
}

/// Draws the header of a list.
pub fn headers(model: &Model, pane: Pane, area: Area, columns: &[Placed], pen: &mut Pen) {
    let sort = model.list(pane).sort;
    let inner = area.inner();
    for placed in columns {
        let header = match (placed.column, model.shape()) {
            (Column::Name, Shape::Groups(by)) if pane == Pane::Live => by.name().to_uppercase(),
            (column, _) => column.header(pane, model.settings.numbers).to_owned(),
        };
        let sorted = placed.column.sort_key(pane) == Some(sort.key);
        let (text, role) = match (sorted, sort.direction) {
            (false, _) => (header, Role::Plain),
            (true, Direction::Ascending) => (format!("{header}▲"), Role::SortHeader),
            (true, Direction::Descending) => (format!("{header}▼"), Role::SortHeader),
        };
        let span = Span {
            x: inner.x + placed.x,
            y: inner.y,
            width: placed.width,
        };
        pen.put_on(span, placed.column.side(), &text, role);
    }
}

fn process(
    model: &Model,
    pane: Pane,
    (line, whole): (&Line, Whole),
    columns: &[Placed],
    row: Span,
    pen: &mut Pen,
) {
    for placed in columns {
        let span = Span {
            x: row.x + placed.x,
            y: row.y,
            width: placed.width,
        };
        let text = match placed.column {
            Column::Trend => cells::trend(model, line, placed.width),
            column => cells::text(model, pane, line, column, whole),
        };
        pen.put_on(
            span,
            placed.column.side(),
            &text,
            cells::role(line, placed.column),
        );
    }
    if model.list(pane).selected == Some(line.id) {
        pen.put(Span { width: 1, ..row }, ">", Role::Strong);
        pen.mark(row, Modifier::REVERSED);
    }
}

/// Draws the pinned rows at the end of a list.
pub fn sums(
    model: &Model,
    pane: Pane,
    columns: &[Placed],
    area: Area,
    pinned: usize,
    pen: &mut Pen,
) {
    let inner = area.inner();
    let last = inner.y + inner.height.saturating_sub(1);
    let grouped = pane == Pane::Live && matches!(model.shape(), Shape::Groups(_));
    let wide = columns.iter().any(|placed| placed.column == Column::Pid);
    let mut draw = |up: u16, text: &dyn Fn(Column) -> String| {
        for placed in columns {
            let span = Span {
                x: inner.x + placed.x,
                y: last - up,
                width: placed.width,
            };
            pen.put_on(
                span,
                placed.column.side(),
                &text(placed.column),
                Role::Strong,
            );
        }
    };
    if pinned > 0 {
        let total = total(model, pane);
        let share = match model.filter() {
            Some(_) => cells::share(total.rate, model.rate_of_all()),
            None => "100".to_owned(),
        };
        draw(0, &|column| match column {
            Column::Pid => "TOTAL".to_owned(),
            Column::Name if grouped => {
                format!("TOTAL {}", outline::counted(model))
            }
            Column::Processes => running(model).to_string(),
            Column::Name if !wide => "TOTAL".to_owned(),
            Column::Name => processes(model),
            Column::Share => share.clone(),
            Column::Connections | Column::Rx | Column::Tx | Column::Total => {
                cells::text(model, pane, &total, column, Whole::default())
            }
            _ => String::new(),
        });
    }
    if let (true, Some((bytes, rate))) = (pinned > 1, model.unattributed()) {
        let moved = |direction: fn(u64, u64) -> u64| match model.settings.numbers {
            Numbers::Rates => rate.map(|rate| direction(rate.rx, rate.tx)),
            Numbers::Totals => bytes.map(|bytes| direction(bytes.rx, bytes.tx)),
        };
        draw(1, &|column| match column {
            Column::Name => "(unattributed)".to_owned(),
            Column::Rx => cells::moved(model, pane, moved(|rx, _| rx)),
            Column::Tx => cells::moved(model, pane, moved(|_, tx| tx)),
            Column::Total => cells::size(model, bytes.map(|bytes| bytes.sum())),
            _ => String::new(),
        });
    }
}

// The sum of all rows and of what belongs to none.
fn total(model: &Model, pane: Pane) -> Line {
    let lines = model.list(pane).lines();
    let add = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
    let sum = |get: fn(&Line) -> Option<u64>| lines.iter().map(get).fold(Some(0), add);
    let mut total = Line {
        id: crate::row::ProcessId {
            pid: 0,
            start_ns: 0,
        },
        activity: Activity::Active,
        rx: sum(|line| line.rx),
        tx: sum(|line| line.tx),
        rate: sum(|line| line.rate),
        connections: lines
            .iter()
            .filter(|line| line.activity != Activity::Exited)
            .map(|line| line.connections)
            .try_fold(0_u32, |sum, count| Some(sum.saturating_add(count?))),
        total: sum(|line| line.total),
        peak: None,
        totals: crate::row::Bytes::default(),
        udp: None,
        v6: None,
        age_ms: None,
        average: None,
    };
    if let Some((bytes, rate)) = model.unattributed() {
        let moved = match model.settings.numbers {
            Numbers::Rates => rate.map(|rate| (rate.rx, rate.tx)),
            Numbers::Totals => bytes.map(|bytes| (bytes.rx, bytes.tx)),
        };
        total.rx = add(total.rx, moved.map(|(rx, _)| rx));
        total.tx = add(total.tx, moved.map(|(_, tx)| tx));
        total.total = add(total.total, bytes.map(|bytes| bytes.sum()));
    }
    total
}

fn running(model: &Model) -> usize {
    let lines = model.list(Pane::Live).lines();
    lines
        .iter()
        .filter(|line| line.activity != Activity::Exited)
        .count()
}

fn counted(processes: usize) -> String {
    match processes {
        1 => "1 process".to_owned(),
        count => format!("{count} processes"),
    }
}

fn processes(model: &Model) -> String {
    let all = model.processes().unwrap_or(0);
    let shown = running(model);
    let narrow = model.coverage() == Coverage::Selected
        || model.filter().is_some()
        || model.settings.idle == Idle::Hidden;
    if narrow && shown < all {
        format!("{shown} of {all}")
    } else {
        counted(shown)
    }
}
