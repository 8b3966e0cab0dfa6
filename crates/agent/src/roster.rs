//! Everyone who has used the network: live, and exited until their retention ends. Pure.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

use netmon_bpf::abi::Flow;
use netmon_bpf::abi::ProcessId;
use netmon_bpf::abi::Traffic;
use netmon_bpf::traffic::SocketCounts;

use crate::cgroup::Cgroup;
use crate::cgroup::ContainerNames;
use crate::connection::Trouble;
use crate::frame::FlowCount;
use crate::frame::Row;
use crate::frame::LOOPBACK;
use crate::frame::UDP;
use crate::history::Known;
use crate::names::Container;
use crate::names::ContainerName;
use crate::process::Exit;
use crate::process::Facts;
use crate::rate::Peaks;
use crate::rate::KINDS;

/// The tick that a change belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// End, boot clock, ns.
    pub time: u64,
    /// True length, ns; 0: not known.
    pub length: u64,
}

#[derive(Debug)]
struct Entry {
    facts: Arc<Facts>,
    flows: Vec<FlowCount>,
    connections: Option<SocketCounts>,
    trouble: Option<Trouble>,
    peaks: Peaks,
    peaks_with_loopback: Peaks,
}

/// All processes with traffic.
#[derive(Debug)]
pub struct Roster {
    entries: HashMap<ProcessId, Entry>,
    /// Oldest first.
    exited: VecDeque<ProcessId>,
    exited_capacity: usize,
}

impl Roster {
    /// Keeps at most so many exited processes.
    pub fn new(exited_capacity: usize) -> Self {
        Roster {
            entries: HashMap::new(),
            exited: VecDeque::new(),
            exited_capacity,
        }
    }

    /// A process that an earlier agent knew: its counters go on from `known.totals`.
    pub fn restore(&mut self, known: &Known) {
        let id = known.facts.id;
        if known.facts.exit.is_some() {
            self.exited.push_back(id);
        }
        let total = |bytes| Flow { bytes, calls: 0 };
        let mut entry = Entry::new(Arc::clone(&known.facts));
        entry.flows = known
            .totals
            .iter()
            .map(|sum| FlowCount {
                kind: sum.kind,
                rx_total: total(sum.rx),
                tx_total: total(sum.tx),
                ..FlowCount::default()
            })
            .collect();
        (entry.peaks, entry.peaks_with_loopback) = (known.peaks, known.peaks_with_loopback);
        self.entries.insert(id, entry);
    }

    /// A process is new, has another name, or has ended. What was known and is not told again
    /// stays known.
    pub fn learn(&mut self, facts: Facts) -> Arc<Facts> {
        let id = facts.id;
        let known = self.entries.get(&id).map(|entry| Arc::clone(&entry.facts));
        let facts = Arc::new(match &known {
            Some(known) => Facts {
                exe: facts.exe.or_else(|| known.exe.clone()),
                cgroup: facts.cgroup.or_else(|| known.cgroup.clone()),
                exit: known
                    .exit
                    .filter(|exit| exit.status.is_some())
                    .or(facts.exit),
                ..facts
            },
            None => facts,
        });
        let was_live = known.is_none_or(|known| known.exit.is_none());
        match (was_live, facts.exit) {
            (true, Some(_)) => self.exited.push_back(id),
            // It was taken for gone, and is not.
            (false, None) => self.exited.retain(|exited| *exited != id),
            _ => {}
        }
        match self.entries.get_mut(&id) {
            Some(entry) => entry.facts = Arc::clone(&facts),
            None => {
                self.entries.insert(id, Entry::new(Arc::clone(&facts)));
            }
        }
        facts
    }

    /// A container has a name: news of everyone in it.
    pub fn name(&mut self, container: &Container, name: &Arc<ContainerName>) -> Vec<Arc<Facts>> {
        let mut news = Vec::new();
        for entry in self.entries.values_mut() {
            let Some(cgroup) = &entry.facts.cgroup else {
                continue;
            };
            if cgroup.container() == Some(container) && cgroup.found_name() != Some(name) {
                let cgroup = Some(cgroup.named(Arc::clone(name)));
                let facts = Facts {
                    cgroup,
                    ..(*entry.facts).clone()
                };
                entry.facts = Arc::new(facts);
                news.push(Arc::clone(&entry.facts));
            }
        }
        news
    }

    /// What the containers are called that processes are or were in.
    pub fn container_names(&self) -> ContainerNames {
        let cgroups = self.entries.values();
        let cgroups = cgroups.filter_map(|entry| entry.facts.cgroup.as_ref());
        let named = |cgroup: &Cgroup| {
            let name = Arc::clone(cgroup.found_name()?);
            Some((cgroup.container()?.clone(), name))
        };
        cgroups.filter_map(named).collect()
    }

    /// The end of a process was not seen, but it is gone.
    pub fn vanished(&mut self, id: ProcessId, time: u64) -> Option<Arc<Facts>> {
        let facts = self.facts(id)?;
        if facts.exit.is_some() {
            return None;
        }
        let exit = Some(Exit { time, status: None });
        Some(self.learn(Facts {
            exit,
            ..(*facts).clone()
        }))
    }

    /// The cumulative counters of a process. `true` when bytes have moved since the last time.
    /// Unknown processes are left out: their facts come with the next reading.
    pub fn count(&mut self, id: ProcessId, traffic: &Traffic, moment: Moment) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else {
            return false;
        };
        entry.count(traffic, moment)
    }

    /// The open sockets of a process. `true` when their number has changed.
    pub fn connect(&mut self, id: ProcessId, connections: Option<SocketCounts>) -> bool {
        match self.entries.get_mut(&id) {
            Some(entry) if entry.connections != connections => {
                entry.connections = connections;
                true
            }
            _ => false,
        }
    }

    /// What went wrong with connections, by process. `None`: not known now, of nobody. Returns for
    /// whom that is news.
    pub fn suffer(&mut self, all: Option<&HashMap<ProcessId, Trouble>>) -> Vec<ProcessId> {
        let mut changed = Vec::new();
        for (id, entry) in &mut self.entries {
            let now = all.map(|all| all.get(id).copied().unwrap_or_default());
            // That nobody looks any more is no news.
            if now.is_some_and(|now| now != entry.trouble.unwrap_or_default()) {
                changed.push(*id);
            }
            entry.trouble = now;
        }
        changed
    }

    /// Whether the process is one of those kept.
    pub fn has(&self, id: ProcessId) -> bool {
        self.entries.contains_key(&id)
    }

    /// Bytes within the tick, received and sent, by transport: TCP and UDP.
    pub fn moved(&self, id: ProcessId) -> [(u64, u64); 2] {
        let mut moved = [(0u64, 0u64); 2];
        let entry = self.entries.get(&id);
        for flow in entry.iter().flat_map(|entry| &entry.flows) {
            let sum = &mut moved[usize::from(flow.kind & UDP != 0)];
            *sum = (sum.0.saturating_add(flow.rx), sum.1.saturating_add(flow.tx));
        }
        moved
    }

    /// Ends the tick of every process: nobody has bytes in the next one yet.
    pub fn begin(&mut self) {
        for entry in self.entries.values_mut() {
            for flow in &mut entry.flows {
                (flow.rx, flow.tx) = (0, 0);
            }
        }
    }

    /// Drops the oldest exited processes beyond the capacity.
    pub fn expire(&mut self) -> Vec<ProcessId> {
        let over = self.exited.len().saturating_sub(self.exited_capacity);
        let dropped: Vec<ProcessId> = self.exited.drain(..over).collect();
        for id in &dropped {
            self.entries.remove(id);
        }
        dropped
    }

    /// What is known of a process.
    pub fn facts(&self, id: ProcessId) -> Option<Arc<Facts>> {
        self.entries.get(&id).map(|entry| Arc::clone(&entry.facts))
    }

    /// The numbers of one process; `moved`: only the flows that moved in this tick.
    pub fn row(&self, id: ProcessId, moved: bool) -> Option<Row> {
        let entry = self.entries.get(&id)?;
        let wanted = |flow: &&FlowCount| !moved || flow.rx > 0 || flow.tx > 0;
        Some(Row {
            facts: Arc::clone(&entry.facts),
            flows: entry.flows.iter().filter(wanted).copied().collect(),
            connections: entry.connections,
            trouble: entry.trouble,
            peaks: entry.peaks,
            peaks_with_loopback: entry.peaks_with_loopback,
        })
    }

    /// All rows, live and exited, in no order.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        self.entries.keys().filter_map(|id| self.row(*id, false))
    }

    /// The ids of live processes, in no order.
    pub fn live(&self) -> impl Iterator<Item = ProcessId> + '_ {
        self.entries
            .iter()
            .filter(|(_, e)| e.facts.exit.is_none())
            .map(|(id, _)| *id)
    }

    /// Number of live processes.
    pub fn live_count(&self) -> usize {
        self.entries.len().saturating_sub(self.exited.len())
    }

    /// Number of exited processes kept, and the end of the oldest (boot clock, ns).
    pub fn exited(&self) -> (usize, Option<u64>) {
        let oldest = self.exited.front().and_then(|id| self.facts(*id)?.exit);
        (self.exited.len(), oldest.map(|exit| exit.time))
    }
}

impl Entry {
    fn new(facts: Arc<Facts>) -> Self {
        Entry {
            facts,
            flows: Vec::new(),
            connections: None,
            trouble: None,
            peaks: Peaks::default(),
            peaks_with_loopback: Peaks::default(),
        }
    }

    fn count(&mut self, traffic: &Traffic, moment: Moment) -> bool {
        let (mut all, mut external) = ((0u64, 0u64), (0u64, 0u64));
        for kind in 0..KINDS {
            let (rx, tx) = (traffic.flows[kind * 2], traffic.flows[kind * 2 + 1]);
            if rx == Flow::default() && tx == Flow::default() {
                continue;
            }
            let flow = self.flow(kind as u8);
            // Backwards: these are not the counters we knew. Take them, claim no bytes.
            flow.rx = rx.bytes.saturating_sub(flow.rx_total.bytes);
            flow.tx = tx.bytes.saturating_sub(flow.tx_total.bytes);
            (flow.rx_total, flow.tx_total) = (rx, tx);
            all = (all.0 + flow.rx, all.1 + flow.tx);
            if kind as u8 & LOOPBACK == 0 {
                external = (external.0 + flow.rx, external.1 + flow.tx);
            }
        }
        self.peaks.observe(external, moment.length, moment.time);
        self.peaks_with_loopback
            .observe(all, moment.length, moment.time);
        all != (0, 0)
    }

    fn flow(&mut self, kind: u8) -> &mut FlowCount {
        let index = match self.flows.iter().position(|flow| flow.kind == kind) {
            Some(index) => index,
            None => {
                // Most processes have one or two, and thousands are kept.
                self.flows.reserve_exact(1);
                self.flows.push(FlowCount {
                    kind,
                    ..FlowCount::default()
                });
                self.flows.len() - 1
            }
        };
        &mut self.flows[index]
    }
}
