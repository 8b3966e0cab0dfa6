//! JSON: one document, or one object per line.

use std::io::IsTerminal as _;

use serde::Serialize;

use super::block::Block;
use super::line::Line;
use super::record::object;
use super::record::Bye;
use super::record::Notice;
use super::record::Shape;
use super::Header;
use super::Pace;
use super::Printer;
use crate::session::agent::Agent;
use crate::session::watch::Gap;

/// Prints one document per sample, indented on a terminal.
#[derive(Debug)]
pub struct Document {
    shape: Shape,
}

impl Document {
    /// Objects of this shape.
    pub fn new(shape: Shape) -> Self {
        Self { shape }
    }
}

impl Printer for Document {
    fn sample(&mut self, block: &Block<'_>, out: &mut String) {
        document(&object("sample", self.shape.sample(block)), out);
    }
}

/// Prints one object per line.
#[derive(Debug)]
pub struct Lines {
    shape: Shape,
    pace: Pace,
    header: Header,
    grain: Grain,
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// A tick.
    Tick,
    /// A row.
    Row,
}

impl Lines {
    /// Objects of this shape.
    pub fn new(shape: Shape, pace: Pace, header: Header, grain: Grain) -> Self {
        Self {
            shape,
            pace,
            header,
            grain,
        }
    }
}

impl Printer for Lines {
    fn begin(&mut self, agent: &Agent, out: &mut String) {
        if self.pace == Pace::Stream && self.header == Header::Shown {
            line(&object("hello", self.shape.hello(agent)), out);
        }
    }

    fn sample(&mut self, block: &Block<'_>, out: &mut String) {
        match self.grain {
            Grain::Tick => line(&object("sample", self.shape.sample(block)), out),
            Grain::Row => {
                for row in &block.lines {
                    line(&object("row", self.shape.flat_row(row, block)), out);
                }
            }
        }
    }

    fn exit(&mut self, row: &Line<'_>, out: &mut String) {
        line(&object("exit", self.shape.exit(row)), out);
    }

    fn gap(&mut self, gap: &Gap, out: &mut String) {
        line(&object("gap", Shape::gap(gap)), out);
    }

    fn notice(&mut self, text: &str, out: &mut String) {
        line(
            &object(
                "notice",
                Notice {
                    level: "warning",
                    text,
                },
            ),
            out,
        );
    }

    fn end(&mut self, reason: &str, out: &mut String) {
        if self.pace == Pace::Stream {
            line(&object("bye", Bye { reason }), out);
        }
    }
}

/// Appends `value` as one line.
pub fn line(value: &impl Serialize, out: &mut String) {
    // Maps with text keys and plain numbers always serialise.
    out.push_str(&serde_json::to_string(value).unwrap_or_default());
    out.push('\n');
}

/// Appends `value`, indented when stdout is a terminal.
pub fn document(value: &impl Serialize, out: &mut String) {
    if std::io::stdout().is_terminal() {
        out.push_str(&serde_json::to_string_pretty(value).unwrap_or_default());
        out.push('\n');
    } else {
        line(value, out);
    }
}
