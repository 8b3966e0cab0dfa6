//! Running processes as groups, or as a tree.

use ratatui::style::Modifier;

use super::cells;
use super::cells::Whole;
use super::empty;
use super::list;
use super::look::Role;
use super::pen::Border;
use super::pen::Pen;
use super::pen::Span;
use super::sockets;
use crate::args::query::GroupChoice;
use crate::text;
use crate::top::columns;
use crate::top::columns::grouped;
use crate::top::columns::Column;
use crate::top::columns::Placed;
use crate::top::layout;
use crate::top::layout::Area;
use crate::top::model::details::Standing;
use crate::top::model::outline::Entry;
use crate::top::model::outline::Key;
use crate::top::model::outline::Kind;
use crate::top::model::outline::Shape;
use crate::top::model::screen::Pane;
use crate::top::model::Model;

/// Draws the groups or the tree with their border.
pub fn render(model: &Model, area: Area, pen: &mut Pen) {
    let pane = Pane::Live;
    let border = match model.list_has_keys(pane) {
        true => Border::Focused,
        false => Border::Plain,
    };
    let (rows, pinned) = layout::list_rows(area, model.pinned(pane));
    let title = list::title(model, pane, area, border);
    pen.frame(area, border, [&title, &counter(model, rows, area, &title)]);
    let inner = area.inner();
    let standing = model.standing();
    if model.groups_by_connections() && standing != Standing::Known {
        let mut lines = sockets::why(model, &standing);
        lines.push("b p shows processes without groups.".to_owned());
        empty::put(&lines, inner, pen);
        return;
    }
    if model.entries().is_empty() {
        empty::render(model, pane, inner, pen);
        return;
    }
    let columns = columns(model, inner.width);
    list::headers(model, pane, area, &columns, pen);
    let whole = Whole {
        rate: model.rate_of_all(),
    };
    let shown = model.entries().iter().skip(model.outline_offset());
    for (row, entry) in (0..u16::try_from(rows).unwrap_or(u16::MAX)).zip(shown) {
        let span = Span {
            x: inner.x,
            y: inner.y + 1 + row,
            width: inner.width,
        };
        put(model, (entry, whole), &columns, span, pen);
    }
    list::sums(model, pane, &columns, area, pinned, pen);
}

/// The columns of the present arrangement.
pub fn columns(model: &Model, inner_width: u16) -> Vec<Placed> {
    match model.shape() {
        Shape::Groups(_) => grouped::fit(inner_width),
        Shape::Flat | Shape::Tree => {
            columns::fit(Pane::Live, model.chosen(Pane::Live), inner_width)
        }
    }
}

fn put(
    model: &Model,
    (entry, whole): (&Entry, Whole),
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
        let text = cell(model, entry, whole, placed);
        let role = match (placed.column, &entry.kind) {
            (Column::State, _) => Role::Plain,
            _ => cells::role(&entry.line, placed.column),
        };
        pen.put_on(span, placed.column.side(), &text, role);
    }
    if model.selected_entry() == Some(&entry.key) {
        pen.put(Span { width: 1, ..row }, ">", Role::Strong);
        pen.mark(row, Modifier::REVERSED);
    }
}

fn cell(model: &Model, entry: &Entry, whole: Whole, placed: &Placed) -> String {
    let plain = |column| cells::text(model, Pane::Live, &entry.line, column, whole);
    match (placed.column, &entry.kind) {
        (Column::State, Kind::Group { open, .. }) => turned(*open).to_owned(),
        (Column::State, Kind::Member { .. }) if model.shape() == Shape::Tree => {
            plain(Column::State)
        }
        (Column::State, _) => String::new(),
        (Column::Name, Kind::Group { .. }) => name(model, &entry.key),
        (Column::Name, Kind::Idle { count, open }) => {
            let branch = if *open { "├" } else { "└" };
            format!("{branch} {count} idle")
        }
        (Column::Name, Kind::Member { branch, open }) => {
            let mark = match open {
                None => "",
                Some(open) => turned(*open),
            };
            let gap = if mark.is_empty() { "" } else { " " };
            format!("{branch}{mark}{gap}{}", member(model, entry, &plain))
        }
        (Column::Processes, Kind::Group { processes, .. }) => processes.to_string(),
        (Column::Processes, _) => String::new(),
        (Column::Trend, Kind::Member { .. }) => cells::trend(model, &entry.line, placed.width),
        (column, _) => plain(column),
    }
}

fn member(model: &Model, entry: &Entry, plain: &dyn Fn(Column) -> String) -> String {
    if model.shape() == Shape::Tree {
        return plain(Column::Name);
    }
    let id = entry.line.id;
    let command = model
        .row(id)
        .map(|row| cells::command_line(&row.facts))
        .unwrap_or_default();
    // In a narrow column directories would be all that there is to read.
    let program = command.split(' ').next().unwrap_or_default();
    let directories = program.rfind('/').map_or(0, |at| at + 1);
    format!("{} {}", id.pid, &command[directories..])
}

fn turned(open: bool) -> &'static str {
    match open {
        true => "▾",
        false => "▸",
    }
}

/// What a group is called. Not sanitised.
pub fn name(model: &Model, key: &Key) -> String {
    let Shape::Groups(by) = model.shape() else {
        return String::new();
    };
    let name = match key {
        Key::Group(name) | Key::Member(_, name) | Key::Idle(name) => name.as_deref(),
    };
    match (by, name) {
        (GroupChoice::Container, Some(id)) => container(model, id),
        (_, Some(name)) => name.to_owned(),
        (GroupChoice::Unit, None) => "(no unit)".to_owned(),
        (GroupChoice::Cgroup, None) => "(no cgroup)".to_owned(),
        (GroupChoice::Container, None) => "(no container)".to_owned(),
        (_, None) => "(not known)".to_owned(),
    }
}

// Groups are made by ids, since names come later; people know the names.
fn container(model: &Model, id: &str) -> String {
    let short: String = id.chars().take(12).collect();
    let name = model
        .list(Pane::Live)
        .lines()
        .iter()
        .filter_map(|line| model.row(line.id)?.facts.container.as_ref())
        .find(|container| container.id == id)
        .and_then(|container| container.name.clone());
    match name {
        Some(name) => format!("{name} ({short})"),
        None => short,
    }
}

/// How much there is, in words.
pub fn counted(model: &Model) -> String {
    match (model.shape(), model.groups(), model.entries().len()) {
        (Shape::Groups(_), 1, _) => "1 group".to_owned(),
        (Shape::Groups(_), groups, _) => format!("{groups} groups"),
        (_, _, 1) => "1 process".to_owned(),
        (_, _, count) => format!("{count} processes"),
    }
}

fn counter(model: &Model, rows: usize, area: Area, title: &str) -> String {
    let count = model.entries().len();
    let first = model.outline_offset();
    let last = (first + rows).min(count);
    let what = counted(model);
    let text = match count > rows {
        true => format!("{}-{last}/{count} · {what}", (first + 1).min(last)),
        false => what,
    };
    // Corners, blanks and a bit of the line; what the title says of the numbers matters more.
    let room = usize::from(area.width).saturating_sub(text::width(title) + 8);
    match text::width(&text) <= room {
        true => text,
        false => format!("{}-{last}/{count}", (first + 1).min(last)),
    }
}
