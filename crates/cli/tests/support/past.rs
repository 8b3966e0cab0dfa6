//! A history that answers questions: the minute before 17:56:05 on the sample machine.
//!
//! It keeps whole ticks and answers from them anew each time, so that a question that is wrong gives
//! an answer that is wrong.

use std::collections::BTreeMap;

use netmon_api::v1;
use netmon_api::v1::query_history_response::Event;

use super::sample;
use super::sample::at;
use super::sample::Kind;

const SECOND: u64 = 1_000_000_000;

/// What is kept.
#[derive(Debug, Clone)]
pub struct Past {
    /// Oldest first.
    pub ticks: Vec<Tick>,
    /// Who moved it.
    pub processes: Vec<v1::Process>,
    /// Intervals without an agent: begin and end in seconds after 17:56:05.
    pub gaps: Vec<v1::HistoryGap>,
    /// Ticks kept together.
    pub kept: u64,
    /// Rows of a part at most.
    pub part: usize,
    /// Of a flag of the header.
    pub lower_bound: bool,
    /// Damaged frames.
    pub damaged: u64,
    /// The newest ticks, which the first question does not find yet.
    pub late: usize,
    /// The parts after these are not sent.
    pub cut: usize,
}

/// One tick of a second.
#[derive(Debug, Clone)]
pub struct Tick {
    /// Its number; 600 ends at 17:56:05.
    pub seq: u64,
    /// Its end in seconds after 17:56:05.
    pub end: i64,
    /// Process, kind, received, sent.
    pub flows: Vec<(u32, Kind, u64, u64)>,
    /// Bytes received without a process.
    pub unattributed: u64,
}

impl Default for Past {
    fn default() -> Self {
        Self {
            ticks: (0..60).map(tick).collect(),
            processes: vec![
                sample::process(21934, "curl", 187),
                sample::process(1187, "nginx", 273_600),
                sample::end(31702, "npm install", 79, sample::code(-44, 1)),
                sample::process(744, "systemd-resolve", 273_600),
            ],
            gaps: Vec::new(),
            kept: 1,
            part: 512,
            lower_bound: false,
            damaged: 0,
            late: 0,
            cut: usize::MAX,
        }
    }
}

// Number 541 to 600.
fn tick(index: u64) -> Tick {
    let end = i64::try_from(index).unwrap() - 59;
    let mut flows = vec![(1187, Kind::Tcp4, 1000, 3000), (1187, Kind::Tcp6, 10, 20)];
    if index.is_multiple_of(2) {
        flows.push((21934, Kind::Tcp4, 100_000 + index, 500));
    }
    if end <= -44 {
        flows.push((31702, Kind::Tcp6, 7000, 70));
    }
    if index.is_multiple_of(10) {
        flows.push((744, Kind::Udp4, 200, 100));
        flows.push((1187, Kind::Local, 5000, 5000));
    }
    Tick {
        seq: 541 + index,
        end,
        flows,
        unattributed: if index == 30 { 4096 } else { 0 },
    }
}

fn seconds(time: Option<prost_types::Timestamp>) -> Option<f64> {
    let zero = at(0).unwrap().seconds;
    time.map(|time| (time.seconds - zero) as f64 + f64::from(time.nanos) / 1e9)
}

impl Past {
    /// Everything that would be sent.
    pub fn answer(&self, request: &v1::QueryHistoryRequest) -> Vec<v1::QueryHistoryResponse> {
        let holds = |tick: &&Tick| {
            let end = tick.end as f64;
            seconds(request.since).is_none_or(|since| end > since)
                && seconds(request.until).is_none_or(|until| end <= until)
                && request.from_seq.is_none_or(|from| tick.seq >= from)
                && request.to_seq.is_none_or(|to| tick.seq <= to)
        };
        let ticks: Vec<_> = self.ticks.iter().filter(holds).collect();
        let step = (request.step_ns > 0).then(|| {
            (request.step_ns / SECOND)
                .max(1)
                .next_multiple_of(self.kept)
        });
        let missing = match (ticks.first(), ticks.last()) {
            (Some(first), Some(last)) => last.seq - first.seq + 1 - ticks.len() as u64,
            _ => 0,
        };
        let header = v1::HistoryHeader {
            since: ticks.first().and_then(|tick| at(tick.end - 1)),
            until: ticks.last().and_then(|tick| at(tick.end)),
            step_ns: step.unwrap_or(0) * SECOND,
            kept_ns: self.kept * SECOND,
            ticks: ticks.len() as u64,
            ticks_missing: missing,
            gaps: self.gaps.clone(),
            oldest: self.ticks.first().and_then(|tick| at(tick.end - 1)),
            frames_damaged: self.damaged,
            lower_bound: self.lower_bound,
        };
        let mut sent = vec![v1::QueryHistoryResponse {
            event: Some(Event::Header(header)),
        }];
        let chosen = self.best(request, &ticks);
        let mut described = Vec::new();
        let chunks: Vec<Vec<&Tick>> = match step {
            None => vec![ticks.clone()],
            Some(step) => {
                let mut steps: BTreeMap<u64, Vec<&Tick>> = BTreeMap::new();
                for tick in &ticks {
                    steps.entry((tick.seq - 1) / step).or_default().push(tick);
                }
                steps.into_values().collect()
            }
        };
        let mut parts = Vec::new();
        for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
            parts.extend(self.step(request, chunk, &chosen, &mut described));
        }
        match parts.last_mut() {
            Some(part) => part.last = true,
            None => parts.push(v1::HistoryPart {
                last: true,
                ..v1::HistoryPart::default()
            }),
        }
        parts.truncate(self.cut);
        sent.extend(parts.into_iter().map(|part| v1::QueryHistoryResponse {
            event: Some(Event::Part(part)),
        }));
        sent
    }

    // The groups that may be sent, in order.
    fn best(&self, request: &v1::QueryHistoryRequest, ticks: &[&Tick]) -> Vec<String> {
        let mut sums: Vec<_> = self.sums(request, ticks).into_iter().collect();
        sums.sort_by_key(|(_, sum)| order(request, sum));
        let top = match request.top {
            0 => usize::MAX,
            top => top as usize,
        };
        sums.into_iter().map(|(key, _)| key).take(top).collect()
    }

    fn sums(&self, request: &v1::QueryHistoryRequest, ticks: &[&Tick]) -> BTreeMap<String, Sum> {
        let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
        if request.idle {
            for (index, process) in self.processes.iter().enumerate() {
                if takes(request, process) {
                    let key = key(request.group_by(), process, None);
                    sums.entry(key).or_default().process = Some(index);
                }
            }
        }
        for tick in ticks {
            let mut here: BTreeMap<String, (u64, u64)> = BTreeMap::new();
            for (pid, kind, rx, tx) in &tick.flows {
                let found = |p: &v1::Process| p.id.is_some_and(|id| id.pid == *pid);
                let index = self.processes.iter().position(found).unwrap();
                let flow = sample::flow(*kind, (*rx, *tx), (0, 0));
                if !takes(request, &self.processes[index]) || !traffic(request, &flow) {
                    continue;
                }
                let key = key(request.group_by(), &self.processes[index], Some(&flow));
                let moved = here.entry(key.clone()).or_default();
                *moved = (moved.0 + rx, moved.1 + tx);
                let sum = sums.entry(key).or_default();
                sum.process = Some(index);
                if !sum.members.contains(pid) {
                    sum.members.push(*pid);
                }
                sum.add(flow);
            }
            for (key, (rx, tx)) in here {
                sums.entry(key).or_default().peak(tick, rx, tx);
            }
        }
        sums
    }

    fn step(
        &self,
        request: &v1::QueryHistoryRequest,
        ticks: &[&Tick],
        chosen: &[String],
        described: &mut Vec<usize>,
    ) -> Vec<v1::HistoryPart> {
        let sums = self.sums(request, ticks);
        let (first, last) = (ticks[0], ticks[ticks.len() - 1]);
        let mut all = Sum::default();
        for sum in sums.values() {
            for flow in &sum.flows {
                all.add(*flow);
            }
        }
        for tick in ticks {
            let one = self.sums(request, &[tick]);
            let moved = |side: fn(&v1::Flow) -> u64| -> u64 {
                one.values().flat_map(|sum| &sum.flows).map(side).sum()
            };
            all.peak(tick, moved(|f| f.rx_bytes), moved(|f| f.tx_bytes));
        }
        let known = self.kept == 1;
        let step = v1::HistoryStep {
            end_time: at(last.end),
            length_ns: ticks.len() as u64 * SECOND,
            ticks: ticks.len() as u64,
            ticks_missing: last.seq - first.seq + 1 - ticks.len() as u64,
            seq: last.seq,
            gap: false,
            lower_bound: self.lower_bound,
            flows: all.flows,
            peaks: all.peaks.filter(|_| known),
            unattributed_rx_bytes: ticks.iter().map(|tick| tick.unattributed).sum(),
            unattributed_tx_bytes: 0,
            groups: sums.values().filter(|sum| !sum.flows.is_empty()).count() as u32,
        };
        let mut rows: Vec<_> = sums
            .into_iter()
            .filter(|(key, _)| chosen.contains(key))
            .collect();
        rows.sort_by_key(|(_, sum)| order(request, sum));
        let mut parts = Vec::new();
        let mut rest = rows.as_slice();
        loop {
            let (now, later) = rest.split_at(rest.len().min(self.part));
            let mut part = v1::HistoryPart {
                step: Some(step.clone()),
                step_ends: later.is_empty(),
                ..v1::HistoryPart::default()
            };
            for (key, sum) in now {
                let row = self.row(request, key, sum, known, described, &mut part.processes);
                part.rows.push(row);
            }
            parts.push(part);
            if later.is_empty() {
                return parts;
            }
            rest = later;
        }
    }

    fn row(
        &self,
        request: &v1::QueryHistoryRequest,
        key: &str,
        sum: &Sum,
        known: bool,
        described: &mut Vec<usize>,
        new: &mut Vec<v1::Process>,
    ) -> v1::HistoryRow {
        let mut row = v1::HistoryRow {
            flows: sum.flows.clone(),
            peaks: sum.peaks.filter(|_| known),
            active_ns: known.then_some(sum.active * SECOND),
            processes: sum.members.len() as u32,
            ..v1::HistoryRow::default()
        };
        if request.group_by() > v1::GroupBy::Process {
            row.group = key.to_owned();
            return row;
        }
        let process = sum.process.unwrap();
        if row.flows.is_empty() {
            row.flows.push(sample::flow(Kind::Tcp4, (0, 0), (0, 0)));
        }
        row.flows[0].rx_bytes_total = 1 << 30;
        row.flows[0].tx_bytes_total = 1 << 20;
        let index = described.iter().position(|known| *known == process);
        let index = index.unwrap_or_else(|| {
            described.push(process);
            new.push(self.processes[process].clone());
            described.len() - 1
        });
        row.process = Some(index as u32);
        row
    }
}

#[derive(Debug, Default, Clone)]
struct Sum {
    process: Option<usize>,
    members: Vec<u32>,
    flows: Vec<v1::Flow>,
    peaks: Option<v1::Peaks>,
    active: u64,
}

impl Sum {
    fn add(&mut self, flow: v1::Flow) {
        let same = |f: &&mut v1::Flow| {
            (f.transport, f.family, f.loopback) == (flow.transport, flow.family, flow.loopback)
        };
        match self.flows.iter_mut().find(same) {
            Some(sum) => {
                sum.rx_bytes += flow.rx_bytes;
                sum.tx_bytes += flow.tx_bytes;
            }
            None => self.flows.push(flow),
        }
    }

    fn peak(&mut self, tick: &Tick, rx: u64, tx: u64) {
        let peaks = self.peaks.get_or_insert_default();
        self.active += u64::from(rx + tx > 0);
        peaks.rx_bytes_per_s = peaks.rx_bytes_per_s.max(rx);
        peaks.tx_bytes_per_s = peaks.tx_bytes_per_s.max(tx);
        if rx + tx > peaks.bytes_per_s {
            peaks.bytes_per_s = rx + tx;
            peaks.time = at(tick.end);
        }
    }
}

fn order(request: &v1::QueryHistoryRequest, sum: &Sum) -> i128 {
    let rx: u64 = sum.flows.iter().map(|flow| flow.rx_bytes).sum();
    let tx: u64 = sum.flows.iter().map(|flow| flow.tx_bytes).sum();
    let value = match request.order() {
        v1::HistoryOrder::RxBytes => rx,
        v1::HistoryOrder::TxBytes => tx,
        v1::HistoryOrder::Peak => sum.peaks.map_or(0, |peaks| peaks.bytes_per_s),
        v1::HistoryOrder::Bytes | v1::HistoryOrder::Unspecified => rx + tx,
    };
    let value = i128::from(value);
    if request.ascending {
        value
    } else {
        -value
    }
}

fn traffic(request: &v1::QueryHistoryRequest, flow: &v1::Flow) -> bool {
    let loopback = match request.loopback() {
        v1::LoopbackTraffic::Exclude => !flow.loopback,
        v1::LoopbackTraffic::Only => flow.loopback,
        v1::LoopbackTraffic::Include | v1::LoopbackTraffic::Unspecified => true,
    };
    loopback
        && (request.transports.is_empty() || request.transports.contains(&flow.transport))
        && (request.families.is_empty() || request.families.contains(&flow.family))
}

fn takes(request: &v1::QueryHistoryRequest, process: &v1::Process) -> bool {
    let filter = request.filter.clone().unwrap_or_default();
    let pid = process.id.unwrap().pid;
    (filter.pids.is_empty() || filter.pids.contains(&pid))
        && (filter.names.is_empty() || filter.names.contains(&process.name))
        && (filter.uids.is_empty() || filter.uids.contains(&process.uid))
        && (filter.states.is_empty() || filter.states.contains(&process.state))
}

fn key(by: v1::GroupBy, process: &v1::Process, flow: Option<&v1::Flow>) -> String {
    match by {
        v1::GroupBy::Unspecified | v1::GroupBy::Process => process.id.unwrap().pid.to_string(),
        v1::GroupBy::Name => process.name.clone(),
        v1::GroupBy::User => process.uid.to_string(),
        v1::GroupBy::Unit if process.name == "curl" => String::new(),
        v1::GroupBy::Unit => format!("{}.service", process.name),
        v1::GroupBy::Container => String::new(),
        v1::GroupBy::Cgroup => process.cgroup.clone().unwrap_or_default(),
        v1::GroupBy::Proto => match flow.map(v1::Flow::transport) {
            Some(v1::Transport::Udp) => "udp".to_owned(),
            _ => "tcp".to_owned(),
        },
        v1::GroupBy::Family => match flow.map(v1::Flow::family) {
            Some(v1::Family::Ipv6) => "ipv6".to_owned(),
            _ => "ipv4".to_owned(),
        },
        v1::GroupBy::State => match process.state() {
            v1::ProcessState::Exited => "exited".to_owned(),
            _ => "live".to_owned(),
        },
    }
}
