//! The filter language on the screen: what a process answers at the moment shown.
//!
//! Numbers are those of the columns: of the traffic that is shown, so that `rx>1M` means what the
//! RX column says.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use netmon_api::filter;
use netmon_api::filter::Field;
use netmon_api::filter::Measure;

use super::line::Activity;
use super::line::Line;
use super::moment::Lens;
use super::sockets::OfTick;
use super::tick::Tick;
use crate::matching;
use crate::matching::Socket;
use crate::rate;
use crate::row::Bytes;
use crate::row::Flows;
use crate::row::Loopback;
use crate::row::ProcessRow;
use crate::row::Scope;
use crate::session::capabilities::Direction;

/// A process at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    row: &'a ProcessRow,
    time: Timestamp,
    /// Per second, received and sent.
    rates: [Option<u64>; 2],
    total: Option<u64>,
    peak: Option<u64>,
    connections: Option<u32>,
    exited: bool,
    active: bool,
    sockets: Option<&'a OfTick>,
}

/// A process as a line of a list has it. `rates`: received and sent per second.
pub fn of_line<'a>(
    row: &'a ProcessRow,
    line: &Line,
    rates: [Option<u64>; 2],
    time: Timestamp,
    sockets: Option<&'a OfTick>,
) -> Subject<'a> {
    Subject {
        row,
        time,
        rates,
        total: line.total,
        peak: line.peak,
        connections: line.connections,
        exited: line.activity == Activity::Exited,
        active: rates.into_iter().flatten().any(|rate| rate > 0),
        sockets,
    }
}

/// A process as of one tick of the past: its bytes are those of the tick; what it had moved by
/// then, its peak and its sockets are taken as they are now.
pub fn in_tick<'a>(
    row: &'a ProcessRow,
    flows: &Flows,
    tick: &Tick,
    sockets: Option<&'a OfTick>,
    lens: Lens<'_>,
) -> Subject<'a> {
    let scope = lens.settings.scope;
    let Bytes { rx, tx } = flows.sum(scope).tick;
    let rate = |direction, bytes| {
        let counted = lens.capabilities.counts(direction, scope);
        counted
            .then(|| rate::per_second(bytes, tick.length))
            .flatten()
    };
    Subject {
        row,
        time: tick.time,
        rates: [rate(Direction::Rx, rx), rate(Direction::Tx, tx)],
        total: Some(row.flows.sum(scope).total.sum()),
        peak: row.peaks(scope).map(|peaks| peaks.sum_per_s),
        connections: row.connections(scope),
        exited: row.facts.exit.is_some_and(|exit| exit.time <= tick.time),
        active: rx > 0 || tx > 0,
        sockets,
    }
}

impl filter::Subject for Subject<'_> {
    fn pid(&self) -> Option<u32> {
        Some(self.row.facts.id.pid)
    }

    fn uid(&self) -> Option<u32> {
        Some(self.row.facts.uid)
    }

    fn text(&self, field: Field) -> Option<Cow<'_, str>> {
        matching::text(&self.row.facts, field)
    }

    fn measure(&self, measure: Measure) -> Option<u64> {
        let [rx, tx] = self.rates;
        match measure {
            Measure::Rx => rx,
            Measure::Tx => tx,
            Measure::Rate => Some(rx?.saturating_add(tx?)),
            Measure::Total => self.total,
            Measure::Peak => self.peak,
        }
    }

    fn connection_count(&self) -> Option<u64> {
        self.connections.map(u64::from)
    }

    fn age(&self) -> Option<Duration> {
        let facts = &self.row.facts;
        let end = facts.exit.filter(|_| self.exited);
        let end = end.map_or(self.time, |exit| exit.time);
        Duration::try_from(end.duration_since(facts.start_time)).ok()
    }

    fn exited(&self) -> Option<bool> {
        Some(self.exited)
    }

    fn active(&self) -> Option<bool> {
        Some(self.active)
    }

    fn loopback(&self) -> Option<bool> {
        let local = Scope {
            loopback: Loopback::Only,
            ..Scope::default()
        };
        Some(self.row.flows.sum(local).total != Bytes::default())
    }

    fn connections(&self) -> impl Iterator<Item = impl filter::Connection> {
        let sockets = self.sockets.into_iter();
        sockets.flat_map(|sockets| {
            let sample = sockets.sample();
            sockets
                .of(self.row.facts.id)
                .map(move |connection| Socket { connection, sample })
        })
    }
}
