//! Keeps the connections of a process from running ahead of it.
//!
//! Processes are read first and connections a moment later. What moved in between would be told of the
//! connection in this tick and of the process in the next; it is held back, so that in every tick the
//! process has what its connections have. It is never held back twice: the process has it by then.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use netmon_bpf::abi::ProcessId;
use netmon_bpf::traffic::ConnectionReading;
use netmon_bpf::traffic::Transport;

use super::Processes;
use crate::connection::ConnectionRow;

/// Bytes within a tick, received and sent.
type Bytes = (u64, u64);

/// By transport: TCP and UDP. Family and loopback may be told of each datagram, and of a socket as a
/// whole.
pub type Moved = [Bytes; 2];

/// One tick.
#[derive(Debug, Default)]
pub(super) struct Hold {
    /// Told with those that are closed.
    spent: HashMap<ProcessId, Moved>,
    /// Held back in the tick before.
    due: HashMap<ProcessId, Moved>,
}

/// What was held back of a row.
pub(super) fn held(row: &ConnectionRow) -> Bytes {
    let Some(socket) = row.socket() else {
        return (0, 0);
    };
    let (rx, tx) = (socket.reading.rx.bytes, socket.reading.tx.bytes);
    (
        rx.saturating_sub(row.rx_total.bytes),
        tx.saturating_sub(row.tx_total.bytes),
    )
}

impl Hold {
    /// Whether one that is closed may be told with this.
    pub(super) fn allows(
        &self,
        reading: &ConnectionReading,
        moved: Bytes,
        processes: &impl Processes,
    ) -> bool {
        let at = index(reading.transport);
        let Some(all) = processes.moved(reading.process) else {
            return true;
        };
        let spent = self.spent.get(&reading.process).copied();
        let left = less(all[at], spent.unwrap_or_default()[at]);
        moved.0 <= left.0 && moved.1 <= left.1
    }

    /// One that is closed is told with this.
    pub(super) fn spend(&mut self, reading: &ConnectionReading, moved: Bytes) {
        let spent = self.spent.entry(reading.process).or_default();
        add(&mut spent[index(reading.transport)], moved);
    }

    /// What was held back of a row is due now.
    pub(super) fn release(&mut self, row: &ConnectionRow) {
        let held = held(row);
        if held != (0, 0) {
            let due = self.due.entry(row.key.0).or_default();
            add(&mut due[transport(row)], held);
        }
    }

    /// Holds back what these rows have beyond their process: gives those that have less now.
    pub(super) fn back(
        &self,
        rows: &mut [Arc<ConnectionRow>],
        processes: &impl Processes,
    ) -> Vec<Arc<ConnectionRow>> {
        let mut over: HashMap<ProcessId, Moved> = HashMap::new();
        for row in rows.iter() {
            let sum = over.entry(row.key.0).or_default();
            add(&mut sum[transport(row)], (row.rx, row.tx));
        }
        over.retain(|process, sums| {
            let Some(mut left) = processes.moved(*process) else {
                return false;
            };
            let spent = self.spent.get(process).copied().unwrap_or_default();
            let due = self.due.get(process).copied().unwrap_or_default();
            for at in 0..2 {
                left[at] = less(left[at], spent[at]);
                left[at] = (left[at].0.max(due[at].0), left[at].1.max(due[at].1));
                sums[at] = less(sums[at], left[at]);
            }
            *sums != Moved::default()
        });
        if over.is_empty() {
            return Vec::new();
        }
        // Most of it has moved where most has.
        let ahead = |index: &usize| over.contains_key(&rows[*index].key.0);
        let mut order: Vec<usize> = (0..rows.len()).filter(ahead).collect();
        order.sort_by_key(|index| Reverse(rows[*index].rx.saturating_add(rows[*index].tx)));
        let mut lowered = Vec::new();
        for index in order {
            let row = &mut rows[index];
            let Some(sums) = over.get_mut(&row.key.0) else {
                continue;
            };
            let sum = &mut sums[transport(row)];
            let (rx, tx) = (sum.0.min(row.rx), sum.1.min(row.tx));
            if (rx, tx) == (0, 0) {
                continue;
            }
            *sum = less(*sum, (rx, tx));
            let mut less = (**row).clone();
            (less.rx, less.tx) = (less.rx - rx, less.tx - tx);
            less.rx_total.bytes = less.rx_total.bytes.saturating_sub(rx);
            less.tx_total.bytes = less.tx_total.bytes.saturating_sub(tx);
            *row = Arc::new(less);
            lowered.push(Arc::clone(row));
        }
        lowered
    }
}

fn transport(row: &ConnectionRow) -> usize {
    row.socket()
        .map_or(0, |socket| index(socket.reading.transport))
}

fn index(transport: Transport) -> usize {
    match transport {
        Transport::Tcp => 0,
        Transport::Udp => 1,
    }
}

fn add(sum: &mut Bytes, more: Bytes) {
    *sum = (sum.0.saturating_add(more.0), sum.1.saturating_add(more.1));
}

fn less(all: Bytes, part: Bytes) -> Bytes {
    (all.0.saturating_sub(part.0), all.1.saturating_sub(part.1))
}
