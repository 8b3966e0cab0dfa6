//! The numbers of one row or sum, with what cannot be counted left unknown.

use std::time::Duration;

use crate::rate::per_second;
use crate::row::Counter;
use crate::row::Family;
use crate::row::Loopback;
use crate::row::Scope;
use crate::row::Transport;
use crate::session::capabilities::Capabilities;
use crate::session::capabilities::Direction;

/// What is counted of the traffic that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Received bytes.
    pub rx: bool,
    /// Sent bytes.
    pub tx: bool,
    /// Open connections.
    pub connections: bool,
    /// How a process ended.
    pub exit: bool,
    /// Bytes received over loopback, by themselves.
    pub loopback_rx: bool,
    /// Bytes sent over loopback, by themselves.
    pub loopback_tx: bool,
    /// Bytes since first seen, not only those of the tick.
    pub totals: bool,
    /// Received and sent bytes of each kind, `[transport][family]`.
    pub cells: [[(bool, bool); 2]; 2],
}

impl Known {
    /// What an agent with `capabilities` counts inside `scope`.
    pub fn new(capabilities: &Capabilities, scope: Scope) -> Self {
        let counts = |scope| {
            (
                capabilities.counts(Direction::Rx, scope),
                capabilities.counts(Direction::Tx, scope),
            )
        };
        let cell = |transport, family| {
            counts(Scope {
                transport: Some(transport),
                family: Some(family),
                ..scope
            })
        };
        let row = |transport| [cell(transport, Family::V4), cell(transport, Family::V6)];
        let loopback = counts(Scope {
            loopback: Loopback::Only,
            ..Scope::default()
        });
        let (rx, tx) = counts(scope);
        Self {
            rx,
            tx,
            connections: capabilities.counts_connections(),
            exit: capabilities.has("exit"),
            loopback_rx: loopback.0,
            loopback_tx: loopback.1,
            totals: true,
            cells: [row(Transport::Tcp), row(Transport::Udp)],
        }
    }
}

/// Bytes and rates. `None`: unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// Received within the tick.
    pub rx: Option<u64>,
    /// Sent within the tick.
    pub tx: Option<u64>,
    /// Received, bytes per second.
    pub rx_rate: Option<u64>,
    /// Sent, bytes per second.
    pub tx_rate: Option<u64>,
    /// Received since first seen.
    pub rx_total: Option<u64>,
    /// Sent since first seen.
    pub tx_total: Option<u64>,
}

impl Numbers {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        rx: None,
        tx: None,
        rx_rate: None,
        tx_rate: None,
        rx_total: None,
        tx_total: None,
    };

    /// The known part of `counter` in a tick of `length`.
    pub fn new(counter: Counter, length: Option<Duration>, known: Known) -> Self {
        let rx = known.rx.then_some(counter.tick.rx);
        let tx = known.tx.then_some(counter.tick.tx);
        Self {
            rx,
            tx,
            rx_rate: rx.and_then(|bytes| per_second(bytes, length)),
            tx_rate: tx.and_then(|bytes| per_second(bytes, length)),
            rx_total: (known.rx && known.totals).then_some(counter.total.rx),
            tx_total: (known.tx && known.totals).then_some(counter.total.tx),
        }
    }

    /// Both directions, bytes per second.
    pub fn rate(&self) -> Option<u64> {
        Some(self.rx_rate?.saturating_add(self.tx_rate?))
    }

    /// Both directions within the tick.
    pub fn sum(&self) -> Option<u64> {
        Some(self.rx?.saturating_add(self.tx?))
    }

    /// The same where nothing is known since first seen.
    pub fn without_totals(self) -> Self {
        Self {
            rx_total: None,
            tx_total: None,
            ..self
        }
    }

    /// Both directions since first seen.
    pub fn total(&self) -> Option<u64> {
        Some(self.rx_total?.saturating_add(self.tx_total?))
    }
}
