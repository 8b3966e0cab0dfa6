//! A synthetic machine of 500 processes, tick by tick.

use std::sync::Arc;

use netmon_agent::frame::FlowCount;
use netmon_agent::frame::Frame;
use netmon_agent::frame::Row;
use netmon_agent::frame::TickFacts;
use netmon_agent::history::Moment;
use netmon_agent::process::Exit;
use netmon_agent::process::Facts;
use netmon_agent::rate::Peaks;
use netmon_bpf::abi::Flow;
use netmon_bpf::abi::ProcessId;

use super::SECOND;
use super::START;

const PROCESSES: u32 = 500;

/// Xorshift: the same day every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }

    /// Up to about `2^bits`, every magnitude as likely as the next.
    fn heavy(&mut self, bits: u64) -> u64 {
        let magnitude = self.below(bits + 1);
        (1 << magnitude) + self.below(1 << magnitude)
    }
}

/// One of them.
pub struct Process {
    pub facts: Arc<Facts>,
    /// Of 1000 ticks, so many have traffic.
    busy: u64,
    size: u64,
    flows: Vec<FlowCount>,
    peaks: Peaks,
}

/// A machine whose processes come, go and move bytes.
pub struct Machine {
    dice: Dice,
    pub processes: Vec<Process>,
    pid: u32,
    pub seq: u64,
    pub rows: u64,
    /// Nothing was told of it yet.
    pub new: bool,
}

impl Machine {
    /// One that has had so many ticks.
    pub fn new(seq: u64) -> Self {
        let mut machine = Machine {
            dice: Dice(0x5eed + seq),
            processes: Vec::new(),
            pid: 1000 + seq as u32,
            seq,
            rows: 0,
            new: true,
        };
        for _ in 0..PROCESSES {
            let process = machine.process();
            machine.processes.push(process);
        }
        machine
    }

    fn process(&mut self) -> Process {
        self.pid += 1;
        let (pid, dice) = (self.pid, &mut self.dice);
        let name = format!("service-{}", dice.below(60));
        let facts = Facts {
            id: ProcessId {
                pid,
                start: self.seq * SECOND + dice.below(SECOND),
            },
            first_seen: self.seq * SECOND + dice.below(SECOND),
            parent: 1,
            parent_name: "systemd".into(),
            uid: dice.below(20) as u32,
            exe: Some(format!("/usr/lib/{name}/bin/{name}")),
            args: vec![
                name.clone(),
                format!("--config=/etc/{name}/{}.conf", dice.below(9)),
                format!(
                    "--listen=10.0.{}.{}:{pid}",
                    dice.below(255),
                    dice.below(255)
                ),
            ],
            args_cut: false,
            cgroup: Some(format!("/system.slice/{name}.service").into()),
            exit: None,
            name,
        };
        let kinds: &[u8] = match dice.below(10) {
            0 => &[0, 4],
            1 => &[2],
            2 => &[1],
            _ => &[0],
        };
        Process {
            facts: Arc::new(facts),
            busy: match dice.below(4) {
                0 => dice.below(1000),
                _ => 900 + dice.below(100),
            },
            size: dice.heavy(16),
            flows: kinds
                .iter()
                .map(|kind| FlowCount {
                    kind: *kind,
                    ..FlowCount::default()
                })
                .collect(),
            peaks: Peaks::default(),
        }
    }

    pub fn tick(&mut self) -> (Frame, Moment) {
        self.seq += 1;
        let (time, first) = (self.seq * SECOND, std::mem::take(&mut self.new));
        let (mut rows, mut news) = (Vec::new(), Vec::new());
        // Three processes end in ten seconds, and others come.
        for _ in 0..u32::from(self.dice.below(10) < 3) {
            let new = self.process();
            let at = self.dice.below(u64::from(PROCESSES)) as usize;
            let mut old = std::mem::replace(&mut self.processes[at], new);
            let exit = Some(Exit {
                time,
                status: Some(0),
            });
            old.facts = Arc::new(Facts {
                exit,
                ..(*old.facts).clone()
            });
            old.flows
                .iter_mut()
                .for_each(|flow| (flow.rx, flow.tx) = (0, 0));
            news.push(Arc::clone(&old.facts));
            rows.push(row(&old));
            news.push(Arc::clone(&self.processes[at].facts));
        }
        if first {
            news = self
                .processes
                .iter()
                .map(|p| Arc::clone(&p.facts))
                .collect();
        }
        for process in &mut self.processes {
            if self.dice.below(1000) >= process.busy {
                continue;
            }
            let mut all = (0, 0);
            for flow in &mut process.flows {
                // Around the size of the process, at times far from it.
                let size = process.size + self.dice.heavy(process.size.ilog2().into());
                flow.rx = size / 2 + self.dice.below(size);
                flow.tx = size / 8 + self.dice.below(size / 4);
                flow.rx_total.bytes += flow.rx;
                flow.tx_total.bytes += flow.tx;
                all = (all.0 + flow.rx, all.1 + flow.tx);
                self.rows += 1;
            }
            process.peaks.observe(all, SECOND, time);
            rows.push(row(process));
        }
        let length = SECOND + self.dice.below(40_000);
        let tick = TickFacts {
            seq: self.seq,
            time,
            length,
            merged: 1,
            ..TickFacts::default()
        };
        let frame = Frame {
            tick,
            news,
            rows,
            forgotten: Vec::new(),
            connections: None,
        };
        let wall = START + time;
        (frame, Moment { wall, gap: None })
    }
}

fn row(process: &Process) -> Row {
    Row {
        facts: Arc::clone(&process.facts),
        flows: process
            .flows
            .iter()
            .map(|flow| FlowCount {
                rx_total: Flow {
                    calls: 1,
                    ..flow.rx_total
                },
                ..*flow
            })
            .collect(),
        connections: None,
        trouble: None,
        peaks: process.peaks,
        peaks_with_loopback: process.peaks,
    }
}
