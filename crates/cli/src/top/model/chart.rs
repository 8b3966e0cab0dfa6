//! The waveform as columns of time: each shows its highest tick, so that no burst is averaged
//! away.

use super::past::Past;
use super::past::Slot;
use super::past::TickNumber;
use super::tick::Rate;
use super::tick::Tick;

/// Which part of the past a chart shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The last tick; may be after the newest one, for time that has passed without any.
    pub edge: TickNumber,
    /// Ticks per column.
    pub zoom: u32,
    /// Number of columns.
    pub columns: usize,
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Before anything was seen.
    Before,
    /// Nothing is known of it.
    Missing,
    /// Nothing is known of it, and the agent was started.
    Start,
    /// The highest rates in each direction.
    Rates(Rate),
}

/// The highest column in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peak {
    /// Which column.
    pub column: usize,
    /// Which tick in it.
    pub tick: TickNumber,
    /// How high, bytes per second.
    pub rate: u64,
}

/// Columns of time, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// What of the past it shows.
    pub extent: Extent,
    /// The columns.
    pub columns: Vec<Column>,
    /// Highest received; `None`: nothing was.
    pub rx_peak: Option<Peak>,
    /// Highest sent; `None`: nothing was.
    pub tx_peak: Option<Peak>,
}

impl Extent {
    /// The first tick of a column. Columns begin at multiples of the zoom, so that a column keeps
    /// its ticks while time goes on. `None`: before the first tick ever.
    fn first_tick(self, column: usize) -> Option<TickNumber> {
        let zoom = u64::from(self.zoom.max(1));
        let back = (self.columns.checked_sub(column + 1)?) as u64;
        (self.edge / zoom)
            .checked_sub(back)
            .map(|bucket| bucket * zoom)
    }

    /// The ticks of a column.
    pub fn ticks(self, column: usize) -> std::ops::RangeInclusive<TickNumber> {
        match self.first_tick(column) {
            Some(first) => first..=(first + u64::from(self.zoom.max(1)) - 1).min(self.edge),
            #[allow(clippy::reversed_empty_ranges, reason = "an empty range is meant")]
            None => 1..=0,
        }
    }

    /// The column of a tick; `None`: it is not visible.
    pub fn column_of(self, tick: TickNumber) -> Option<usize> {
        let zoom = u64::from(self.zoom.max(1));
        let back = (self.edge / zoom).checked_sub(tick / zoom)?;
        self.columns
            .checked_sub(usize::try_from(back).ok()?.checked_add(1)?)
    }

    /// The same extent, moved if the cursor would not be visible.
    pub fn showing(self, cursor: TickNumber) -> Self {
        if self.columns == 0 || self.column_of(cursor).is_some() {
            return self;
        }
        let half = (self.columns / 2) as u64 * u64::from(self.zoom);
        Self {
            edge: (cursor + half).min(self.edge),
            ..self
        }
    }
}

impl Chart {
    /// Reads the columns from the past. `rate` tells the rates of a tick; `None`: not known.
    pub fn new(past: &Past, extent: Extent, rate: impl Fn(&Tick) -> Option<Rate>) -> Self {
        let mut chart = Self {
            extent,
            columns: Vec::with_capacity(extent.columns),
            rx_peak: None,
            tx_peak: None,
        };
        let newest = past.newest();
        for column in 0..extent.columns {
            let mut shown = Column::Before;
            for number in extent.ticks(column) {
                let found = match past.slot(number) {
                    Some(Slot::Seen(tick)) => rate(tick).map_or(Column::Missing, Column::Rates),
                    Some(Slot::Part(_)) => past
                        .covering(number)
                        .and_then(&rate)
                        .map_or(Column::Missing, Column::Rates),
                    Some(Slot::Missing) => Column::Missing,
                    Some(Slot::Start) => Column::Start,
                    None if newest.is_some_and(|newest| number > newest) => Column::Missing,
                    None => Column::Before,
                };
                shown = shown.with(found);
                if let Column::Rates(rate) = found {
                    raise(
                        &mut chart.rx_peak,
                        Peak {
                            column,
                            tick: number,
                            rate: rate.rx,
                        },
                    );
                    raise(
                        &mut chart.tx_peak,
                        Peak {
                            column,
                            tick: number,
                            rate: rate.tx,
                        },
                    );
                }
            }
            chart.columns.push(shown);
        }
        chart
    }

    /// Highest rates on screen, received and sent; 0 when there are none.
    pub fn highest(&self) -> Rate {
        let rate = |peak: Option<Peak>| peak.map_or(0, |peak| peak.rate);
        Rate {
            rx: rate(self.rx_peak),
            tx: rate(self.tx_peak),
        }
    }

    /// The highest tick that is at least five columns from all those visited; columns lower than
    /// a neighbour are no peaks.
    pub fn next_peak(
        &self,
        past: &Past,
        visited: &[TickNumber],
        rate: impl Fn(&Tick) -> Option<Rate>,
    ) -> Option<TickNumber> {
        const APART: usize = 5;
        let places: Vec<_> = visited
            .iter()
            .filter_map(|&tick| self.extent.column_of(tick))
            .collect();
        let height = |column: usize| match self.columns.get(column) {
            Some(Column::Rates(rate)) => rate.rx.max(rate.tx),
            _ => 0,
        };
        // A tick that is wider than five columns is visited once.
        let is_new = |column: usize| {
            let mut ticks = self.extent.ticks(column);
            !ticks.any(|number| visited.contains(&past.whole(number)))
        };
        let highest = (0..self.columns.len())
            .filter(|&column| height(column) > 0)
            .filter(|&column| places.iter().all(|seen| seen.abs_diff(column) >= APART))
            .filter(|&column| is_new(column))
            .filter(|&column| {
                height(column) >= height(column + 1)
                    && column
                        .checked_sub(1)
                        .is_none_or(|left| height(column) >= height(left))
            })
            .max_by_key(|&column| height(column))?;
        let ticks = self.extent.ticks(highest).map(|number| past.whole(number));
        ticks.max_by_key(|&number| {
            past.tick(number)
                .and_then(&rate)
                .map_or(0, |rate| rate.rx.max(rate.tx))
        })
    }
}

impl Column {
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Rates(a), Self::Rates(b)) => Self::Rates(Rate {
                rx: a.rx.max(b.rx),
                tx: a.tx.max(b.tx),
            }),
            (Self::Rates(_), _) | (_, Self::Before) => self,
            (_, Self::Rates(_)) | (Self::Before, _) | (Self::Missing, Self::Start) => other,
            (Self::Missing | Self::Start, _) => self,
        }
    }
}

fn raise(highest: &mut Option<Peak>, peak: Peak) {
    // At equal height the newer one is the one people ask about.
    if peak.rate > 0 && highest.is_none_or(|highest| peak.rate >= highest.rate) {
        *highest = Some(peak);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::fixture::tick;

    fn past(heights: &[u64]) -> Past {
        let mut past = Past::default();
        for (n, &height) in heights.iter().enumerate() {
            let mut tick = tick(n);
            tick.host.as_mut().unwrap().external[0][0].tick.rx = height;
            past.push(0, Slot::Missing, tick);
        }
        past
    }

    fn rate(tick: &Tick) -> Option<Rate> {
        Rate::of(tick.host?.external[0][0].tick, tick.length)
    }

    #[test]
    fn a_column_shows_its_highest_tick() {
        let past = past(&[1, 9, 2, 3, 4]);
        let chart = Chart::new(
            &past,
            Extent {
                edge: 4,
                zoom: 2,
                columns: 4,
            },
            rate,
        );
        let rx = |rx| Column::Rates(Rate { rx, tx: 0 });
        assert_eq!(chart.columns, [Column::Before, rx(9), rx(3), rx(4)]);
        assert_eq!(
            chart.rx_peak,
            Some(Peak {
                column: 1,
                tick: 1,
                rate: 9
            })
        );
        assert_eq!(chart.tx_peak, None);
    }

    #[test]
    fn unknown_time_is_not_drawn_as_zero() {
        let mut past = past(&[1, 2]);
        past.push(2, Slot::Start, tick(4));
        let chart = Chart::new(
            &past,
            Extent {
                edge: 6,
                zoom: 1,
                columns: 8,
            },
            rate,
        );
        assert_eq!(chart.columns[0], Column::Before);
        assert_eq!(chart.columns[3..5], [Column::Missing, Column::Start]);
        assert_eq!(chart.columns[6..], [Column::Missing, Column::Missing]);
    }

    #[test]
    fn peaks_are_visited_from_high_to_low_and_apart() {
        let mut heights = vec![1; 40];
        for (at, height) in [(5, 50), (7, 49), (20, 30), (36, 40)] {
            heights[at] = height;
        }
        let past = past(&heights);
        let chart = Chart::new(
            &past,
            Extent {
                edge: 39,
                zoom: 1,
                columns: 40,
            },
            rate,
        );
        let mut visited = Vec::new();
        for _ in 0..3 {
            visited.extend(chart.next_peak(&past, &visited, rate));
        }
        assert_eq!(visited, [5, 36, 20]);
    }

    #[test]
    fn the_extent_moves_only_for_a_cursor_outside() {
        let extent = Extent {
            edge: 100,
            zoom: 1,
            columns: 20,
        };
        assert_eq!(extent.showing(85), extent);
        assert_eq!(extent.showing(40).edge, 50);
        assert!(extent.showing(0).column_of(0).is_some());
    }
}
