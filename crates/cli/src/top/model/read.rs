//! What the views read off the model.

use std::time::Duration;

use jiff::Timestamp;

use super::list::List;
use super::list::Order;
use super::moment;
use super::moment::Amounts;
use super::moment::Lens;
use super::moment::Moment;
use super::outline::Shape;
use super::past::TickNumber;
use super::screen::Pane;
use super::settings::Average;
use super::sockets::OfTick;
use super::tick::Origin;
use super::tick::Rate;
use super::tick::Tick;
use super::Coverage;
use super::Model;
use crate::rate;
use crate::row::Bytes;
use crate::row::Loopback;
use crate::row::ProcessId;
use crate::row::ProcessRow;
use crate::session::capabilities::Direction;
use crate::top::layout;
use crate::top::layout::Plan;

impl Model {
    /// A list.
    pub fn list(&self, pane: Pane) -> &List {
        match pane {
            Pane::Live => &self.live,
            Pane::Exited => &self.exited,
        }
    }

    /// A process; `None`: no longer known.
    pub fn row(&self, id: ProcessId) -> Option<&ProcessRow> {
        self.roster.get(id)
    }

    /// The tick shown; `None`: nothing seen yet.
    pub fn tick(&self) -> Option<&Tick> {
        self.past.tick(self.position.tick(&self.past)?)
    }

    /// The newest tick; `None`: nothing seen yet.
    pub fn newest(&self) -> Option<&Tick> {
        self.present().last()
    }

    /// How long before the newest tick the one shown is.
    pub fn behind(&self) -> Duration {
        let span = self.newest().zip(self.tick());
        span.and_then(|(newest, tick)| {
            Duration::try_from(newest.time.duration_since(tick.time)).ok()
        })
        .unwrap_or_default()
    }

    /// Length of a step: the agent's tick, or the longer interval asked for.
    pub fn step(&self) -> Duration {
        let tick = self.agent.tick.max(Duration::from_millis(1));
        let ticks = self.interval.as_nanos().div_ceil(tick.as_nanos()).max(1);
        tick.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
    }

    /// How long no tick has come although the stream is open, once that is unusual.
    pub fn no_data_for(&self) -> Option<Duration> {
        let silence = self.feed.silence(self.clock.running);
        (self.link.offline().is_none() && silence >= self.step().saturating_mul(3))
            .then_some(silence)
    }

    /// From when on totals count, if that is not the beginning.
    pub fn since(&self) -> Option<Timestamp> {
        self.zero
            .as_ref()
            .map(|zero| zero.time)
            .or(self.feed.counting_since)
    }

    /// Whether the agent was asked for some processes only.
    pub fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// Running processes at the moment shown; `None`: not known.
    pub fn processes(&self) -> Option<usize> {
        let tick = self.tick()?;
        if let Some(count) = tick.processes {
            return usize::try_from(count).ok();
        }
        let number = self.position.tick(&self.past)?;
        let lens = Lens {
            settings: &self.settings,
            capabilities: &self.agent.capabilities,
            zero: None,
        };
        let whole = self.coverage == Coverage::Everything;
        let moment = Moment::at(&self.past, &self.roster, number, lens).filter(|_| whole)?;
        Some(moment.running())
    }

    /// Length of the steps of the history at the moment shown, if they are longer than others.
    pub fn coarse_step(&self) -> Option<Duration> {
        let tick = self.tick().filter(|tick| tick.origin == Origin::Stored)?;
        tick.length.filter(|length| *length * 2 > self.step() * 3)
    }

    /// What is where on the screen.
    pub fn plan(&self) -> Plan {
        layout::plan(self.size, self.screen, self.stage())
    }

    /// Entries of a list that are visible.
    pub fn rows(&self, pane: Pane) -> usize {
        let area = self.plan().panel(pane);
        area.map_or(0, |area| layout::list_rows(area, self.pinned(pane)).0)
    }

    /// Rows that the end of a list wants for sums.
    pub fn pinned(&self, pane: Pane) -> usize {
        match pane {
            Pane::Live => 1 + usize::from(self.unattributed().is_some()),
            Pane::Exited => 0,
        }
    }

    /// Bytes of no known process in the tick shown, if there are any and they belong to what is
    /// shown. They are not told apart by transport, family or loopback.
    pub fn unattributed(&self) -> Option<(Option<Bytes>, Option<Rate>)> {
        let scope = self.settings.scope;
        let whole = self.coverage == Coverage::Everything
            && self.filter().is_none()
            && scope.is_whole()
            && scope.loopback != Loopback::Only;
        let tick = self.tick().filter(|_| whole)?;
        let (bytes, total) = (tick.unattributed, tick.unattributed_total);
        let some = total.unwrap_or(bytes) != Bytes::default();
        some.then(|| (total, Rate::of(bytes, tick.length)))
    }

    /// Rates of the whole machine at the moment shown, received and sent; `None`: not known.
    pub fn speed(&self) -> [Option<u64>; 2] {
        self.mean(|tick| self.host(tick))
    }

    /// Whether a direction is counted on the agent's kernel.
    pub fn counts(&self, direction: Direction) -> bool {
        self.agent
            .capabilities
            .counts(direction, self.settings.scope)
    }

    /// The time of a step of the past.
    pub fn time_of(&self, number: TickNumber) -> Option<Timestamp> {
        self.past.time(number, self.step())
    }

    /// The connections of the moment shown; `None`: not known.
    pub fn sockets_shown(&self) -> Option<&OfTick> {
        self.sockets.at(self.tick()?.time)
    }

    /// Whether options leave connections out, so that what processes moved since first seen is not
    /// known.
    pub fn is_narrowed(&self) -> bool {
        self.narrow.is_some()
    }

    /// What one process had moved at the moment shown; `None`: not known.
    pub fn moment_of(&self, id: ProcessId) -> Option<Amounts> {
        let tick = self.position.tick(&self.past)?;
        let lens = Lens {
            settings: &self.settings,
            capabilities: &self.agent.capabilities,
            zero: self.zero.as_ref(),
        };
        moment::amounts(&self.past, self.roster.get(id)?, tick, lens)
    }

    /// Time of day, with the date when it is not today's.
    pub fn clock_time(&self, time: Timestamp) -> String {
        self.settings.time.clock(time, self.clock.wall)
    }

    /// Whether the order of a list is held.
    pub fn frozen(&self, pane: Pane) -> bool {
        match (pane, self.shape()) {
            (Pane::Live, Shape::Groups(_) | Shape::Tree) => self.outline.is_frozen(),
            _ => self.list(pane).order != Order::Sorted,
        }
    }

    // `None`: not known.
    pub(super) fn host(&self, tick: &Tick) -> Option<Bytes> {
        let bytes = tick.host?.sum(self.settings.scope).tick;
        Some(match self.unattributed() {
            Some(_) => bytes.plus(tick.unattributed),
            None => bytes,
        })
    }

    pub(super) fn mean(&self, bytes: impl Fn(&Tick) -> Option<Bytes>) -> [Option<u64>; 2] {
        let Some(at) = self.position.tick(&self.past) else {
            return [None, None];
        };
        let span = self.settings.average.span().unwrap_or_default();
        let window = self.past.window(at, span);
        let sum = window
            .iter()
            .try_fold(Bytes::default(), |sum, tick| Some(sum.plus(bytes(tick)?)));
        let Some(sum) = sum else {
            return [None, None];
        };
        let length: Option<Duration> = match window.len() {
            0 => None,
            _ => window.iter().map(|tick| tick.length).sum(),
        };
        let known = |direction, bytes| {
            self.counts(direction)
                .then(|| rate::per_second(bytes, length))
                .flatten()
        };
        [known(Direction::Rx, sum.rx), known(Direction::Tx, sum.tx)]
    }
}

impl Average {
    /// For the header; `None`: the usual.
    pub fn badge(self) -> Option<String> {
        self.span().map(|span| format!("avg {}s", span.as_secs()))
    }
}
