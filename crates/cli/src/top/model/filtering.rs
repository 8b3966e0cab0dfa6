//! The filter of this viewer: which rows are shown, and what the waveform is the sum of.

use std::collections::HashMap;

use jiff::Timestamp;
use netmon_api::filter::Filter;

use super::input::Input;
use super::moment::Lens;
use super::prompt::Purpose;
use super::screen::Pane;
use super::screen::Popup;
use super::screen::Screen;
use super::screen::Step;
use super::subject;
use super::tick::Rate;
use super::tick::Tick;
use super::Change;
use super::Model;
use crate::row::Flows;
use crate::row::Scope;

/// Earlier filters kept.
const MOST: usize = 100;

/// A filter that can be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// As typed. Not sanitised.
    pub text: String,
    /// What it means.
    pub filter: Filter,
}

impl Words {
    /// Reads what was typed; `None`: nothing was.
    ///
    /// # Errors
    /// What is wrong with it, and where. Not sanitised.
    pub fn read(text: &str) -> Result<Option<Self>, String> {
        let filter = Filter::parse(text).map_err(|error| error.to_string())?;
        Ok((!filter.is_everything()).then(|| Self {
            text: text.trim().to_owned(),
            filter,
        }))
    }
}

/// The filter, and what belongs to typing one.
#[derive(Debug, Default)]
pub struct Filtering {
    /// In force; `None`: all rows are shown.
    pub words: Option<Words>,
    before: Option<Words>,
    /// Oldest first.
    earlier: Vec<String>,
    /// The one in the prompt; `None`: none of them is.
    recalled: Option<usize>,
    /// Rows that there are without the filter: running and ended ones.
    all: [usize; 2],
    /// Received and sent per second by all rows, before the filter.
    rate: u64,
    sums: Sums,
    saved: Vec<(String, String)>,
}

/// What the filter takes of every tick, as far as somebody asked.
#[derive(Debug, Default)]
struct Sums {
    text: String,
    scope: Scope,
    taken: HashMap<Timestamp, Option<Taken>>,
}

/// What the filter takes of a tick.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taken {
    /// The bytes.
    pub flows: Flows,
    /// The highest tick in it, as far as that is known: at least as high as that of each process.
    pub height: Rate,
}

impl Filtering {
    /// Starts with a filter, and with those that were typed in earlier sessions, oldest first.
    pub fn new(words: Option<Words>, earlier: Vec<String>) -> Self {
        Self {
            words,
            earlier,
            ..Self::default()
        }
    }

    /// With filters that have a name.
    #[must_use]
    pub fn with_saved(self, saved: Vec<(String, String)>) -> Self {
        Self { saved, ..self }
    }

    // What was typed, with `=name` written out.
    fn written_out(&self, text: &str) -> Result<String, String> {
        let words = text.split(' ').map(|word| match word.strip_prefix('=') {
            Some(name) if !name.is_empty() => {
                let saved = self.saved.iter().find(|(saved, _)| saved == name);
                saved
                    .map(|(_, filter)| format!("({filter})"))
                    .ok_or_else(|| format!("there is no filter '{name}' in the config file"))
            }
            _ => Ok(word.to_owned()),
        });
        Ok(words.collect::<Result<Vec<_>, _>>()?.join(" "))
    }

    fn read(&self, text: &str) -> Result<Option<Words>, String> {
        let words = Words::read(&self.written_out(text)?)?;
        Ok(words.map(|words| Words {
            text: text.trim().to_owned(),
            ..words
        }))
    }

    /// Filters that were typed, oldest first.
    pub fn earlier(&self) -> &[String] {
        &self.earlier
    }

    /// Notes what there is without the filter.
    pub fn count(&mut self, all: [usize; 2], rate: u64) {
        self.all = all;
        self.rate = rate;
    }

    fn remember(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.earlier.retain(|earlier| earlier != text);
        self.earlier.push(text.to_owned());
        let over = self.earlier.len().saturating_sub(MOST);
        self.earlier.drain(..over);
    }
}

impl Model {
    /// The filter in force; `None`: all rows are shown.
    pub fn filter(&self) -> Option<&Words> {
        self.filtering.words.as_ref()
    }

    /// Filters that were typed, oldest first.
    pub fn earlier_filters(&self) -> &[String] {
        self.filtering.earlier()
    }

    /// How many rows the list with the keys shows, and how many there are without the filter.
    pub fn filter_count(&self) -> (usize, usize) {
        if self.screen == Screen::Connections {
            return self.connections.count();
        }
        let pane = self.screen.pane().unwrap_or(Pane::Live);
        (self.list(pane).lines().len(), self.unfiltered(pane))
    }

    /// How many rows a list has without the filter.
    pub fn unfiltered(&self, pane: Pane) -> usize {
        self.filtering.all[pane as usize]
    }

    /// Received and sent per second by all running processes, also those not shown.
    pub fn rate_of_all(&self) -> u64 {
        self.filtering.rate
    }

    pub(super) fn begin_filter(&mut self) {
        self.filtering.before = self.filtering.words.clone();
        self.filtering.recalled = None;
        let text = self
            .filtering
            .words
            .as_ref()
            .map(|words| words.text.as_str());
        self.prompt.input = Input::new(text.unwrap_or_default());
    }

    /// Lets what was typed take effect. With a mistake in it, the filter stays what it was.
    pub(super) fn try_filter(&mut self) -> Change {
        match self.filtering.read(self.prompt.input.text()) {
            Ok(words) => {
                self.prompt.problem = None;
                self.filtering.words = words;
                Change::View
            }
            Err(problem) => {
                self.prompt.problem = Some(problem);
                Change::Paint
            }
        }
    }

    pub(super) fn keep_filter(&mut self) -> Change {
        let change = self.try_filter();
        if self.prompt.problem.is_none() {
            let text = self.prompt.input.text().trim().to_owned();
            self.filtering.remember(&text);
            self.popup = Popup::None;
        }
        change
    }

    pub(super) fn restore_filter(&mut self) -> Change {
        self.filtering.words = self.filtering.before.take();
        Change::View
    }

    pub(super) fn clear_filter(&mut self) -> Change {
        self.filtering.words = None;
        Change::View
    }

    /// Puts an earlier filter into the prompt, or leaves them again.
    pub(super) fn recall_filter(&mut self, step: Step) -> Change {
        let count = self.filtering.earlier.len();
        let at = self.filtering.recalled.unwrap_or(count);
        let at = match step {
            Step::Back => at.saturating_sub(1),
            Step::Forward => at.saturating_add(1),
        };
        let recalled = self.filtering.earlier.get(at).cloned();
        self.filtering.recalled = recalled.is_some().then_some(at);
        self.prompt.input = Input::new(&recalled.unwrap_or_default());
        self.try_filter()
    }

    /// Lets another filter take effect, as if it had been typed.
    pub(super) fn filter_to(&mut self, text: &str) {
        self.filtering.words = Words::read(text).ok().flatten();
        self.filtering.remember(text);
    }

    /// What the filter takes of a tick; `None`: not known. Without a filter nobody asks.
    pub(super) fn filtered(&self, tick: &Tick) -> Option<Taken> {
        match self.filtering.sums.taken.get(&tick.time) {
            Some(taken) => *taken,
            None => self.sum_of(tick),
        }
    }

    /// Ticks have become others.
    pub(super) fn forget_sums(&mut self) {
        self.filtering.sums = Sums::default();
    }

    /// Works out what the filter takes of the ticks that the waveform shows.
    pub(super) fn sum_filtered(&mut self) {
        let Some(words) = &self.filtering.words else {
            self.filtering.sums = Sums::default();
            return;
        };
        let (text, scope) = (words.text.clone(), self.settings.scope);
        let sums = &mut self.filtering.sums;
        if sums.text != text || sums.scope != scope {
            *sums = Sums {
                text,
                scope,
                taken: HashMap::new(),
            };
        }
        let Some(extent) = self.chart_extent() else {
            return;
        };
        let mut visible = HashMap::new();
        for column in 0..extent.columns {
            for number in extent.ticks(column) {
                let Some(tick) = self.past.tick(number) else {
                    continue;
                };
                let known = self.filtering.sums.taken.get(&tick.time).copied();
                visible.insert(tick.time, known.unwrap_or_else(|| self.sum_of(tick)));
            }
        }
        self.filtering.sums.taken = visible;
    }

    fn sum_of(&self, tick: &Tick) -> Option<Taken> {
        let words = self.filtering.words.as_ref()?;
        let sockets = self.sockets.at(tick.time);
        if words.filter.uses_connections() && sockets.is_none() {
            return None;
        }
        let lens = Lens {
            settings: &self.settings,
            capabilities: &self.agent.capabilities,
            zero: None,
        };
        let mut sum = Taken::default();
        for change in tick.changes.iter() {
            let flows = change.flows();
            let Some(row) = self.roster.get(change.id) else {
                continue;
            };
            let subject = subject::in_tick(row, &flows, tick, sockets, lens);
            if words.filter.matches(&subject) {
                sum.flows.add_ticks(&flows);
                let height = tick.heights.of(change.id, self.settings.scope.loopback);
                sum.height = sum.height.max(height.unwrap_or_default().rate());
            }
        }
        Some(sum)
    }

    /// Whether the connections of the moment shown are known.
    pub fn knows_connections(&self) -> bool {
        let tick = self.tick();
        tick.is_some_and(|tick| self.sockets.at(tick.time).is_some())
    }

    /// Whether the prompt of the filter is open.
    pub fn types_filter(&self) -> bool {
        self.asked() == Some(Purpose::Filter)
    }
}
