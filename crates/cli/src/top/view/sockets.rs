//! Lists of connections: the view of all of them, and the table in the details.

use ratatui::style::Modifier;

use super::empty;
use super::look::Role;
use super::pen::Border;
use super::pen::Pen;
use super::pen::Span;
use crate::args::shaping::Order;
use crate::output::columns::Align;
use crate::output::connections::block::Line;
use crate::output::value;
use crate::output::value::Style;
use crate::text;
use crate::top::columns::sockets;
use crate::top::columns::sockets::Holder;
use crate::top::columns::sockets::Placed;
use crate::top::columns::Side;
use crate::top::layout::Area;
use crate::top::model::details::Standing;
use crate::top::model::position::Position;
use crate::top::model::settings::Charset;
use crate::top::model::Model;

/// Draws the view of all connections.
pub fn render(model: &Model, area: Area, pen: &mut Pen) {
    let holder = Holder::View;
    let border = match model.on_own_sockets() {
        true => Border::Plain,
        false => Border::Focused,
    };
    let rows = model.socket_rows(holder);
    let (count, all) = model.socket_list(holder).count();
    pen.frame(
        area,
        border,
        [&title(model, all), &counter(model, rows, area)],
    );
    let inner = area.inner();
    match (model.standing(), count) {
        (Standing::Known, 0) => match model.filter() {
            Some(words) => empty::filtered(model, &words.text, all, inner, pen),
            None => empty::put(&none(model), inner, pen),
        },
        (Standing::Known, _) => table(model, holder, inner, pen),
        (standing, _) => empty::put(&why(model, &standing), inner, pen),
    }
}

/// Draws the header of a list and its visible lines into an area without a border.
pub fn table(model: &Model, holder: Holder, area: Area, pen: &mut Pen) {
    let list = model.socket_list(holder);
    let columns = sockets::fit(holder, area.width);
    let focused = model.focused_sockets() == Some(holder);
    for placed in &columns {
        let header = match (placed.column.id, placed.width) {
            ("state", ..6) => "ST",
            _ => placed.column.header,
        };
        let (text, role) = match (placed.column.id == list.sort.column.id, list.sort.order) {
            (false, _) => (header.to_owned(), Role::Plain),
            (true, Order::Ascending) => (format!("{header}▲"), Role::SortHeader),
            (true, Order::Descending) => (format!("{header}▼"), Role::SortHeader),
        };
        let span = Span {
            x: area.x + placed.x,
            y: area.y,
            width: placed.width,
        };
        pen.put_on(span, side(placed), &text, role);
    }
    let Some(tick) = model.sockets_shown() else {
        return;
    };
    let look = model.socket_look(None);
    for (row, y) in (area.y + 1..area.y + area.height).enumerate() {
        let at = list.cursor.offset + row;
        let Some(line) = list.line(at, tick, &look, |id| model.row(id)) else {
            return;
        };
        let span = Span {
            x: area.x,
            y,
            width: area.width,
        };
        put(model, &line, &columns, span, pen);
        if list.cursor.selected == Some(line.connection.key()) {
            pen.put(Span { width: 1, ..span }, ">", Role::Strong);
            if focused {
                pen.mark(span, Modifier::REVERSED);
            }
        }
    }
}

/// Why there are no connections, in lines.
pub fn why(model: &Model, standing: &Standing) -> Vec<String> {
    let shown = model.tick().map(|tick| model.clock_time(tick.time));
    match standing {
        Standing::Known => Vec::new(),
        Standing::Asked if shown.is_none() => {
            vec!["Waiting for the first tick of the agent.".to_owned()]
        }
        Standing::Asked => vec!["Asking the agent for connections.".to_owned()],
        Standing::Impossible { reason } => vec![
            "Connections cannot be told apart here:".to_owned(),
            reason.clone(),
        ],
        Standing::NotKept { since } => {
            let mut lines = vec![format!(
                "The connections of {} are not kept.",
                shown.unwrap_or_default()
            )];
            lines.push(match since {
                Some(since) => format!(
                    "The agent keeps processes only; this viewer has connections since {}.",
                    model.clock_time(*since)
                ),
                None => "The agent keeps processes only, and nobody looked then.".to_owned(),
            });
            lines
        }
    }
}

fn none(model: &Model) -> Vec<String> {
    let mut lines = vec!["No connection is open.".to_owned()];
    if model.settings.scope.loopback == crate::row::Loopback::Exclude {
        lines.push("Loopback traffic is hidden: press o to show it.".to_owned());
    }
    lines
}

fn title(model: &Model, all: usize) -> String {
    let mut title = "3 Connections".to_owned();
    if let (Position::History { .. }, Some(tick)) = (model.position, model.tick()) {
        title.push_str(&format!(" at {}", model.clock_time(tick.time)));
    }
    if model.size.width >= 70 && model.knows_connections() {
        title.push_str(&format!(" · {all} sockets"));
    }
    let stale = model.link.offline().is_some() && model.position == Position::Live;
    match model.newest() {
        Some(newest) if stale => {
            let time = model.clock_time(newest.time);
            title.push_str(&format!(" · STALE, as of {time}"));
        }
        _ => {
            let sort = model.socket_list(Holder::View).sort;
            title.push_str(&format!(" · by {}", sort.title()));
        }
    }
    if model.socket_list(Holder::View).is_frozen() {
        title.push_str(" · ORDER FROZEN");
    }
    if model.filter().is_some() {
        title.push_str(" · FILTER");
    }
    title
}

fn counter(model: &Model, rows: usize, area: Area) -> String {
    let list = model.socket_list(Holder::View);
    let (count, all) = list.count();
    let (first, last) = list.cursor.visible(count, rows);
    match (model.filter().is_some(), area.width) {
        _ if !model.knows_connections() => String::new(),
        (true, _) => format!("{count} of {all}"),
        (false, _) if count == 0 => "0".to_owned(),
        (false, 70..) => format!("{first}-{last} of {count}"),
        (false, _) => format!("{first}-{last}/{count}"),
    }
}

fn put(model: &Model, line: &Line<'_>, columns: &[Placed], row: Span, pen: &mut Pen) {
    let idle = line.connection.counter.tick == crate::row::Bytes::default();
    for placed in columns {
        let role = match placed.column.id {
            _ if idle => Role::Faint,
            "rx" => Role::Rx,
            "tx" => Role::Tx,
            _ => Role::Plain,
        };
        let span = Span {
            x: row.x + placed.x,
            y: row.y,
            width: placed.width,
        };
        pen.put_on(span, side(placed), &cell(model, line, placed), role);
    }
}

fn side(placed: &Placed) -> Side {
    match placed.column.align {
        _ if placed.column.id == "lport" => Side::Left,
        Align::Left => Side::Left,
        Align::Right => Side::Right,
    }
}

fn cell(model: &Model, line: &Line<'_>, placed: &Placed) -> String {
    let style = Style {
        units: model.settings.units,
        time: model.settings.time,
        charset: match model.settings.charset {
            Charset::Unicode => value::Charset::Unicode,
            Charset::Ascii => value::Charset::Ascii,
        },
    };
    let text = (placed.column.value)(line).human(&style);
    match placed.column.id {
        "lport" if !text.is_empty() => format!(":{text}"),
        "state" | "kind" if text::width(&text) > usize::from(placed.width) => short(&text),
        _ => text,
    }
}

// Names of states where there is little room.
fn short(state: &str) -> String {
    match state {
        "SYN-SENT" => "SYN_S",
        "SYN-RECV" => "SYN_R",
        "FIN-WAIT-1" => "FIN_W1",
        "FIN-WAIT-2" => "FIN_W2",
        "TIME-WAIT" => "TIME_W",
        "CLOSE-WAIT" => "CLOSE_W",
        "LAST-ACK" => "LAST_A",
        other => other,
    }
    .to_owned()
}
