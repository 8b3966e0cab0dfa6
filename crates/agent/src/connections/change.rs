//! One reading of one connection against what is known of it.

use std::sync::Arc;

use netmon_bpf::traffic::ConnectionReading;
use netmon_bpf::traffic::TcpHealth;

use super::Interfaces;
use super::Tick;
use crate::connection::ConnectionRow;
use crate::connection::Kind;
use crate::connection::Socket;

/// Bytes within the tick. Of one that was not known, all if it cannot have moved any before:
/// `detailed` says that the reading before had all that were open.
pub(super) fn moved(
    reading: &ConnectionReading,
    base: Option<(u64, u64)>,
    tick: Tick,
    detailed: bool,
) -> (u64, u64) {
    let began = match (reading.opened, tick.before) {
        (Some(opened), Some(before)) => opened >= before,
        _ => false,
    };
    let now = (reading.rx.bytes, reading.tx.bytes);
    let base = match base {
        Some(base) => base,
        None if detailed || began => (0, 0),
        None => now,
    };
    // Backwards: not the counters we knew. Take them, claim no bytes.
    (now.0.saturating_sub(base.0), now.1.saturating_sub(base.1))
}

pub(super) fn row(
    reading: ConnectionReading,
    (rx, tx): (u64, u64),
    tick: Tick,
    interfaces: &Interfaces,
) -> ConnectionRow {
    ConnectionRow {
        key: (reading.process, reading.id),
        seq: tick.seq,
        rx,
        tx,
        rx_total: reading.rx,
        tx_total: reading.tx,
        kind: Kind::Socket(Socket {
            interface: name(&reading, interfaces),
            reading,
            closed: None,
        }),
    }
}

pub(super) fn is_troubled(reading: &ConnectionReading) -> bool {
    let troubled = |tcp: TcpHealth| tcp.retransmits > 0 || tcp.reset || tcp.failed;
    !reading.shared && reading.tcp.is_some_and(troubled)
}

pub(super) fn bytes_of(row: &ConnectionRow) -> (u64, u64) {
    (row.rx_total.bytes, row.tx_total.bytes)
}

fn name(reading: &ConnectionReading, interfaces: &Interfaces) -> Option<Arc<str>> {
    let key = (reading.namespace, reading.interface);
    interfaces.get(&key).cloned()
}

/// Nothing to tell. Measures of a connection without traffic stand still once all is acknowledged.
pub(super) fn is_same(
    row: &ConnectionRow,
    reading: &ConnectionReading,
    interfaces: &Interfaces,
) -> bool {
    let Some(socket) = row.socket() else {
        return false;
    };
    let was = &socket.reading;
    let device = (reading.namespace, reading.interface);
    // Something may have been held back.
    row.rx_total == reading.rx
        && row.tx_total == reading.tx
        && was.state == reading.state
        && was.remote == reading.remote
        && was.local == reading.local
        && was.loopback == reading.loopback
        && was.tcp == reading.tcp
        && socket.interface.as_deref() == interfaces.get(&device).map(|name| &**name)
}
