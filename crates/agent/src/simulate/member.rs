//! A process of a scenario, with its counters and connections.

use std::net::Ipv4Addr;
use std::net::SocketAddr;

use netmon_bpf::abi::Flow;
use netmon_bpf::abi::ProcessId;
use netmon_bpf::abi::Traffic;
use netmon_bpf::traffic::ConnectionReading;
use netmon_bpf::traffic::ConnectionState;
use netmon_bpf::traffic::SocketCounts;
use netmon_bpf::traffic::TcpHealth;
use netmon_bpf::traffic::Transport;

use super::scenario::Connection;
use super::scenario::Process;
use super::scenario::Scenario;
use super::series::share;
use super::series::Pair;
use super::series::Series;
use crate::cgroup::Cgroup;
use crate::process::Exit;
use crate::process::Facts;

/// The namespace that all connections are in, and the devices in it.
pub const NAMESPACE: u32 = 4_026_531_840;
/// Index of `eth0`.
pub const ETH0: u32 = 2;
/// Index of `lo`.
pub const LO: u32 = 1;

/// A process as the kernel would have it.
#[derive(Debug, Clone)]
pub struct Member {
    /// What it is. `exit` is set once it has ended.
    pub facts: Facts,
    /// What it moves.
    pub series: Series,
    /// When it will end.
    pub end: Option<Exit>,
    /// The tick in which it has ended.
    pub ended: Option<u64>,
    /// A reading had it, and its end if it has one.
    pub told: bool,
    /// Cumulative.
    pub traffic: Traffic,
    /// Each with its part of the usual rate; `None`: nobody has described it.
    lines: Vec<(ConnectionReading, Option<Pair>)>,
    mix: [u64; 4],
    usual: Pair,
}

impl Member {
    /// Of a process of a scenario, before the first tick.
    ///
    /// # Errors
    /// Its numbers do not fit.
    pub fn of(process: &Process, scenario: &Scenario) -> anyhow::Result<Member> {
        let boot = scenario.boot.0;
        let counting = scenario.agent_started.0 - boot;
        // Without a start of its own: some time before the counters were made.
        let start = match process.started {
            Some(time) => time.0.saturating_sub(boot),
            None => counting / 2 + u64::from(process.pid) * 1_000_000_000,
        };
        let facts = Facts {
            id: ProcessId {
                pid: process.pid,
                start,
            },
            first_seen: start.max(counting),
            parent: process.parent.0,
            parent_name: process.parent.1.clone(),
            uid: process.uid,
            name: process.name.clone(),
            exe: process.exe.clone(),
            args: process.args.clone(),
            args_cut: false,
            cgroup: process.cgroup.as_deref().map(Cgroup::from),
            exit: None,
        };
        let status = |code: u8, signal: u8| i32::from(code) << 8 | i32::from(signal);
        let end = process.exit.map(|end| Exit {
            time: end.at.0.saturating_sub(boot),
            status: Some(status(end.code, end.signal)),
        });
        let mut mix = ["tcp4", "tcp6", "udp4", "udp6"]
            .map(|kind| process.mix.get(kind).copied().unwrap_or_default());
        // What is not said is TCP over IPv4; rounding goes there too.
        mix[0] = 100 - mix[1] - mix[2] - mix[3];
        let listed = scenario.connection.iter().filter(|c| c.pid == process.pid);
        let mut member = Member {
            lines: listed.map(|c| (line(c, &facts), part(c))).collect(),
            series: Series::of(process, scenario)?,
            usual: process.rate.map(|size| size.0),
            facts,
            end,
            ended: None,
            told: false,
            traffic: Traffic::default(),
            mix,
        };
        member.fill(process.sockets);
        let base = member.series.base;
        member.add(base);
        Ok(member)
    }

    /// Connections that nobody has described, so that there are as many as said.
    fn fill(&mut self, wanted: [u32; 2]) {
        let have = self.sockets();
        let tcp = wanted[0].saturating_sub(have.tcp);
        let udp = wanted[1].saturating_sub(have.udp);
        for n in 0..tcp + udp {
            let pid = self.facts.id.pid;
            let host = Ipv4Addr::new(203, 0, 113, (pid.wrapping_add(n * 7) % 250 + 2) as u8);
            let port = 32768 + (pid.wrapping_mul(31).wrapping_add(n * 257) % 28000) as u16;
            let is_tcp = n < tcp;
            let connection = Connection {
                pid,
                local: (Ipv4Addr::new(10, 0, 0, 5), port).into(),
                remote: Some((host, if is_tcp { 443 } else { 53 }).into()),
                state: is_tcp.then_some(super::scenario::TcpState::Established),
                rate: Default::default(),
            };
            self.lines.push((line(&connection, &self.facts), None));
        }
        for n in 0..self.lines.len() {
            self.lines[n].0.id = self.id(n);
        }
    }

    fn id(&self, line: usize) -> u64 {
        u64::from(self.facts.id.pid) * 1000 + line as u64 + 1
    }

    /// Whether it lives at this instant (boot clock, ns).
    pub fn lives(&self, time: u64) -> bool {
        self.facts.id.start <= time && self.ended.is_none()
    }

    /// How many connections it has.
    pub fn sockets(&self) -> SocketCounts {
        let udp = self
            .lines
            .iter()
            .filter(|(line, _)| line.transport == Transport::Udp);
        let udp = udp.count() as u32;
        SocketCounts {
            tcp: self.lines.len() as u32 - udp,
            udp,
        }
    }

    /// Every connection, with what it has moved.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionReading> + '_ {
        self.lines.iter().map(|(line, _)| line.clone())
    }

    /// It moves so much: over which kind of traffic is told by the mix, over which connection by their
    /// parts; the first connection that nobody has described, else the first, has the rest.
    pub fn add(&mut self, moved: Pair) {
        for (side, bytes) in moved.into_iter().enumerate() {
            let mut rest = bytes;
            for kind in 1..4 {
                let part = share(bytes, self.mix[kind], 100);
                rest -= part;
                count(&mut self.traffic.flows[kind * 2 + side], part);
            }
            count(&mut self.traffic.flows[side], rest);
            let mut rest = bytes;
            for (line, part) in &mut self.lines {
                let part = part.map_or(0, |part| part[side]);
                let bytes = share(bytes, part, self.usual[side]).min(rest);
                rest -= bytes;
                count(flow(line, side), bytes);
            }
            let plain = self.lines.iter().position(|(_, part)| part.is_none());
            if let Some((line, _)) = self.lines.get_mut(plain.unwrap_or(0)) {
                count(flow(line, side), rest);
            }
        }
    }

    /// The counters are new.
    pub fn zero(&mut self) {
        self.traffic = Traffic::default();
        for (line, _) in &mut self.lines {
            (line.rx, line.tx) = (Flow::default(), Flow::default());
        }
    }
}

fn count(flow: &mut Flow, bytes: u64) {
    flow.bytes += bytes;
    flow.calls += u64::from(bytes > 0);
}

fn flow(line: &mut ConnectionReading, side: usize) -> &mut Flow {
    match side {
        0 => &mut line.rx,
        _ => &mut line.tx,
    }
}

fn part(connection: &Connection) -> Option<Pair> {
    Some(connection.rate.map(|size| size.0))
}

fn line(connection: &Connection, facts: &Facts) -> ConnectionReading {
    let is_loopback = |address: &SocketAddr| address.ip().is_loopback();
    let loopback = connection.remote.as_ref().is_some_and(is_loopback);
    let (transport, state) = match (connection.state, connection.remote) {
        (Some(state), _) => (Transport::Tcp, state.into()),
        (None, Some(_)) => (Transport::Udp, ConnectionState::Established),
        (None, None) => (Transport::Udp, ConnectionState::Unconnected),
    };
    let health = TcpHealth {
        rtt_us: Some(1_000 + u32::from(connection.local.port()) % 40_000),
        rtt_variation_us: Some(500),
        ..TcpHealth::default()
    };
    ConnectionReading {
        id: 0,
        process: facts.id,
        shared: false,
        transport,
        loopback,
        state,
        local: connection.local,
        remote: connection.remote,
        namespace: NAMESPACE,
        interface: if loopback { LO } else { ETH0 },
        opened: Some(facts.first_seen),
        rx: Flow::default(),
        tx: Flow::default(),
        tcp: (transport == Transport::Tcp).then_some(health),
    }
}
