//! The state at one tick, worked out from the newest state and what changed since.

mod parts;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use netmon_api::filter::Filter;

use super::line::Activity;
use super::line::Line;
use super::past::Past;
use super::past::TickNumber;
use super::roster;
use super::roster::Roster;
use super::screen::Pane;
use super::settings::Idle;
use super::settings::Mix;
use super::settings::Numbers;
use super::settings::Settings;
use super::sockets::OfTick;
use super::subject;
use super::tick::Connections;
use super::tick::Origin;
use super::tick::Quality;
use super::tick::Tick;
use crate::rate;
use crate::row::ByProcess;
use crate::row::Bytes;
use crate::row::Counter;
use crate::row::Extent;
use crate::row::Family;
use crate::row::Flows;
use crate::row::ProcessId;
use crate::row::ProcessRow;
use crate::row::Sample;
use crate::row::Scope;
use crate::row::State;
use crate::row::Transport;
use crate::session::capabilities::Capabilities;
use crate::session::capabilities::Direction;

/// How long an ended process stays in the list of the running ones.
const LINGER: Duration = Duration::from_secs(5);

/// Totals at the moment the user set a zero.
#[derive(Debug, Clone)]
pub struct Zero {
    /// That moment.
    pub time: Timestamp,
    /// What each process had moved by then.
    pub totals: ByProcess<Flows>,
}

/// What a moment is seen with.
#[derive(Debug, Clone, Copy)]
pub struct Lens<'a> {
    /// What the user chose.
    pub settings: &'a Settings,
    /// What the agent can count.
    pub capabilities: &'a Capabilities,
    /// From where totals count; `None`: from the beginning.
    pub zero: Option<&'a Zero>,
}

/// The state at one tick.
#[derive(Debug)]
pub struct Moment<'a> {
    tick: &'a Tick,
    number: TickNumber,
    window: Vec<&'a Tick>,
    moved: ByProcess<Flows>,
    earlier: ByProcess<Earlier>,
    roster: &'a Roster,
    lens: Lens<'a>,
    /// Whether received and sent bytes are counted here.
    counts: [bool; 2],
}

/// What one process had moved at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Amounts {
    /// By kind, all that is counted.
    pub flows: Flows,
    /// Bytes over the time that rates are taken of.
    pub tick: Bytes,
    /// How long that is; `None`: not known.
    pub length: Option<Duration>,
    /// Bytes since first seen, or since the user set a zero.
    pub total: Bytes,
}

/// What one process had moved at a tick; `None`: nothing is known of the tick.
pub fn amounts(
    past: &Past,
    row: &ProcessRow,
    number: TickNumber,
    lens: Lens<'_>,
) -> Option<Amounts> {
    past.tick(number)?;
    let id = row.facts.id;
    let window = past.window(number, lens.settings.average.span().unwrap_or_default());
    let scope = lens.settings.scope;
    let mut moved = Flows::default();
    for change in window.iter().filter_map(|tick| tick.changes.of(id)) {
        moved.add_ticks(&change.flows());
    }
    let mut flows = row.flows;
    for change in past.after(number).filter_map(|tick| tick.changes.of(id)) {
        change.undo(&mut flows);
    }
    let zero = lens.zero.and_then(|zero| zero.totals.get(&id));
    let zero = zero.map(|zero| zero.sum(scope).total).unwrap_or_default();
    let total = flows.sum(scope).total;
    Some(Amounts {
        flows,
        tick: moved.sum(scope).tick,
        length: window
            .iter()
            .try_fold(Duration::ZERO, |sum, tick| {
                Some(sum.saturating_add(tick.length?))
            })
            .filter(|_| !window.is_empty()),
        total: Bytes {
            rx: total.rx.saturating_sub(zero.rx),
            tx: total.tx.saturating_sub(zero.tx),
        },
    })
}

#[derive(Debug, Clone, Copy)]
struct Earlier {
    flows: Flows,
    connections: Connections,
}

impl<'a> Moment<'a> {
    /// The state at a tick. `None`: nothing is known of it.
    pub fn at(
        past: &'a Past,
        roster: &'a Roster,
        number: TickNumber,
        lens: Lens<'a>,
    ) -> Option<Self> {
        let tick = past.tick(number)?;
        let window = match lens.settings.average.span() {
            None => past.window(number, Duration::ZERO),
            Some(span) => past.window(number, span),
        };
        let mut moved: ByProcess<Flows> = ByProcess::default();
        for change in window.iter().flat_map(|tick| tick.changes.iter()) {
            moved
                .entry(change.id)
                .or_default()
                .add_ticks(&change.flows());
        }
        let mut earlier: ByProcess<Earlier> = ByProcess::default();
        for change in past.after(number).flat_map(|tick| tick.changes.iter()) {
            let Some(row) = roster.get(change.id) else {
                continue;
            };
            let state = earlier.entry(change.id).or_insert_with(|| Earlier {
                flows: row.flows,
                connections: roster::connections(row),
            });
            change.undo(&mut state.flows);
            state.connections = change.connections_before;
        }
        Some(Self {
            tick,
            number,
            window,
            moved,
            earlier,
            roster,
            lens,
            counts: [Direction::Rx, Direction::Tx]
                .map(|direction| lens.capabilities.counts(direction, lens.settings.scope)),
        })
    }

    /// The lines of a list, unordered. A selected process stays in it after its end.
    pub fn lines(&self, pane: Pane, selected: Option<ProcessId>) -> Vec<Line> {
        self.there()
            .filter_map(|row| match pane {
                Pane::Live => self.live(row, selected == Some(row.facts.id)),
                Pane::Exited => self.exited(row),
            })
            .collect()
    }

    /// All of it as a sample.
    pub fn sample(&self) -> Sample {
        let rows = self.there().map(|row| {
            let mut row = row.clone();
            let mut flows = self.flows(&row);
            flows.rest();
            if let Some(change) = self.tick.changes.of(row.facts.id) {
                flows.add_ticks(&change.flows());
            }
            row.flows = flows;
            if self.ended(&row) == Ended::No {
                Arc::make_mut(&mut row.facts).state = State::Live;
                Arc::make_mut(&mut row.facts).exit = None;
            }
            let sockets = match (self.tick.origin, self.earlier.get(&row.facts.id)) {
                (Origin::Stored, _) => Connections::default(),
                (Origin::Watched, Some(earlier)) => earlier.connections,
                (Origin::Watched, None) => roster::connections(&row),
            };
            row.tcp_connections = sockets.tcp;
            row.udp_connections = sockets.udp;
            row
        });
        let rows: Vec<_> = rows.collect();
        let (extent, flows) = match (self.tick.host, self.tick.origin) {
            (None, _) => (Extent::Nothing, Flows::default()),
            (Some(flows), Origin::Stored) => (Extent::Bytes, flows),
            (Some(flows), Origin::Watched) => (Extent::All, flows),
        };
        Sample {
            seq: self.tick.seq,
            time: self.tick.time,
            length: self.tick.length,
            merged: 1,
            extent,
            flows,
            unattributed: Counter {
                tick: self.tick.unattributed,
                total: self.tick.unattributed_total.unwrap_or_default(),
            },
            processes: self.tick.processes.unwrap_or_default(),
            processes_active: self.tick.active.unwrap_or_default(),
            tcp_connections: self.tick.connections.tcp,
            udp_connections: self.tick.connections.udp,
            lower_bound: self.tick.quality == Quality::LowerBound,
            rows,
            connections: Vec::new(),
        }
    }

    /// How many processes were running.
    pub fn running(&self) -> usize {
        self.there()
            .filter(|row| self.ended(row) == Ended::No)
            .count()
    }

    /// The end of the tick.
    pub fn time(&self) -> Timestamp {
        self.tick.time
    }

    /// Whether a filter takes a line. `sockets`: the connections of the tick; `None`: not known.
    pub fn takes(&self, filter: &Filter, line: &Line, sockets: Option<&OfTick>) -> bool {
        let Some(row) = self.roster.get(line.id) else {
            return false;
        };
        let rates = self.rates(line.id);
        let subject = subject::of_line(row, line, rates, self.tick.time, sockets);
        filter.matches(&subject)
    }

    /// A process.
    pub fn row(&self, id: ProcessId) -> Option<&'a ProcessRow> {
        self.roster.get(id)
    }

    /// Totals of every process at this moment.
    pub fn totals(&self) -> ByProcess<Flows> {
        self.roster
            .at(self.number)
            .map(|row| (row.facts.id, self.flows(row)))
            .collect()
    }

    fn there(&self) -> impl Iterator<Item = &ProcessRow> {
        self.roster
            .at(self.number)
            .filter(|row| row.facts.first_seen <= self.tick.time)
    }

    fn live(&self, row: &ProcessRow, selected: bool) -> Option<Line> {
        let (id, settings) = (row.facts.id, self.lens.settings);
        let ended = self.ended(row);
        if let Ended::At(time) = ended {
            let ago = Duration::try_from(self.tick.time.duration_since(time)).unwrap_or_default();
            let kept = match settings.mix {
                Mix::Apart => LINGER,
                Mix::Together => settings.window.span().unwrap_or(Duration::MAX),
            };
            if ago > kept && !selected {
                return None;
            }
        }
        if ended == Ended::Sometime && settings.mix == Mix::Apart && !selected {
            return None;
        }
        let last = self
            .tick
            .changes
            .of(id)
            .map(|change| change.flows())
            .unwrap_or_default();
        let activity = match ended {
            Ended::No if last.sum(self.scope()).tick == Bytes::default() => Activity::Idle,
            Ended::No => Activity::Active,
            Ended::At(_) | Ended::Sometime => Activity::Exited,
        };
        if activity == Activity::Idle && self.lens.settings.idle == Idle::Hidden && !selected {
            return None;
        }
        let rates = self.rates(id);
        let mut line = self.line(row, activity);
        line.rate = both(rates);
        if self.lens.settings.numbers == Numbers::Rates {
            [line.rx, line.tx] = rates;
        }
        line.age_ms = millis(row.facts.start_time, self.tick.time);
        Some(line)
    }

    // Per second, received and sent, over the time that rates are taken of.
    fn rates(&self, id: ProcessId) -> [Option<u64>; 2] {
        let moved = self.moved.get(&id).copied().unwrap_or_default();
        let length = self.length();
        self.counted(moved.sum(self.scope()).tick)
            .map(|bytes| rate::per_second(bytes?, length))
    }

    fn exited(&self, row: &ProcessRow) -> Option<Line> {
        let end = match self.ended(row) {
            Ended::No => return None,
            Ended::Sometime => None,
            Ended::At(time) => Some(time),
        };
        let kept = match (self.lens.settings.window.span(), end) {
            (Some(span), Some(end)) => {
                Duration::try_from(self.tick.time.duration_since(end)).unwrap_or_default() <= span
            }
            _ => true,
        };
        if !kept {
            return None;
        }
        let mut line = self.line(row, Activity::Exited);
        line.rate = line.total;
        line.age_ms = end.and_then(|end| millis(row.facts.start_time, end));
        line.average = line
            .age_ms
            .and_then(|ms| rate::per_second(line.total?, Some(Duration::from_millis(ms))));
        Some(line)
    }

    fn line(&self, row: &ProcessRow, activity: Activity) -> Line {
        let (flows, scope) = (self.flows(row), self.scope());
        let zero = self
            .lens
            .zero
            .and_then(|zero| zero.totals.get(&row.facts.id));
        let since = |scope: Scope| {
            let (now, then) = (
                flows.sum(scope).total,
                zero.map(|zero| zero.sum(scope).total),
            );
            let then = then.unwrap_or_default();
            Bytes {
                rx: now.rx.saturating_sub(then.rx),
                tx: now.tx.saturating_sub(then.tx),
            }
        };
        let totals = since(scope);
        let [rx, tx] = self.counted(totals);
        // A part of the traffic outside the scope would be a part of something else.
        let part = |narrow: Option<Scope>| both(self.counted(since(narrow?)));
        Line {
            id: row.facts.id,
            activity,
            rx,
            tx,
            rate: None,
            connections: self.connections(row),
            peak: row.peaks(scope).and_then(|peaks| match peaks.time {
                Some(time) if time > self.tick.time => None,
                // The history does not tell when a process was at its highest.
                None if flows.sum(scope).total != Bytes::default() => None,
                _ => both(self.counted(Bytes::default())).map(|_| peaks.sum_per_s),
            }),
            total: both([rx, tx]),
            totals,
            udp: part(scope.transport.is_none().then_some(Scope {
                transport: Some(Transport::Udp),
                ..scope
            })),
            v6: part(scope.family.is_none().then_some(Scope {
                family: Some(Family::V6),
                ..scope
            })),
            age_ms: None,
            average: None,
        }
    }

    fn ended(&self, row: &ProcessRow) -> Ended {
        match (row.facts.state, row.facts.exit) {
            (State::Live, _) => Ended::No,
            (State::Exited, Some(exit)) if exit.time > self.tick.time => Ended::No,
            (State::Exited, Some(exit)) => Ended::At(exit.time),
            (State::Exited, None) => Ended::Sometime,
        }
    }

    fn flows(&self, row: &ProcessRow) -> Flows {
        self.earlier
            .get(&row.facts.id)
            .map_or(row.flows, |earlier| earlier.flows)
    }

    fn connections(&self, row: &ProcessRow) -> Option<u32> {
        // The history has no sockets, and those of later say nothing about then.
        if self.tick.origin == Origin::Stored {
            return None;
        }
        let now = roster::connections(row);
        self.earlier
            .get(&row.facts.id)
            .map_or(now, |earlier| earlier.connections)
            .within(self.scope())
    }

    // Unknown directions are taken out.
    fn counted(&self, bytes: Bytes) -> [Option<u64>; 2] {
        let [rx, tx] = self.counts;
        [rx.then_some(bytes.rx), tx.then_some(bytes.tx)]
    }

    fn length(&self) -> Option<Duration> {
        self.window
            .iter()
            .map(|tick| tick.length)
            .try_fold(Duration::ZERO, |sum, length| {
                Some(sum.saturating_add(length?))
            })
    }

    fn scope(&self) -> Scope {
        self.lens.settings.scope
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    No,
    At(Timestamp),
    /// It has ended, but when is not known.
    Sometime,
}

fn both([rx, tx]: [Option<u64>; 2]) -> Option<u64> {
    Some(rx?.saturating_add(tx?))
}

fn millis(from: Timestamp, to: Timestamp) -> Option<u64> {
    u64::try_from(to.duration_since(from).as_millis()).ok()
}
