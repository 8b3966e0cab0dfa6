//! The prompt in the last row: what it asks for, and what was typed so far.

use super::input::Edit;
use super::input::Input;
use super::screen::Popup;
use super::screen::Step;
use super::Change;
use super::Model;

/// Bytes of a line other than a filter at most.
const MOST: usize = 200;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Which rows are shown.
    Filter,
    /// Where to go in time.
    Moment,
    /// The name of a file for the shown rows.
    File,
}

/// A line that is being typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    /// The line.
    pub input: Input,
    /// What is wrong with it; `None`: nothing, so far. Not sanitised.
    pub problem: Option<String>,
}

impl Model {
    /// What the open prompt asks for; `None`: none is open.
    pub fn asked(&self) -> Option<Purpose> {
        match self.popup {
            Popup::Prompt(purpose) => Some(purpose),
            _ => None,
        }
    }

    pub(super) fn open_prompt(&mut self, purpose: Purpose) -> Change {
        self.prompt = Prompt::default();
        self.popup = Popup::Prompt(purpose);
        match purpose {
            Purpose::Filter => self.begin_filter(),
            Purpose::Moment => {}
            Purpose::File => self.prompt.input = Input::new(&self.file_name()),
        }
        Change::Paint
    }

    pub(super) fn type_in_prompt(&mut self, edit: Edit) -> Change {
        match self.asked() {
            None => Change::None,
            Some(Purpose::Filter) => {
                self.prompt.input.edit(edit, netmon_api::filter::MAX_LENGTH);
                self.try_filter()
            }
            Some(Purpose::Moment | Purpose::File) => {
                self.prompt.input.edit(edit, MOST);
                self.prompt.problem = None;
                Change::Paint
            }
        }
    }

    /// An earlier line, or one after it.
    pub(super) fn recall(&mut self, step: Step) -> Change {
        match self.asked() {
            None | Some(Purpose::Moment | Purpose::File) => Change::None,
            Some(Purpose::Filter) => self.recall_filter(step),
        }
    }

    /// Takes what was typed. With a mistake in it the prompt stays open.
    pub(super) fn take_prompt(&mut self, purpose: Purpose) -> Change {
        match purpose {
            Purpose::Filter => self.keep_filter(),
            Purpose::Moment => self.keep_moment(),
            Purpose::File => self.keep_file(),
        }
    }

    /// Leaves the prompt as if nothing had been typed.
    pub(super) fn leave_prompt(&mut self, purpose: Purpose) -> Change {
        self.popup = Popup::None;
        match purpose {
            Purpose::Filter => self.restore_filter(),
            Purpose::Moment | Purpose::File => Change::Paint,
        }
    }
}
