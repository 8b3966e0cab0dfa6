//! The history as JSON: one document, or one object per line.

use super::block::Block;
use super::record::Document as Answer;
use super::record::Query;
use super::record::Shape;
use super::record::StepRecord;
use super::Printer;
use crate::output::json::document;
use crate::output::json::line;
use crate::output::record::object;
use crate::output::Header;
use crate::row::past::Window;

/// Prints one document, indented on a terminal. Holds the whole answer until its end.
#[derive(Debug)]
pub struct Document {
    shape: Shape,
    query: Option<Query>,
    steps: Vec<StepRecord>,
}

impl Document {
    /// Objects of this shape.
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            query: None,
            steps: Vec::new(),
        }
    }
}

impl Printer for Document {
    fn begin(&mut self, window: &Window, _out: &mut String) {
        self.query = Some(self.shape.query(window));
    }

    fn step(&mut self, block: &Block<'_>, _out: &mut String) {
        self.steps.push(self.shape.step(block));
    }

    fn end(&mut self, out: &mut String) {
        if let Some(query) = self.query.take() {
            let steps = std::mem::take(&mut self.steps);
            document(&object("query", Answer { query, steps }), out);
        }
    }
}

/// Prints one object per line.
#[derive(Debug)]
pub struct Lines {
    shape: Shape,
    header: Header,
    flat: bool,
}

impl Lines {
    /// Objects of this shape; `flat`: one line per row instead of one per step.
    pub fn new(shape: Shape, header: Header, flat: bool) -> Self {
        Self {
            shape,
            header,
            flat,
        }
    }
}

impl Printer for Lines {
    fn begin(&mut self, window: &Window, out: &mut String) {
        if self.header == Header::Shown {
            line(&object("query", self.shape.query(window)), out);
        }
    }

    fn step(&mut self, block: &Block<'_>, out: &mut String) {
        if !self.flat {
            line(&object("step", self.shape.step(block)), out);
            return;
        }
        for entry in &block.entries {
            line(&object("past_row", self.shape.flat_row(entry)), out);
        }
    }
}
