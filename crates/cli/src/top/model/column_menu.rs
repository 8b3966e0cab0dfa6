//! The menu of the columns.

use super::screen::Pane;
use super::screen::Popup;
use super::Change;
use super::Model;
use crate::top::columns;
use crate::top::columns::Chosen;
use crate::top::columns::Column;

/// A line of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnLine {
    /// Which.
    pub column: Column,
    /// What it means for the list.
    pub place: Place,
}

/// Whether a column is in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is.
    Shown,
    /// It would be on a wider screen.
    NoRoom,
    /// It is not wanted.
    Hidden,
}

impl Model {
    /// What was chosen for a list.
    pub fn chosen(&self, pane: Pane) -> Chosen {
        match pane {
            Pane::Live => self.settings.live_columns,
            Pane::Exited => self.settings.exited_columns,
        }
    }

    /// The columns of the list with the keys.
    pub fn column_choices(&self) -> Vec<ColumnLine> {
        let Some(pane) = self.screen.pane() else {
            return Vec::new();
        };
        let width = self.plan().panel(pane).unwrap_or_default().inner().width;
        let chosen = self.chosen(pane);
        let shown = columns::fit(pane, chosen, width);
        let place = |column| match shown.iter().any(|placed| placed.column == column) {
            true => Place::Shown,
            false if chosen.allows(column) => Place::NoRoom,
            false => Place::Hidden,
        };
        let all = columns::all(pane).into_iter();
        all.map(|column| ColumnLine {
            column,
            place: place(column),
        })
        .collect()
    }

    pub(super) fn open_column_menu(&mut self) -> Change {
        if self.screen.pane().is_some() {
            self.popup = Popup::ColumnMenu { choice: 0 };
        }
        Change::Paint
    }

    /// Takes the marked column out of the list, or puts it in before others.
    pub(super) fn toggle_column(&mut self, choice: usize) -> Change {
        let choices = self.column_choices();
        let (Some(line), Some(pane)) = (choices.get(choice), self.screen.pane()) else {
            return Change::None;
        };
        let shown = choices.iter().filter(|line| line.place == Place::Shown);
        let chosen = self.chosen(pane);
        let chosen = match line.place {
            // A list without any column would say nothing.
            Place::Shown if shown.count() <= 1 => return Change::None,
            Place::Shown => chosen.without(line.column),
            Place::NoRoom | Place::Hidden => chosen.with(line.column),
        };
        match pane {
            Pane::Live => self.settings.live_columns = chosen,
            Pane::Exited => self.settings.exited_columns = chosen,
        }
        Change::Paint
    }
}
