//! What leaves the viewer: fields copied to the clipboard, and the shown rows as a file.

use std::collections::HashMap;

use super::list::Entry;
use super::moment::Lens;
use super::moment::Moment;
use super::screen::Pane;
use super::screen::Popup;
use super::screen::Screen;
use super::socket_list::SocketKey;
use super::Change;
use super::Model;
use crate::args::shaping::Order;
use crate::filter::States;
use crate::output::block::Block;
use crate::output::block::Idle;
use crate::output::block::Reach;
use crate::output::block::Sort;
use crate::output::block::View;
use crate::output::columns;
use crate::output::csv;
use crate::output::json;
use crate::output::numbers::Known;
use crate::output::record::Shape;
use crate::output::Aggregate;
use crate::output::CommandLines;
use crate::output::Header;
use crate::output::Printer as _;
use crate::row::connection::Connection;
use crate::row::ProcessId;
use crate::row::Sample;
use crate::text::sanitize;
use crate::units::time::TimeFormat;

/// Something that leaves the viewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// To the clipboard of the terminal.
    Copy(String),
    /// Into a new file.
    File {
        /// Its path, as typed.
        path: String,
        /// What is in it.
        text: String,
        /// Rows in it.
        rows: usize,
    },
}

/// What `y` copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Process id.
    Pid,
    /// Command line.
    CommandLine,
    /// Remote address of the busiest connection.
    Remote,
    /// The row, with tabs between its fields.
    Row,
    /// The row as JSON.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Csv,
    Json,
}

impl Model {
    /// What has to be written or copied now; `None`: nothing.
    pub fn take_outgoing(&mut self) -> Option<Outgoing> {
        self.outgoing.take()
    }

    /// Copies a field of the selected row, or of the first one.
    pub(super) fn copy(&mut self, field: Field) -> Change {
        self.popup = Popup::None;
        let pane = self.screen.pane().unwrap_or(Pane::Live);
        let list = self.list(pane);
        let first = list.lines().first().map(|line| line.id);
        let id = match self.screen {
            Screen::Connections => self.socket().map(|(_, process)| process),
            _ => list.selected.or(first),
        };
        let Some(id) = id else {
            self.tell("nothing to copy".to_owned());
            return Change::Paint;
        };
        let text = match field {
            Field::Pid => Some(id.pid.to_string()),
            Field::CommandLine => self.row(id).map(|row| match row.facts.args.as_slice() {
                [] => sanitize(&row.facts.name).into_owned(),
                args => sanitize(&args.join(" ")).into_owned(),
            }),
            Field::Remote => self.busiest_remote(id),
            Field::Row => self.fields(pane, id),
            Field::Json => self
                .export(pane, Form::Json, Some(id))
                .map(|(text, _)| text),
        };
        match text {
            Some(text) => {
                let text = text.trim_end_matches('\n').to_owned();
                let shown: String = text.chars().take(60).collect();
                let more = if shown.len() < text.len() { "…" } else { "" };
                self.tell(format!("copied {}{more}", shown.replace('\t', " ")));
                self.outgoing = Some(Outgoing::Copy(text));
            }
            None => self.tell("nothing to copy: not known for this row".to_owned()),
        }
        Change::Paint
    }

    /// The name that is suggested for a file.
    pub(super) fn file_name(&self) -> String {
        let time = self.tick().map_or(self.clock.wall, |tick| tick.time);
        let local = match self.settings.time {
            TimeFormat::Local => TimeFormat::Local,
            TimeFormat::Utc | TimeFormat::Iso | TimeFormat::Unix => TimeFormat::Utc,
        };
        let time = local.date_time(time).replace(['-', ':'], "");
        format!("netmon-{}.csv", time.replace(' ', "-"))
    }

    /// Writes the shown rows to the file that was typed.
    pub(super) fn keep_file(&mut self) -> Change {
        let path = self.prompt.input.text().trim().to_owned();
        if path.is_empty() {
            self.popup = Popup::None;
            return Change::Paint;
        }
        let Some(pane) = self.screen.pane() else {
            let other = "for connections: netmon connections -f csv";
            self.prompt.problem = Some(other.to_owned());
            return Change::Paint;
        };
        let json = path.to_ascii_lowercase().ends_with(".json");
        let form = if json { Form::Json } else { Form::Csv };
        match self.export(pane, form, None) {
            Some((text, rows)) => self.outgoing = Some(Outgoing::File { path, text, rows }),
            None => self.prompt.problem = Some("nothing is known yet".to_owned()),
        }
        Change::Paint
    }

    /// Says what has become of a file. One that is there already keeps the prompt open.
    pub(super) fn written(&mut self, result: Result<String, String>) -> Change {
        match result {
            Ok(text) => {
                self.popup = Popup::None;
                self.tell(text);
            }
            Err(problem) => self.prompt.problem = Some(problem),
        }
        Change::Paint
    }

    // The selected connection, or the first one.
    fn socket(&self) -> Option<SocketKey> {
        let list = &self.connections;
        let first = || list.keys().first().copied();
        list.cursor.selected.or_else(first)
    }

    // The other end of the connection that moves most; `None`: not known, or there is none.
    fn busiest_remote(&self, id: ProcessId) -> Option<String> {
        let sockets = self.sockets.at(self.tick()?.time)?;
        let remote = |connection: &Connection| {
            let total = connection.counter.tick.sum();
            connection.remote.map(|remote| (total, remote))
        };
        let chosen = match self.screen {
            Screen::Connections => self.socket(),
            _ => None,
        };
        let shown = sockets
            .of(id)
            .filter(|connection| chosen.is_none_or(|chosen| chosen == connection.key()));
        let (_, remote) = shown.filter_map(remote).max()?;
        Some(std::net::SocketAddr::new(remote.address, remote.port).to_string())
    }

    // The columns of the widest screen, as they read.
    fn fields(&self, pane: Pane, id: ProcessId) -> Option<String> {
        let line = self.list(pane).lines().iter().find(|line| line.id == id)?;
        let row = self.row(id)?;
        let number = |number: Option<u64>| number.map_or("".to_owned(), |n| n.to_string());
        let fields = [
            id.pid.to_string(),
            row.facts
                .user
                .clone()
                .unwrap_or_else(|| row.facts.uid.to_string()),
            row.facts.name.clone(),
            row.facts.unit.clone().unwrap_or_default(),
            number(line.connections.map(u64::from)),
            number(line.rx),
            number(line.tx),
            number(line.peak),
            number(line.total),
        ];
        let clean: Vec<_> = fields
            .iter()
            .map(|field| sanitize(field).into_owned())
            .collect();
        Some(clean.join("\t"))
    }

    // The rows of a list as text, in their order, and how many.
    fn export(&self, pane: Pane, form: Form, only: Option<ProcessId>) -> Option<(String, usize)> {
        let sample = self.sample_shown()?;
        let list = self.list(pane);
        let shown = (0..list.len()).filter_map(|at| match list.entry(at)? {
            Entry::Process(line) => Some(line.id),
            _ => None,
        });
        let places: HashMap<ProcessId, usize> = shown
            .filter(|id| only.is_none_or(|only| only == *id))
            .zip(0..)
            .collect();
        let view = View {
            scope: self.settings.scope,
            states: States::All,
            reach: Reach::Selected,
            idle: Idle::Shown,
            sort: Sort {
                column: columns::find_in(&columns::every(columns::COLUMNS), "pid").ok()?,
                order: Order::Ascending,
            },
            top: None,
            known: Known::new(&self.agent.capabilities, self.settings.scope),
            details: None,
        };
        let mut block: Block<'_> = view.block(&sample);
        block
            .lines
            .retain(|line| places.contains_key(&line.row.facts.id));
        block
            .lines
            .sort_by_key(|line| places.get(&line.row.facts.id));
        let mut text = String::new();
        match form {
            Form::Csv => csv::Csv::new(
                columns::list(csv::USUAL),
                TimeFormat::Iso,
                Header::Shown,
                Aggregate::Usual,
                csv::Cells::Plain,
            )
            .sample(&block, &mut text),
            Form::Json => {
                let shape = Shape {
                    scope: self.settings.scope,
                    command_lines: CommandLines::Shown,
                    aggregate: Aggregate::Usual,
                };
                match (only, block.lines.first()) {
                    (Some(_), Some(line)) => {
                        json::line(&shape.flat_row(line, &block), &mut text);
                    }
                    (Some(_), None) => return None,
                    (None, _) => json::Document::new(shape).sample(&block, &mut text),
                }
            }
        }
        Some((text, block.lines.len()))
    }

    // The moment on screen as a sample of its own.
    fn sample_shown(&self) -> Option<Sample> {
        let number = self.position.tick(&self.past)?;
        let lens = Lens {
            settings: &self.settings,
            capabilities: &self.agent.capabilities,
            zero: None,
        };
        Some(Moment::at(&self.past, &self.roster, number, lens)?.sample())
    }
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
