//! What an older layout has counted, carried over once nothing counts there any more. Everything
//! is set, nothing is added: it may be done again from the start.

use std::collections::HashMap;

use libbpf_rs::MapCore;
use libbpf_rs::MapFlags;
use libbpf_rs::MapHandle;

use super::older::Older;
use crate::abi::carried;
use crate::abi::decode;
use crate::abi::encode;
use crate::abi::flow;
use crate::abi::handover;
use crate::abi::sharer;
use crate::abi::sharer_key;
use crate::abi::socket_state;
use crate::abi::traffic;
use crate::abi::traffic_key;
use crate::abi::Losses;
use crate::abi::ProcessId;
use crate::abi::Traffic;
use crate::abi::CPU_CARRIED;
use crate::abi::PART_CARRIED;
use crate::batch::lookup;
use crate::batch::Batch;
use crate::error::errno;
use crate::error::Error;
use crate::error::Result;
use crate::layout::only_entry;
use crate::layout::Bridge;
use crate::pins::store;
use crate::pins::Maps;
use crate::pins::ONLY;
use crate::unpreempted::Unpreempted;

/// Writes all totals of the older layout into the new maps.
pub(super) fn carry(older: &Older, maps: &Maps) -> Result<()> {
    let before = older.carried(maps)?;
    let mut base: carried = lookup(&maps.carried, &ONLY)?.unwrap_or_default();
    let (homeless, refused) = totals(older, maps)?;
    let mut unattributed = homeless;
    unattributed.add(&before.unattributed);
    let bridge = Bridge::between("unattributed", &older.unattributed, &maps.unattributed)?;
    for cpu in of_all_cpus(&older.unattributed, 0)? {
        if let Some(cpu) = decode::<traffic>(&bridge.value.convert(&cpu)) {
            unattributed.add(&cpu);
        }
    }
    base.unattributed = unattributed.encode();
    base.losses = before.losses;
    // LOSS_PROCESS_MAP_FULL, as when a program finds no room.
    base.losses[0] += refused;
    let causes = Losses::default().counts.len() as u32;
    for cause in 0..older.losses.max_entries().min(causes) {
        for cpu in of_all_cpus(&older.losses, cause)? {
            base.losses[cause as usize] += decode::<u64>(&cpu).unwrap_or(0);
        }
    }
    // LOSS_CONNECTION_MAP_FULL.
    base.losses[5] += connections(older, maps)?;
    store(&maps.carried, &base)?;
    let left: handover = only_entry("handover", &older.handover, &maps.handover)?;
    store(&maps.handover, &left)
}

/// Bytes of processes for whose totals there is no room, and how many those are.
fn totals(older: &Older, maps: &Maps) -> Result<(Traffic, u64)> {
    let bridge = Bridge::between("traffic", &older.traffic, &maps.traffic)?;
    let mut sums = HashMap::<ProcessId, Traffic>::new();
    let size = older.traffic.value_size() as usize;
    Batch::new(&older.traffic, size).read(&older.traffic, |key, value| {
        let key = decode::<traffic_key>(&bridge.key.convert(key));
        let cpu = decode::<traffic>(&bridge.value.convert(value));
        if let (Some(key), Some(cpu)) = (key, cpu) {
            sums.entry(key.into()).or_default().add(&cpu);
        }
    })?;
    let _unpreempted = Unpreempted::enter();
    let (mut homeless, mut refused) = (Traffic::default(), 0);
    for (id, sum) in sums {
        let key = traffic_key {
            start: id.start,
            tgid: id.pid,
            cpu: CPU_CARRIED,
        };
        let put = maps
            .traffic
            .update(encode(&key), encode(&sum.encode()), MapFlags::ANY);
        match put.map_err(|e| errno(&e)) {
            Ok(()) => {}
            Err(error) if matches!(error.raw_os_error(), Some(libc::E2BIG | libc::ENOMEM)) => {
                homeless.add(&sum.encode());
                refused += 1;
            }
            Err(error) => return Err(Error::kernel("carry totals over", error)),
        }
    }
    Ok((homeless, refused))
}

/// What was moved over sockets that may still be open. How many there is no room for.
fn connections(older: &Older, maps: &Maps) -> Result<u64> {
    let Some(older_sharers) = &older.sharers else {
        return Ok(0);
    };
    let mut sums = HashMap::<(u64, ProcessId), [flow; 2]>::new();
    let mut add = |id, process: ProcessId, flows: &[flow; 2]| {
        if id != 0 && process.pid != 0 {
            let sum = sums.entry((id, process)).or_default();
            for (sum, flow) in sum.iter_mut().zip(flows) {
                sum.bytes = sum.bytes.wrapping_add(flow.bytes);
                sum.calls = sum.calls.wrapping_add(flow.calls);
            }
        }
    };
    let bridge = Bridge::between("sockets", &older.sockets, &maps.sockets)?;
    let size = older.sockets.value_size() as usize;
    Batch::new(&older.sockets, size).read(&older.sockets, |_, value| {
        if let Some(socket) = decode::<socket_state>(&bridge.value.convert(value)) {
            add(socket.id, socket.user.into(), &socket.flows);
        }
    })?;
    let bridge = Bridge::between("sharers", older_sharers, &maps.sharers)?;
    let size = older_sharers.value_size() as usize;
    Batch::new(older_sharers, size).read(older_sharers, |key, value| {
        let key = decode::<sharer_key>(&bridge.key.convert(key));
        let sharer = decode::<sharer>(&bridge.value.convert(value));
        if let (Some(key), Some(sharer)) = (key, sharer) {
            add(key.id, key.into(), &sharer.flows);
        }
    })?;
    let mut refused = 0;
    let _unpreempted = Unpreempted::enter();
    for ((id, process), flows) in sums {
        let key = sharer_key {
            id,
            start: process.start,
            tgid: process.pid,
            part: PART_CARRIED,
        };
        let value = sharer { flows };
        let put = maps
            .sharers
            .update(encode(&key), encode(&value), MapFlags::ANY);
        refused += u64::from(put.is_err());
    }
    Ok(refused)
}

fn of_all_cpus(map: &MapHandle, key: u32) -> Result<Vec<Vec<u8>>> {
    let _unpreempted = Unpreempted::enter();
    let values = map
        .lookup_percpu(&key.to_ne_bytes(), MapFlags::ANY)
        .map_err(|e| Error::kernel("read a map entry", errno(&e)))?;
    Ok(values.unwrap_or_default())
}
