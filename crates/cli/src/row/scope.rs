//! Sums of traffic over the part of it that was asked for.

use super::Bytes;
use super::Counter;
use super::Family;
use super::Flows;
use super::Loopback;
use super::Peaks;
use super::ProcessRow;
use super::Scope;
use super::Transport;

impl Bytes {
    /// Received and sent together.
    pub fn sum(self) -> u64 {
        self.rx.saturating_add(self.tx)
    }

    /// Both, direction by direction.
    pub fn plus(self, other: Self) -> Self {
        Self {
            rx: self.rx.saturating_add(other.rx),
            tx: self.tx.saturating_add(other.tx),
        }
    }
}

impl Counter {
    /// Both, direction by direction.
    pub fn plus(self, other: Self) -> Self {
        Self {
            tick: self.tick.plus(other.tick),
            total: self.total.plus(other.total),
        }
    }

    /// Without `other`, never below zero.
    pub fn less(self, other: Self) -> Self {
        let less = |a: Bytes, b: Bytes| Bytes {
            rx: a.rx.saturating_sub(b.rx),
            tx: a.tx.saturating_sub(b.tx),
        };
        Self {
            tick: less(self.tick, other.tick),
            total: less(self.total, other.total),
        }
    }
}

impl Flows {
    /// Changes each cell by the same one of `other`.
    pub fn each(&mut self, other: &Self, change: fn(Counter, Counter) -> Counter) {
        for (cell, other) in self.cells_mut().zip(other.cells()) {
            *cell = change(*cell, *other);
        }
    }

    /// The traffic inside `scope`.
    pub fn sum(&self, scope: Scope) -> Counter {
        let mut sum = Counter::default();
        for transport in scope.transports() {
            for family in scope.families() {
                sum = sum.plus(self.cell(*transport, *family, scope.loopback));
            }
        }
        sum
    }

    /// One transport and family, with loopback as asked.
    pub fn cell(&self, transport: Transport, family: Family, loopback: Loopback) -> Counter {
        let external = self.external[transport as usize][family as usize];
        let local = self.loopback[transport as usize][family as usize];
        match loopback {
            Loopback::Exclude => external,
            Loopback::Include => external.plus(local),
            Loopback::Only => local,
        }
    }

    /// Ends the tick: no bytes moved since, the totals stay.
    pub fn rest(&mut self) {
        for cell in self.cells_mut() {
            cell.tick = Bytes::default();
        }
    }

    /// Adds the bytes of the tick in `earlier` to those of this tick; the totals stay.
    pub fn add_ticks(&mut self, earlier: &Self) {
        for (cell, earlier) in self.cells_mut().zip(earlier.cells()) {
            cell.tick = cell.tick.plus(earlier.tick);
        }
    }

    /// Takes over the totals of `later` that it has.
    pub fn take_totals(&mut self, later: &Self) {
        for (cell, later) in self.cells_mut().zip(later.cells()) {
            if later.total != Bytes::default() {
                cell.total = later.total;
            }
        }
    }

    fn cells(&self) -> impl Iterator<Item = &Counter> {
        self.external.iter().chain(&self.loopback).flatten()
    }

    fn cells_mut(&mut self) -> impl Iterator<Item = &mut Counter> {
        self.external.iter_mut().chain(&mut self.loopback).flatten()
    }
}

impl Scope {
    /// The transports inside.
    pub fn transports(self) -> &'static [Transport] {
        match self.transport {
            None => &[Transport::Tcp, Transport::Udp],
            Some(Transport::Tcp) => &[Transport::Tcp],
            Some(Transport::Udp) => &[Transport::Udp],
        }
    }

    /// The families inside.
    pub fn families(self) -> &'static [Family] {
        match self.family {
            None => &[Family::V4, Family::V6],
            Some(Family::V4) => &[Family::V4],
            Some(Family::V6) => &[Family::V6],
        }
    }

    /// The same of one transport alone.
    pub fn with_transport(self, transport: Transport) -> Self {
        Self {
            transport: Some(transport),
            ..self
        }
    }

    /// The same of one family alone.
    pub fn with_family(self, family: Family) -> Self {
        Self {
            family: Some(family),
            ..self
        }
    }

    /// Whether all transports and families are inside and not only loopback is.
    pub fn is_whole(self) -> bool {
        self.transport.is_none() && self.family.is_none() && self.loopback != Loopback::Only
    }
}

impl ProcessRow {
    /// The peaks inside `scope`; `None`: the agent keeps none for a part that narrow, or all bytes
    /// moved while nobody looked.
    pub fn peaks(&self, scope: Scope) -> Option<&Peaks> {
        if !scope.is_whole() {
            return None;
        }
        let peaks = match scope.loopback {
            Loopback::Exclude => &self.peaks,
            Loopback::Include => &self.peaks_with_loopback,
            Loopback::Only => return None,
        };
        let total = self.flows.sum(scope).total;
        let unseen = peaks.time.is_none() && (total.rx > 0 || total.tx > 0);
        (!unseen).then_some(peaks)
    }

    /// Open sockets with a peer of the transports in `scope`; `None`: cannot be told, also for one
    /// family alone.
    pub fn connections(&self, scope: Scope) -> Option<u32> {
        connections(scope, self.tcp_connections, self.udp_connections)
    }
}

/// Sockets of the transports in `scope`; `None`: cannot be told, also for one family alone.
pub fn connections(scope: Scope, tcp: Option<u32>, udp: Option<u32>) -> Option<u32> {
    if scope.family.is_some() {
        return None;
    }
    match scope.transport {
        None => Some(tcp?.saturating_add(udp?)),
        Some(Transport::Tcp) => tcp,
        Some(Transport::Udp) => udp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(n: u64) -> Counter {
        Counter {
            tick: Bytes { rx: n, tx: 0 },
            total: Bytes { rx: n, tx: n },
        }
    }

    #[test]
    fn a_scope_sums_its_cells_only() {
        let flows = Flows {
            external: [[counter(1), counter(2)], [counter(4), counter(8)]],
            loopback: [[counter(16), counter(32)], [counter(64), counter(128)]],
        };
        let whole = Scope::default();
        let tcp = Scope {
            transport: Some(Transport::Tcp),
            ..whole
        };
        let udp6 = Scope {
            transport: Some(Transport::Udp),
            family: Some(Family::V6),
            ..whole
        };
        for (scope, expected) in [
            (whole, 15),
            (
                Scope {
                    loopback: Loopback::Include,
                    ..whole
                },
                255,
            ),
            (
                Scope {
                    loopback: Loopback::Only,
                    ..whole
                },
                240,
            ),
            (tcp, 3),
            (
                Scope {
                    loopback: Loopback::Only,
                    ..tcp
                },
                48,
            ),
            (udp6, 8),
            (
                Scope {
                    loopback: Loopback::Include,
                    ..udp6
                },
                136,
            ),
        ] {
            assert_eq!(flows.sum(scope), counter(expected), "{scope:?}");
        }
    }
}
