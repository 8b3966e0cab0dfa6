//! Which moment the screen shows.

use super::past::Past;
use super::past::TickNumber;
use super::past::Towards;

/// Which moment the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The newest tick, whichever that is.
    Live,
    /// The tick that was the newest when the user stopped.
    Paused {
        /// That tick.
        at: TickNumber,
    },
    /// A tick the user went to.
    History {
        /// That tick.
        at: TickNumber,
        /// The newest tick when the user left the present: the waveform stays where it was.
        edge: TickNumber,
    },
}

impl Position {
    /// The tick shown; `None`: nothing seen yet.
    pub fn tick(self, past: &Past) -> Option<TickNumber> {
        let newest = past.newest()?;
        Some(match self {
            Self::Live => newest,
            Self::Paused { at } | Self::History { at, .. } => at.clamp(past.oldest(), newest),
        })
    }

    /// The last tick of the waveform; `None`: nothing seen yet.
    pub fn edge(self, past: &Past) -> Option<TickNumber> {
        match self {
            Self::Live => past.newest(),
            Self::Paused { at: edge } | Self::History { edge, .. } => Some(edge),
        }
    }

    /// Where the time cursor is, if there is one.
    pub fn cursor(self) -> Option<TickNumber> {
        match self {
            Self::Live | Self::Paused { .. } => None,
            Self::History { at, .. } => Some(at),
        }
    }

    /// Stops at the newest tick, or goes back to the present.
    pub fn toggle_pause(self, past: &Past) -> Self {
        match (self, past.newest()) {
            (Self::Live, Some(at)) => Self::Paused { at },
            _ => Self::Live,
        }
    }

    /// Goes to the tick that a step is part of. After the newest: back to the present.
    pub fn go(self, past: &Past, at: TickNumber, towards: Towards) -> Self {
        self.go_towards(past, past.whole(at), towards)
    }

    // To the next tick in a direction: a step that is part of a longer tick leads out of it.
    fn go_towards(self, past: &Past, at: TickNumber, towards: Towards) -> Self {
        let Some((edge, newest)) = self.edge(past).zip(past.newest()) else {
            return self;
        };
        if at > newest {
            return Self::Live;
        }
        match past.nearest(at, towards) {
            Some(at) => Self::History { at, edge },
            None => self,
        }
    }

    /// Goes some ticks back or forward. Past the newest tick: back to the present.
    pub fn step(self, past: &Past, by: u64, towards: Towards) -> Self {
        let Some(now) = self.tick(past) else {
            return self;
        };
        match (towards, self) {
            (Towards::Newer, Self::Live) => self,
            (Towards::Newer, _) => self.go_towards(past, now.saturating_add(by), towards),
            (Towards::Older, _) => {
                self.go_towards(past, now.saturating_sub(by).max(past.oldest()), towards)
            }
        }
    }

    /// What remains of it when the ticks it points to have been dropped.
    pub fn kept(self, past: &Past) -> Self {
        let oldest = past.oldest();
        match self {
            Self::Live => self,
            Self::Paused { at } if at >= oldest => self,
            Self::Paused { .. } => past
                .nearest(oldest, Towards::Newer)
                .map_or(Self::Live, |at| Self::Paused { at }),
            Self::History { at, .. } if at >= oldest => self,
            Self::History { edge, .. } => {
                past.nearest(oldest, Towards::Newer)
                    .map_or(Self::Live, |at| Self::History {
                        at,
                        edge: edge.max(at),
                    })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::fixture::tick;
    use crate::top::model::past::Slot;

    fn past() -> Past {
        let mut past = Past::default();
        for n in 0..5 {
            past.push(0, Slot::Missing, tick(n));
        }
        past.push(2, Slot::Missing, tick(7));
        past
    }

    #[test]
    fn steps_skip_what_was_not_received() {
        let past = past();
        let back = Position::Live.step(&past, 1, Towards::Older);
        assert_eq!(back, Position::History { at: 4, edge: 7 });
        let further = back.step(&past, 60, Towards::Older);
        assert_eq!(further, Position::History { at: 0, edge: 7 });
        assert_eq!(
            back.step(&past, 1, Towards::Newer),
            Position::History { at: 7, edge: 7 }
        );
        assert_eq!(back.step(&past, 10, Towards::Newer), Position::Live);
        assert_eq!(
            Position::Live.step(&past, 1, Towards::Newer),
            Position::Live
        );
    }

    #[test]
    fn the_edge_stays_while_time_goes_on() {
        let mut past = past();
        let paused = Position::Live.toggle_pause(&past);
        past.push(0, Slot::Missing, tick(8));
        assert_eq!(paused.tick(&past), Some(7));
        assert_eq!(paused.edge(&past), Some(7));
        assert_eq!(
            paused.step(&past, 1, Towards::Older),
            Position::History { at: 4, edge: 7 }
        );
        assert_eq!(paused.toggle_pause(&past), Position::Live);
    }

    #[test]
    fn nothing_seen_means_nowhere_to_go() {
        let past = Past::default();
        assert_eq!(
            Position::Live.step(&past, 1, Towards::Older),
            Position::Live
        );
        assert_eq!(Position::Live.toggle_pause(&past), Position::Live);
        assert_eq!(Position::Live.tick(&past), None);
    }
}
