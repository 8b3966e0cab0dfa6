//! What the waveform and the trends show, and how high.

use super::chart::Chart;
use super::chart::Extent;
use super::settings::Scaling;
use super::settings::Subject;
use super::tick::Rate;
use super::tick::Tick;
use super::Coverage;
use super::Model;
use crate::rate;
use crate::row::Bytes;
use crate::row::ProcessId;

/// Seconds that the TREND column shows.
const TREND: usize = 60;

/// Which bytes a trend is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Received.
    Rx,
    /// Sent.
    Tx,
    /// Both.
    Sum,
}

impl Model {
    /// Rates of what the waveform is about, at the moment shown.
    pub fn chart_speed(&self) -> [Option<u64>; 2] {
        self.mean(|tick| self.charted(tick))
    }

    /// The waveform on screen; `None`: there is none, or nothing seen yet.
    pub fn chart(&self) -> Option<Chart> {
        let extent = self.chart_extent()?;
        Some(Chart::new(&self.past, extent, |tick| self.chart_rate(tick)))
    }

    /// Which part of the past the waveform shows; `None`: there is none, or nothing seen yet.
    pub fn chart_extent(&self) -> Option<Extent> {
        let charts = self.plan().charts?;
        let mut edge = self.position.edge(&self.past)?;
        if self.past.newest() == Some(edge) && self.position.cursor().is_none() {
            edge += self.steps_without_data();
        }
        let extent = Extent {
            edge,
            zoom: self.settings.zoom.ticks(),
            columns: charts.columns(),
        };
        let cursor = self.position.cursor();
        Some(cursor.map_or(extent, |cursor| extent.showing(cursor)))
    }

    /// What the top of each half of the waveform stands for, bytes per second.
    pub fn scale_tops(&self) -> [u64; 2] {
        self.scales.map(super::scale::Scale::top)
    }

    /// Bytes per second of one process in each of the last steps up to the one shown, oldest
    /// first; `None` in it: not known. Where a step stands for several ticks, of the highest of them.
    pub fn lane(&self, id: ProcessId, lane: Lane) -> Vec<Option<u64>> {
        let Some(at) = self.position.tick(&self.past) else {
            return Vec::new();
        };
        let first = at.saturating_sub(TREND as u64 - 1).max(self.past.oldest());
        (first..=at)
            .map(|number| {
                let tick = self.past.covering(number)?;
                let flows = tick
                    .changes
                    .of(id)
                    .map(|change| change.flows())
                    .unwrap_or_default();
                let scope = self.settings.scope;
                let (bytes, height) = (flows.sum(scope).tick, tick.heights.of(id, scope.loopback));
                let height = height.unwrap_or_default();
                let (moved, highest) = match lane {
                    Lane::Rx => (bytes.rx, height.rx),
                    Lane::Tx => (bytes.tx, height.tx),
                    Lane::Sum => (bytes.sum(), height.sum),
                };
                Some(rate::per_second(moved, tick.length)?.max(highest))
            })
            .collect()
    }

    /// How high a tick is in the waveform: its rate; where it stands for several, the rate of the
    /// highest of them, as far as that is known. `None`: nothing is known.
    pub(super) fn chart_rate(&self, tick: &Tick) -> Option<Rate> {
        let mean = Rate::of(self.charted(tick)?, tick.length)?;
        Some(mean.max(self.charted_height(tick).unwrap_or_default()))
    }

    pub(super) fn follow_scale(&mut self) {
        let (highest, units) = (self.highest(), self.settings.units);
        for (scale, highest) in self.scales.iter_mut().zip(highest) {
            scale.follow(highest, units);
        }
    }

    pub(super) fn fit_scale(&mut self) {
        let (highest, units) = (self.highest(), self.settings.units);
        for (scale, highest) in self.scales.iter_mut().zip(highest) {
            scale.fit(highest, units);
        }
    }

    fn highest(&self) -> [u64; 2] {
        let Rate { rx, tx } = self
            .chart()
            .map(|chart| chart.highest())
            .unwrap_or_default();
        match self.settings.scaling {
            Scaling::Shared => [rx.max(tx); 2],
            Scaling::Own => [rx, tx],
        }
    }

    /// The process that the waveform is about; `None`: about all that is shown.
    pub fn chart_process(&self) -> Option<ProcessId> {
        match self.settings.subject {
            Subject::Rows => None,
            Subject::Selected => self.live.selected.or(self.exited.selected),
        }
    }

    // `None`: not known.
    fn charted(&self, tick: &Tick) -> Option<Bytes> {
        if let Some(id) = self.chart_process() {
            let change = tick.changes.of(id);
            let flows = change.map(|change| change.flows()).unwrap_or_default();
            return Some(flows.sum(self.settings.scope).tick);
        }
        let scope = self.settings.scope;
        Some(match (self.filter(), self.coverage) {
            (Some(_), _) => self.filtered(tick)?.flows.sum(scope).tick,
            (None, Coverage::Everything) => self.host(tick)?,
            (None, Coverage::Selected) => tick.shown.sum(scope).tick,
        })
    }

    fn charted_height(&self, tick: &Tick) -> Option<Rate> {
        let loopback = self.settings.scope.loopback;
        if let Some(id) = self.chart_process() {
            return Some(tick.heights.of(id, loopback)?.rate());
        }
        if self.filter().is_some() {
            return Some(self.filtered(tick)?.height);
        }
        let all = tick.heights.all(loopback)?.rate();
        // Bytes of no process have no heights: their mean is added.
        let more = match (self.coverage, self.unattributed()) {
            (Coverage::Everything, Some(_)) => Rate::of(tick.unattributed, tick.length),
            _ => None,
        };
        let more = more.unwrap_or_default();
        Some(Rate {
            rx: all.rx.saturating_add(more.rx),
            tx: all.tx.saturating_add(more.tx),
        })
    }

    // Steps that should have come since the newest tick, when none is coming.
    fn steps_without_data(&self) -> u64 {
        let silent = self.link.offline().is_some() || self.no_data_for().is_some();
        if !silent {
            return 0;
        }
        let silence = self.feed.silence(self.clock.running).as_nanos();
        u64::try_from(silence / self.step().as_nanos().max(1)).unwrap_or(0)
    }
}
