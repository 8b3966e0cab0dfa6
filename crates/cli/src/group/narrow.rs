//! The numbers of processes, of some of their connections alone.

use std::collections::HashMap;

use netmon_api::filter::Filter;

use crate::matching;
use crate::row::Flows;
use crate::row::Peaks;
use crate::row::ProcessId;
use crate::row::ProcessRow;
use crate::row::Sample;
use crate::row::Transport;

/// Leaves the connections that `filter` takes, and of each process the bytes that they moved. What
/// processes moved since first seen is not known then: connections that are gone are not kept. A
/// process whose connections were folded may have moved more: then the sample is a lower bound.
pub fn narrow(sample: &mut Sample, filter: &Filter) {
    let folded = sample
        .connections
        .iter()
        .any(|connection| connection.folded.is_some() && connection.counter.tick.sum() > 0);
    sample.lower_bound |= folded;
    let mut connections = std::mem::take(&mut sample.connections);
    let processes: HashMap<ProcessId, &ProcessRow> = sample
        .rows
        .iter()
        .map(|process| (process.facts.id, process))
        .collect();
    connections.retain(|connection| {
        let process = processes.get(&connection.process).copied();
        matching::takes(filter, connection, process, sample)
    });
    let mut left: HashMap<ProcessId, (Flows, [u32; 2])> = HashMap::new();
    for connection in &connections {
        let (flows, open) = left.entry(connection.process).or_default();
        connection.add_to(flows);
        if connection.closed.is_none() {
            open[connection.transport as usize] += 1;
        }
    }
    for process in &mut sample.rows {
        let (flows, open) = left.remove(&process.facts.id).unwrap_or_default();
        process.flows = flows;
        process.tcp_connections = Some(open[Transport::Tcp as usize]);
        process.udp_connections = Some(open[Transport::Udp as usize]);
        process.peaks = Peaks::default();
        process.peaks_with_loopback = Peaks::default();
    }
    sample.connections = connections;
}
