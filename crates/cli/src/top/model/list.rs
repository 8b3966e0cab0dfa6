//! A list on screen: its order, its selection, and which part of it is visible.

use std::collections::HashMap;

use super::line;
use super::line::Line;
use super::sort::Sort;
use crate::row::ProcessId;
use crate::row::ProcessRow;

/// Whether lines may change places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Order {
    /// By the sort key, anew with every tick.
    #[default]
    Sorted,
    /// As they were; newcomers at the end.
    Frozen(Vec<ProcessId>),
}

/// Where the selected process is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hold {
    /// On its line, as far as possible.
    #[default]
    No,
    /// In the middle.
    Middle,
}

/// One entry of the list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Entry<'a> {
    /// A process.
    Process(&'a Line),
    /// The line above what has come since the order was frozen.
    NewMark,
}

/// A list of processes.
#[derive(Debug, Default)]
pub struct List {
    /// Its sort key.
    pub sort: Sort,
    /// Whether lines may change places.
    pub order: Order,
    /// The selected process.
    pub selected: Option<ProcessId>,
    /// Where the selected process is kept.
    pub hold: Hold,
    /// The first visible entry.
    pub offset: usize,
    lines: Vec<Line>,
    /// Index of the first line that came after the order was frozen.
    new_from: Option<usize>,
}

impl List {
    /// Puts new lines in order. The selected process keeps its place on screen, if it can; `rows`
    /// is how many entries are visible.
    pub fn fill<'a>(
        &mut self,
        mut lines: Vec<Line>,
        rows: usize,
        row: impl Fn(ProcessId) -> Option<&'a ProcessRow>,
    ) {
        let before = self.selected_entry();
        line::sort(&mut lines, self.sort, row);
        self.new_from = None;
        if let Order::Frozen(ids) = &self.order {
            let places: HashMap<_, _> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
            let place = |line: &Line| places.get(&line.id).copied().unwrap_or(usize::MAX);
            lines.sort_by_key(place);
            self.new_from = lines
                .iter()
                .position(|line| !places.contains_key(&line.id))
                .filter(|&at| at > 0);
        }
        self.lines = lines;
        if let Some((before, after)) = before.zip(self.selected_entry()) {
            self.offset = (self.offset + after).saturating_sub(before);
        }
        if let (Hold::Middle, Some(at)) = (self.hold, self.selected_entry()) {
            self.offset = at.saturating_sub(rows / 2);
        }
        self.keep_in(rows);
    }

    /// All lines, in order.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.lines.len() + usize::from(self.new_from.is_some())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// An entry; `None`: the list is shorter.
    pub fn entry(&self, at: usize) -> Option<Entry<'_>> {
        let line = match self.new_from {
            Some(mark) if at == mark => return Some(Entry::NewMark),
            Some(mark) if at > mark => at - 1,
            _ => at,
        };
        self.lines.get(line).map(Entry::Process)
    }

    /// Numbers of the first and last visible process, from 1, when `rows` entries are visible.
    pub fn visible(&self, rows: usize) -> (usize, usize) {
        let processes = |entries: usize| match self.new_from {
            Some(mark) if entries > mark => entries - 1,
            _ => entries,
        };
        let last = processes((self.offset + rows).min(self.len()));
        ((processes(self.offset) + 1).min(last), last)
    }

    /// Freezes the order, or lets it go.
    pub fn toggle_freeze(&mut self) {
        self.order = match self.order {
            Order::Sorted => Order::Frozen(self.lines.iter().map(|line| line.id).collect()),
            Order::Frozen(_) => Order::Sorted,
        };
    }

    /// Moves the selection by some lines; without one, selects the first or last visible line.
    pub fn select_by(&mut self, by: isize, rows: usize) {
        let Some(last) = self.lines.len().checked_sub(1) else {
            return;
        };
        let selected = self.selected.and_then(|id| self.index(id));
        let at = match selected {
            Some(at) => at.saturating_add_signed(by),
            None if by >= 0 => self.visible(rows).0.saturating_sub(1),
            None => self.visible(rows).1.saturating_sub(1),
        };
        self.select_line(at.min(last), rows);
    }

    /// Selects the first line.
    pub fn select_first(&mut self, rows: usize) {
        self.select_line(0, rows);
    }

    /// Selects the last line.
    pub fn select_last(&mut self, rows: usize) {
        self.select_line(self.lines.len().saturating_sub(1), rows);
    }

    /// Selects what is on a visible row.
    pub fn select_row(&mut self, row: usize, rows: usize) {
        if let Some(Entry::Process(line)) = self.entry(self.offset + row) {
            self.selected = Some(line.id);
            self.reveal(rows);
        }
    }

    /// Moves the visible part without touching the selection.
    pub fn scroll(&mut self, by: isize, rows: usize) {
        self.offset = self.offset.saturating_add_signed(by);
        self.keep_in(rows);
    }

    /// Makes the visible part fit the list; to be called when its height changes.
    pub fn keep_in(&mut self, rows: usize) {
        self.offset = self.offset.min(self.len().saturating_sub(rows));
    }

    /// Moves the visible part to the selected process.
    pub fn reveal(&mut self, rows: usize) {
        if let Some(at) = self.selected_entry() {
            self.offset = self.offset.min(at).max((at + 1).saturating_sub(rows));
        }
        self.keep_in(rows);
    }

    fn select_line(&mut self, at: usize, rows: usize) {
        self.selected = self.lines.get(at).map(|line| line.id);
        self.reveal(rows);
    }

    fn index(&self, id: ProcessId) -> Option<usize> {
        self.lines.iter().position(|line| line.id == id)
    }

    fn selected_entry(&self) -> Option<usize> {
        let at = self.index(self.selected?)?;
        Some(at + usize::from(self.new_from.is_some_and(|mark| at >= mark)))
    }
}
