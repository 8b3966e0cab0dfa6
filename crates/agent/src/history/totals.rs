//! The sums of the machine since its counters were made, at some moment.

use netmon_bpf::abi::Flow;

use super::piece::Head;
use super::varint::put;
use super::varint::Read;
use super::varint::Reader;
use super::Sum;
use crate::frame::FlowCount;
use crate::frame::TickFacts;

/// Cumulative bytes over all processes that ever were, received and sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// By kind (see [`crate::frame::FlowCount::kind`]).
    pub flows: [(u64, u64); 8],
    /// Without a process.
    pub unattributed: (u64, u64),
}

impl Totals {
    /// At the end of a tick.
    pub fn of(tick: &TickFacts) -> Totals {
        let none = &tick.unattributed;
        let mut totals = Totals {
            unattributed: (none.rx_total.bytes, none.tx_total.bytes),
            ..Totals::default()
        };
        for flow in &tick.flows {
            totals.flows[usize::from(flow.kind & 7)] = (flow.rx_total.bytes, flow.tx_total.bytes);
        }
        totals
    }

    /// The kinds that are not zero.
    pub fn flows(&self) -> impl Iterator<Item = FlowCount> + '_ {
        let moved = (0u8..)
            .zip(&self.flows)
            .filter(|(_, total)| **total != (0, 0));
        let total = |bytes| Flow { bytes, calls: 0 };
        moved.map(move |(kind, (rx, tx))| FlowCount {
            kind,
            rx_total: total(*rx),
            tx_total: total(*tx),
            ..FlowCount::default()
        })
    }

    /// With what moved in a stretch.
    pub fn add(&mut self, head: &Head, sums: &[Sum]) {
        if head.gaps.iter().any(|gap| !gap.counters_kept) {
            // Other counters: these began at nothing, and a stretch begins with its gap.
            *self = Totals::default();
        }
        let add = |total: &mut (u64, u64), (rx, tx): (u64, u64)| {
            *total = (total.0.saturating_add(rx), total.1.saturating_add(tx));
        };
        for sum in sums {
            add(&mut self.flows[usize::from(sum.kind & 7)], (sum.rx, sum.tx));
        }
        add(&mut self.unattributed, head.unattributed);
    }

    /// Appends it.
    pub fn put(&self, out: &mut Vec<u8>) {
        let moved = |total: &(u64, u64)| *total != (0, 0);
        let kinds = self.flows.iter().enumerate().filter(|(_, t)| moved(t));
        out.push(kinds.fold(0, |mask, (kind, _)| mask | 1 << kind));
        let flows = self.flows.iter().filter(|total| moved(total));
        for (rx, tx) in flows.chain([&self.unattributed]) {
            put(out, *rx);
            put(out, *tx);
        }
    }

    /// Reads what [`Totals::put`] wrote.
    pub fn read(reader: &mut Reader) -> Read<Totals> {
        let mask = reader.byte()?;
        let mut totals = Totals::default();
        for (kind, total) in totals.flows.iter_mut().enumerate() {
            if mask >> kind & 1 == 1 {
                *total = (reader.number()?, reader.number()?);
            }
        }
        totals.unattributed = (reader.number()?, reader.number()?);
        Ok(totals)
    }
}
