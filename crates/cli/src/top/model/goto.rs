//! `@` and `--at`: to a moment as people write it.

use jiff::tz::TimeZone;

use super::position::Position;
use super::screen::Popup;
use super::Change;
use super::Model;
use crate::text::sanitize;
use crate::units::moment::Here;
use crate::units::moment::Moment;
use crate::units::moment::MomentError;
use crate::units::moment::Point;
use crate::units::time::TimeFormat;

impl Model {
    /// Goes to what was typed. With a mistake in it the prompt stays open.
    pub(super) fn keep_moment(&mut self) -> Change {
        let text = self.prompt.input.text().trim().to_owned();
        if text.is_empty() {
            self.popup = Popup::None;
            return Change::Paint;
        }
        let gone = match text.parse() {
            Ok(moment) => self.go_to_moment(&moment),
            Err(MomentError::Syntax) => Err(format!("cannot read time '{text}'")),
            Err(error) => Err(format!("'{text}': {error}")),
        };
        match gone {
            Ok(()) => self.popup = Popup::None,
            Err(problem) => self.prompt.problem = Some(problem),
        }
        Change::View
    }

    pub(super) fn go_to_moment(&mut self, moment: &Moment) -> Result<(), String> {
        let here = Here {
            // Spans are meant from what is on screen as the present, on the agent's clock.
            now: self.newest().map_or(self.clock.wall, |tick| tick.time),
            zone: match self.settings.time {
                TimeFormat::Local => TimeZone::system(),
                TimeFormat::Utc | TimeFormat::Iso | TimeFormat::Unix => TimeZone::UTC,
            },
            boot: self.recall.boot,
        };
        let placed = moment
            .place(&here)
            .map_err(|error| format!("{}: {error}", sanitize(moment.text())))?;
        self.visited_peaks.clear();
        match placed.point {
            Point::Now => self.position = Position::Live,
            Point::At(time) if time > here.now => self.position = Position::Live,
            Point::At(time) => self.go_to_time(time),
            Point::Start => {
                if let Some(begin) = self.history_begin() {
                    self.go_to_time(begin);
                }
            }
        }
        if let (true, Point::At(time)) = (placed.yesterday, placed.point) {
            let time = self.clock_time(time);
            self.tell(format!(
                "{} is later than now: yesterday is meant ({time})",
                sanitize(moment.text())
            ));
        }
        Ok(())
    }
}
