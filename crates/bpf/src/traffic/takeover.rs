//! Taking over the counters of an older layout while they count.
//!
//! The new programs get maps of their own, except `control`, which both layouts share. They are
//! attached before the switch and follow (`follows` in maps.h): every event changes the sockets,
//! peers and processes of both layouts, and is counted in the old one. Their starting point is not
//! asked of the kernel but copied from the old maps and compared until nothing differs (mirror.rs).
//! Only the old baseline tells up to which byte of a stream the old programs have counted: looking
//! at the socket instead is wrong by what a call has moved whose event is still to come, and a
//! socket that is in no file table would not be found. One write of `control` then ends the one and
//! begins the other, and what the old maps hold from then on stands still and is carried over.
//!
//! It may be cut short anywhere; the next start goes on from what it finds:
//! 1. `control` is of the old layout: the old programs count. What was prepared is thrown away.
//! 2. `control` is of this layout, the directory is not published: the new programs count, the old
//!    maps are complete and stand still. Their totals are set again under keys that no program
//!    writes, which changes nothing where it had been done.
//! 3. The directory is published: all was carried over. Only the old one is to be removed.

use std::time::Duration;

use libbpf_rs::MapCore;

use super::attach::attach_first;
use super::attach::leave_missed;
use super::attach::next_generation;
use super::attach::pinned_set;
use super::attach::plans_of;
use super::attach::preemptible;
use super::attach::sockets_released;
use super::carry::carry;
use super::mirror::Mirror;
use super::older::Older;
use super::programs::Programs;
use super::Options;
use crate::abi::control;
use crate::abi::sight;
use crate::abi::ABI_MAGIC;
use crate::abi::ABI_VERSION;
use crate::batch::lookup;
use crate::error::Error;
use crate::error::Result;
use crate::object;
use crate::object::Constants;
use crate::object::Limits;
use crate::pins;
use crate::pins::store;
use crate::pins::Maps;
use crate::pins::PinDirectory;
use crate::pins::ONLY;
use crate::plan::Plan;
use crate::standstill::at_standstill;
use crate::standstill::let_programs_end;
use crate::support::Support;

/// How long busy sockets are followed before a takeover is given up.
const PATIENCE: Duration = Duration::from_secs(3);

/// Makes counters of this layout from those of an older one, if there are any. Blocks for some
/// hundred milliseconds then, with busy sockets for seconds; counting goes on all the time. What it returns are connections that were
/// closed before and that nobody was told of.
///
/// # Errors
/// [`Error::Layout`] when they are newer or not complete, [`Error::Takeover`] when they could not
/// be followed, [`Error::NoHookSet`] and [`Error::OtherHookSet`] as for counters of this layout.
pub(super) fn take_over(pins: &PinDirectory, options: &Options) -> Result<Vec<sight>> {
    let directories = pins.older()?;
    let Some((version, directory)) = directories.last() else {
        return Ok(Vec::new());
    };
    let mut untold = Vec::new();
    if !pins.exists() {
        let older = Older::open(directory)?;
        let schema: control = lookup(&older.control, &ONLY)?.unwrap_or_default();
        if (schema.magic, schema.abi_version) == (ABI_MAGIC, *version) {
            switch(pins, options, &older, schema)?;
        } else if (schema.magic, schema.abi_version) != (ABI_MAGIC, ABI_VERSION)
            || !pins.prepared().exists()
        {
            let found = format!(
                "of v{version}, with schema record {:#x} version {}",
                schema.magic, schema.abi_version
            );
            let directory = directory.clone();
            return Err(Error::Layout { directory, found });
        }
        // A program that saw the old schema may still be running.
        let_programs_end(preemptible(&older.directory)?)?;
        let maps = Maps::open(&pins.prepared())?;
        carry(&older, &maps)?;
        untold = older.untold(&maps)?;
        pins.publish(&pins.prepared())?;
        tracing::info!(
            from = version,
            to = ABI_VERSION,
            "took over an older layout"
        );
    }
    for (_, directory) in &directories {
        pins::remove(directory)?;
    }
    Ok(untold)
}

/// From counting in the old maps to counting in new ones.
fn switch(pins: &PinDirectory, options: &Options, older: &Older, schema: control) -> Result<()> {
    let slow = preemptible(&older.directory)?;
    let switched = follow(pins, options, older, schema, slow)
        .and_then(|next| at_standstill(slow, || store(&older.control, &next)));
    if switched.is_err() {
        let _ = pins.remove_unfinished();
    }
    switched
}

/// Prepares a directory whose programs follow; the schema that will put them in charge. Both layouts
/// count with the same set, so whether the old programs are preemptible (`slow`) tells it of both.
fn follow(
    pins: &PinDirectory,
    options: &Options,
    older: &Older,
    schema: control,
    slow: bool,
) -> Result<control> {
    let set = pinned_set(&schema, options, &older.directory)?;
    let support = Support::find_out()?;
    let plans = plans_of(&support, set)?;
    let directory = pins.prepare()?;
    let limits = Limits {
        processes: older.processes.max_entries(),
        connections: older.sockets.max_entries(),
        closed_bytes: options.limits.closed_bytes,
    };
    let control = older.directory.join("control");
    // What was carried over has one entry per socket.
    let carried = older.sharers.as_ref().map_or(0, |_| limits.connections);
    object::make_maps(&support, limits, carried, Some(&control), &directory)?;
    let maps = Maps::open(&directory)?;
    let [processes, sockets, peers] = [
        Mirror::of("processes", "", &older.processes, &maps.processes, slow)?,
        // What was moved is carried over; who follows adds nothing.
        Mirror::of("sockets", "flows", &older.sockets, &maps.sockets, slow)?,
        Mirror::of("peers", "", &older.peers, &maps.peers, slow)?,
    ];
    // First, because where this is set a socket without an entry is counted by call results.
    overflow(older, &maps)?;
    for mirror in [&processes, &sockets, &peers] {
        mirror.copy()?;
    }
    let generation = next_generation(&schema);
    let constants = |plan: &Plan| Constants {
        follows: schema.active_generation,
        ..Constants::of(plan, generation)
    };
    let left_out = attach_first(&plans, constants, &support, &directory)?;
    let_programs_end(slow)?;
    for (what, mirror) in [("processes", &processes), ("sockets", &sockets)] {
        if !mirror.follow(PATIENCE)? {
            return Err(Error::Takeover {
                directory: older.directory.clone(),
                reason: format!("its {what} changed faster than they could be followed"),
            });
        }
    }
    // Of calls that are running: a wrong one misplaces a datagram between loopback and not.
    if !peers.follow(Duration::ZERO)? {
        tracing::debug!("some peers are not in step");
    }
    overflow(older, &maps)?;
    let before = Programs::open(&older.directory, set, schema.active_generation)?;
    let slot = (schema.active_generation & 1) as usize;
    let missed = older.carried(&maps)?.missed_events[slot];
    let after = Programs::open(&directory, set, generation)?;
    leave_missed(
        &maps,
        missed.wrapping_add(before.own_missed_events()),
        &after,
    )?;
    Ok(control {
        abi_version: ABI_VERSION,
        active_generation: generation,
        sockets_released: sockets_released(&left_out),
        build: object::build(),
        ..schema
    })
}

fn overflow(older: &Older, maps: &Maps) -> Result<()> {
    if lookup::<u32>(&older.overflowed, &ONLY)?.unwrap_or(0) != 0 {
        store(&maps.overflowed, &1u32)?;
    }
    Ok(())
}
