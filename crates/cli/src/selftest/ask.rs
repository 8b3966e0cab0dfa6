//! What the agent counted for the processes of the cases.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use netmon_api::v1;

use super::compare::Counted;
use super::ends::Variant;
use super::plan::Run;
use super::truth::Account;
use super::truth::Bytes;
use super::truth::Cell;
use super::truth::Cells;
use super::truth::Family;
use super::truth::Place;
use super::truth::Transport;
use crate::failure::Failure;
use crate::row::Counter;
use crate::row::ProcessRow;
use crate::session::agent::Agent;
use crate::session::Session;

/// How many ticks the agent gets until its last one must hold everything that ended before.
const TICKS: u32 = 2;
/// How often a late agent is asked again, a tick apart.
const PATIENCE: u32 = 10;

/// Asks for the processes of `accounts`, all of which have ended. Waits two ticks first.
///
/// # Errors
/// The agent is gone, or has made no tick for very long.
pub async fn ask(session: &mut Session, accounts: &[&Account]) -> Result<Vec<Counted>, Failure> {
    let ended = Timestamp::now();
    let tick = session.agent().tick.max(Duration::from_millis(10));
    tokio::time::sleep(tick * TICKS).await;
    let pids: BTreeSet<u32> = accounts.iter().map(|account| account.pid).collect();
    let filter = v1::Filter {
        pids: pids.into_iter().collect(),
        ..Default::default()
    };
    for _ in 0..PATIENCE {
        let sample = session.processes(filter.clone()).await?;
        if sample.time > ended {
            return Ok(sample.rows.iter().map(counted).collect());
        }
        tokio::time::sleep(tick).await;
    }
    Err(Failure::lost(
        session.target(),
        "it makes no ticks any more",
    ))
}

/// Why the agent cannot count what this run makes, in its own words; `None`: it can.
pub fn obstacle(agent: &Agent, run: &Run) -> Option<String> {
    let (_, kept) = agent.exited;
    // 0: it does not say.
    if let Some(processes) = run
        .case
        .load
        .filter(|&processes| (1..processes).contains(&kept))
    {
        return Some(format!(
            "{processes} processes end, the agent keeps {kept} (--max-exited)"
        ));
    }
    let family = (run.variant == Variant::V6).then_some("ipv6");
    let needed = family
        .into_iter()
        .chain(run.case.capabilities.iter().copied());
    let missing = |name| {
        let mut reported = agent
            .capabilities
            .iter()
            .filter(|reported| !reported.available);
        reported.find(|reported| reported.name == name)
    };
    let capability = needed.filter_map(missing).next()?;
    let reason = capability.reason.as_deref().unwrap_or("no reason given");
    Some(format!(
        "the agent does not count {}: {reason}",
        capability.name
    ))
}

fn counted(row: &ProcessRow) -> Counted {
    let mut cells = Cells::new();
    for (place, flows) in [
        (Place::External, &row.flows.external),
        (Place::Loopback, &row.flows.loopback),
    ] {
        for (transport, families) in [Transport::Tcp, Transport::Udp].into_iter().zip(flows) {
            for (family, counter) in [Family::V4, Family::V6].into_iter().zip(families) {
                cells.insert(
                    Cell {
                        transport,
                        family,
                        place,
                    },
                    total(counter),
                );
            }
        }
    }
    Counted {
        pid: row.facts.id.pid,
        start_ns: row.facts.id.start_ns,
        name: row.facts.name.clone(),
        cells,
    }
}

fn total(counter: &Counter) -> Bytes {
    Bytes {
        rx: counter.total.rx,
        tx: counter.total.tx,
    }
}
