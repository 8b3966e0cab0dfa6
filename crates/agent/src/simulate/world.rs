//! All processes of a scenario, tick by tick, read as the counters in the kernel would be.

use std::collections::HashMap;

use anyhow::Context;
use netmon_bpf::abi::Losses;
use netmon_bpf::abi::Traffic;
use netmon_bpf::traffic::ClosedConnection;

use super::member::Member;
use super::member::ETH0;
use super::member::LO;
use super::member::NAMESPACE;
use super::scenario::Feed;
use super::scenario::Scenario;
use super::STEP;
use crate::connections::Told;
use crate::ledger::Reading;
use crate::process::Exit;

/// The state after a tick.
#[derive(Debug)]
pub struct World {
    members: Vec<Member>,
    feeds: Vec<Feed>,
    /// Number of the last tick; 0: the first reading is due.
    tick: u64,
    /// End of tick 0, boot clock, ns.
    begin: u64,
    /// Counters are new since the past.
    fresh: bool,
    /// Bytes without a process: of each tick, and all.
    stray: [u64; 2],
    unattributed: Traffic,
    losses: Losses,
    closed: Vec<ClosedConnection>,
}

/// The cause that makes numbers lower bounds.
const SOCKET_MAP_FULL: usize = 1;

impl World {
    /// At the first reading of a scenario.
    ///
    /// # Errors
    /// Numbers of the scenario do not fit each other.
    pub fn new(scenario: &Scenario) -> anyhow::Result<World> {
        let members = scenario.process.iter();
        let members: anyhow::Result<Vec<Member>> = members
            .map(|process| Member::of(process, scenario))
            .collect();
        Ok(World {
            members: members?,
            feeds: scenario.feed.clone(),
            tick: 0,
            begin: scenario.now.0 - scenario.ticks * STEP - scenario.boot.0,
            fresh: false,
            stray: [0; 2],
            unattributed: Traffic::default(),
            losses: Losses::default(),
            closed: Vec::new(),
        })
    }

    /// Number of the last tick.
    pub fn tick(&self) -> u64 {
        self.tick
    }

    /// End of the last tick, boot clock, ns.
    pub fn time(&self) -> u64 {
        self.begin + self.tick * STEP
    }

    /// The next tick passes.
    pub fn advance(&mut self) {
        self.tick += 1;
        let time = self.time();
        for member in &mut self.members {
            if !member.lives(time) {
                continue;
            }
            let moved = member.series.tick(self.tick);
            member.add(moved);
            if let Some(end) = member.end.filter(|end| end.time <= time) {
                member.facts.exit = Some(end);
                member.ended = Some(self.tick);
                member.told = false;
                let closed = |connection| ClosedConnection {
                    connection,
                    closed: end.time,
                };
                self.closed.extend(member.connections().map(closed));
            }
        }
        for (side, bytes) in self.stray.into_iter().enumerate() {
            self.unattributed.flows[side].bytes += bytes;
        }
    }

    /// Lets something happen in the next tick.
    ///
    /// # Errors
    /// The scenario has nothing of that name.
    pub fn release(&mut self, name: &str) -> anyhow::Result<()> {
        let feed = self.feeds.iter().find(|feed| feed.name == name);
        let feed = feed.with_context(|| format!("the scenario has no feed '{name}'"))?;
        let next = self.begin + (self.tick + 1) * STEP;
        for member in &mut self.members {
            let pid = member.facts.id.pid;
            if let Some(new) = feed.rate.iter().find(|rate| rate.pid == pid) {
                member.series.set_rate(new.rate.map(|size| size.0));
            }
            if let Some(exit) = feed.exit.filter(|exit| exit.pid == pid) {
                member.end = Some(Exit {
                    time: next,
                    status: Some(i32::from(exit.code) << 8),
                });
            }
        }
        self.losses.counts[SOCKET_MAP_FULL] += feed.lost;
        if feed.unattributed.iter().any(|size| size.0 > 0) {
            self.stray = feed.unattributed.map(|size| size.0);
        }
        Ok(())
    }

    /// The counters start at zero.
    pub fn zero(&mut self) {
        self.members.iter_mut().for_each(Member::zero);
        (self.unattributed, self.losses) = (Traffic::default(), Losses::default());
        self.closed.clear();
        self.fresh = true;
    }

    /// Nobody who ended up to that tick is told any more.
    pub fn forget(&mut self, tick: u64) {
        for member in &mut self.members {
            member.told = member.ended.is_some_and(|ended| ended <= tick);
        }
        self.closed.clear();
    }

    /// What a reading has after this tick.
    pub fn read(&mut self) -> Reading {
        let (time, fresh) = (self.time(), self.fresh);
        let mut reading = Reading {
            seq: self.tick + 1,
            time,
            unattributed: self.unattributed,
            losses: self.losses,
            connections: Told {
                open: Some(Vec::new()),
                closed: std::mem::take(&mut self.closed),
                interfaces: HashMap::from([
                    ((NAMESPACE, ETH0), "eth0".into()),
                    ((NAMESPACE, LO), "lo".into()),
                ]),
                ..Told::default()
            },
            ..Reading::default()
        };
        let mut sockets = Vec::new();
        for member in &mut self.members {
            let moved = member.traffic != Traffic::default();
            let is_there = member.lives(time) || member.ended.is_some() && !member.told;
            if !is_there || fresh && !moved {
                continue;
            }
            reading.processes.push((member.facts.id, member.traffic));
            if !member.told {
                reading.news.push(member.facts.clone());
                member.told = true;
            }
            if member.ended.is_none() {
                sockets.push((member.facts.id, member.sockets()));
                if let Some(open) = &mut reading.connections.open {
                    open.extend(member.connections());
                }
            }
        }
        reading.socket_counts = Some(sockets);
        reading
    }
}
