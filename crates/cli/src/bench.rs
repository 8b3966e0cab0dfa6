//! What `netmon top` costs with two thousand processes on a screen of 160x45:
//! `cargo bench -p netmon --bench top`.
//!
//! Measured is everything that happens in the viewer: messages of the agent are folded, the model
//! takes the tick, and the frame is drawn and written as bytes for a terminal. This stands beside
//! `main` because a program has no library to link against.

// Most of the program is not measured, and its tests are not run from here.
#![allow(unused, dead_code, clippy::unwrap_used)]

mod args;
mod failure;
mod filter;
mod group;
mod matching;
mod outcome;
mod output;
mod query;
mod rate;
mod resolve;
mod row;
mod session;
mod target;
mod tell;
mod text;
mod top;
mod units;

use std::io;
use std::time::Duration;
use std::time::Instant;

use netmon_api::v1;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::Terminal;
use ratatui::TerminalOptions;
use ratatui::Viewport;

use self::session::agent::Agent;
use self::session::capabilities::Capabilities;
use self::session::fold::Fold;
use self::session::watch::Event;
use self::top::action::Action;
use self::top::action::Clock;
use self::top::action::Motion;
use self::top::layout::Size;
use self::top::model::recall::Recall;
use self::top::model::screen::Pane;
use self::top::model::screen::Screen;
use self::top::model::settings::Settings;
use self::top::model::sort::Sort;
use self::top::model::Coverage;
use self::top::model::Model;
use self::top::model::Opening;

const PROCESSES: u32 = 2000;
const ACTIVE: u64 = 400;
const WIDTH: u16 = 160;
const HEIGHT: u16 = 45;
const HOUR: u64 = 3600;

fn at(second: u64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: 1_795_000_000 + i64::try_from(second).unwrap(),
        nanos: 0,
    })
}

fn id(pid: u32) -> Option<v1::ProcessId> {
    Some(v1::ProcessId {
        pid,
        start_ns: u64::from(pid) * 1_000_000,
    })
}

fn process(pid: u32) -> v1::Process {
    v1::Process {
        id: id(pid),
        state: v1::ProcessState::Live.into(),
        start_time: at(0),
        first_seen_time: at(0),
        uid: pid % 5,
        name: format!("worker-{}", pid % 97),
        exe: Some("/usr/lib/worker/bin/worker".to_owned()),
        args: vec!["worker".to_owned(), "--serve".to_owned(), pid.to_string()],
        cgroup: Some(format!("/system.slice/worker@{}.service", pid % 50)),
        unit: Some(format!("worker@{}.service", pid % 50)),
        ..v1::Process::default()
    }
}

// Cheap numbers without a pattern that a sort could profit from.
fn scatter(a: u64, b: u64) -> u64 {
    (a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_mul(0xc2b2_ae3d_27d4_eb4f)) >> 44
}

fn row(pid: u32, second: u64) -> v1::Row {
    let bytes = scatter(u64::from(pid), second);
    v1::Row {
        id: id(pid),
        flows: vec![v1::Flow {
            transport: v1::Transport::Tcp.into(),
            family: v1::Family::Ipv4.into(),
            loopback: false,
            rx_bytes: bytes,
            tx_bytes: bytes / 3,
            rx_bytes_total: second * 400_000,
            tx_bytes_total: second * 130_000,
            rx_calls_total: second,
            tx_calls_total: second,
        }],
        tcp_connections: Some(3),
        udp_connections: Some(1),
        ..v1::Row::default()
    }
}

fn tick(second: u64) -> Option<v1::Tick> {
    Some(v1::Tick {
        seq: second,
        end_time: at(second),
        length_ns: 1_000_000_000,
        processes: PROCESSES,
        processes_active: u32::try_from(ACTIVE).unwrap(),
        ..v1::Tick::default()
    })
}

fn snapshot() -> v1::Snapshot {
    v1::Snapshot {
        tick: tick(1),
        processes: (1..=PROCESSES).map(process).collect(),
        rows: (1..=PROCESSES).map(|pid| row(pid, 1)).collect(),
        last: true,
        connections: Vec::new(),
    }
}

fn update(second: u64) -> v1::Update {
    let first = second * 37;
    let rows = (0..ACTIVE).map(|n| {
        let pid = (first + n * 5) % u64::from(PROCESSES) + 1;
        row(u32::try_from(pid).unwrap(), second)
    });
    v1::Update {
        tick: tick(second),
        rows: rows.collect(),
        ..v1::Update::default()
    }
}

fn model() -> Model {
    let capabilities = Capabilities::default();
    let mut model = Model::new(Opening {
        screen: Screen::List(Pane::Live),
        sort: Sort::default(),
        settings: Settings::default(),
        coverage: Coverage::Everything,
        interval: Duration::from_secs(1),
        agent: Agent {
            tick: Duration::from_secs(1),
            capabilities,
            ..Agent::default()
        },
        clock: clock(0),
        socket: String::new(),
        recall: Recall::new(Duration::ZERO, None, None),
        bindings: top::bindings::Bindings::default(),
        warnings: Vec::new(),
        filtering: top::model::filtering::Filtering::default(),
        narrow: None,
        shape: top::model::outline::Shape::Flat,
    });
    model.apply(Action::Resize(Size {
        width: WIDTH,
        height: HEIGHT,
    }));
    model
}

fn clock(second: u64) -> Clock {
    Clock {
        wall: jiff::Timestamp::from_second(1_795_000_000 + i64::try_from(second).unwrap()).unwrap(),
        running: Duration::from_secs(second),
    }
}

// Resident memory of this process, KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap().split_whitespace().next();
    number.unwrap().parse().unwrap()
}

#[derive(Default)]
struct Cost {
    fold: Duration,
    apply: Duration,
    draw: Duration,
    slowest_draw: Duration,
    ticks: u32,
}

impl Cost {
    fn print(&self, what: &str) {
        let ms = |all: Duration| all.as_secs_f64() * 1000.0 / f64::from(self.ticks.max(1));
        let sum = self.fold + self.apply + self.draw;
        println!(
            "{what:<34} fold {:.2} ms, model {:.2} ms, draw {:.2} ms (slowest {:.2} ms); \
             {:.2} % of a core at one tick per second; {} MiB resident",
            ms(self.fold),
            ms(self.apply),
            ms(self.draw),
            self.slowest_draw.as_secs_f64() * 1000.0,
            ms(sum) / 10.0,
            resident() / 1024
        );
    }
}

struct Viewer {
    fold: Fold,
    model: Model,
    terminal: Terminal<CrosstermBackend<io::Sink>>,
    second: u64,
}

impl Viewer {
    fn new() -> Self {
        let viewport = Viewport::Fixed(Rect::new(0, 0, WIDTH, HEIGHT));
        let backend = CrosstermBackend::new(io::sink());
        let terminal = Terminal::with_options(backend, TerminalOptions { viewport });
        let mut viewer = Self {
            fold: Fold::default(),
            model: model(),
            terminal: terminal.unwrap(),
            second: 1,
        };
        let sample = viewer.fold.snapshot(snapshot()).unwrap();
        viewer
            .model
            .apply(Action::Feed(Event::Sample(Box::new(sample))));
        viewer
    }

    fn run(&mut self, ticks: u64) -> Cost {
        let mut cost = Cost::default();
        for _ in 0..ticks {
            self.second += 1;
            let update = update(self.second);
            self.model.apply(Action::Clock(clock(self.second)));
            let start = Instant::now();
            let sample = Box::new(self.fold.update(update));
            let folded = Instant::now();
            self.model.apply(Action::Feed(Event::Sample(sample)));
            let applied = Instant::now();
            self.draw();
            let drawn = applied.elapsed();
            cost.fold += folded - start;
            cost.apply += applied - folded;
            cost.draw += drawn;
            cost.slowest_draw = cost.slowest_draw.max(drawn);
            cost.ticks += 1;
        }
        cost
    }

    fn draw(&mut self) {
        let model = &self.model;
        self.terminal
            .draw(|frame| top::view::render(model, frame))
            .unwrap();
    }
}

fn main() {
    let mut viewer = Viewer::new();
    println!("{PROCESSES} processes, {ACTIVE} with traffic in a tick, {WIDTH}x{HEIGHT}");
    viewer.run(120).print("after two minutes");
    viewer.run(HOUR).print("an hour later");
    viewer.run(HOUR).print("two hours later");
    viewer.model.apply(Action::Move(Motion::Lines(1)));
    viewer
        .model
        .apply(Action::Travel(top::action::Travel::Seconds(
            600,
            top::model::past::Towards::Older,
        )));
    viewer.run(120).print("while the past is on screen");
    let started = Instant::now();
    for _ in 0..20 {
        viewer.model.apply(Action::Travel(top::action::Travel::Tick(
            top::model::past::Towards::Older,
        )));
        viewer.draw();
    }
    println!(
        "{:<34} {:.2} ms",
        "a step through time, drawn",
        started.elapsed().as_secs_f64() * 1000.0 / 20.0
    );
}
