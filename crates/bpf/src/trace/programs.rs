//! The compiled programs of the trace: loaded, attached, and gone with the last handle on them.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::path::Path;

use libbpf_rs::Link;
use libbpf_rs::MapCore;
use libbpf_rs::MapHandle;
use libbpf_rs::Object;
use libbpf_rs::ObjectBuilder;

use super::facts::Facts;
use super::facts::Raw;
use super::netfilter::Hooks;
use super::plan::is_raw;
use super::plan::plan;
use super::plan::Intent;
use super::point::Kind;
use super::point::POINTS;
use super::point::TABLE;
use crate::batch::lookup_all_cpus;
use crate::error::errno;
use crate::error::Error;
use crate::error::Result;
use crate::object::missed_events;
use crate::object::why;

const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/trace.bpf.o"));
/// The counters' maps that tell whose a socket is.
const SHARED: [&str; 2] = ["sockets", "processes"];
const NETFILTER: &str = "netfilter";

/// What became of each point: attached, or why not.
pub type Outcome = [std::result::Result<(), String>; POINTS];

/// Attached programs. Nothing of them is pinned.
#[derive(Debug)]
pub(super) struct Programs {
    // Links go before the programs.
    _links: Vec<Link>,
    hooks: Hooks,
    object: Object,
    pub(super) outcome: Outcome,
}

impl Programs {
    /// Loads and attaches what this kernel allows. `pins`: where the counters' maps are.
    pub(super) fn start(facts: &Facts, pins: &Path) -> Result<Programs> {
        let programs = Self::start_with(facts, pins)?;
        if raw_refused(facts, &programs.outcome) {
            drop(programs);
            tracing::debug!("BTF tracepoints are refused: classic ones have to do");
            let classic = Facts {
                raw: Raw::Nowhere,
                ..facts.clone()
            };
            return Self::start(&classic, pins);
        }
        let attached = |kind| {
            let mut points = TABLE.iter().zip(&programs.outcome);
            points.any(|(point, outcome)| point.kind == kind && outcome.is_ok())
        };
        if !facts.kprobes || attached(Kind::Kprobe) {
            return Ok(programs);
        }
        // There are kprobes, but not for us: what stands in for them may do.
        let without = Facts {
            kprobes: false,
            ..facts.clone()
        };
        let refused = programs.outcome.clone();
        drop(programs);
        let mut programs = Self::start_with(&without, pins)?;
        for (index, point) in TABLE.iter().enumerate() {
            if point.kind == Kind::Kprobe {
                programs.outcome[index] = refused[index].clone();
            }
        }
        Ok(programs)
    }

    fn start_with(facts: &Facts, pins: &Path) -> Result<Programs> {
        let mut outcome: Outcome = plan(facts).map(|intent| match intent {
            Intent::Try => Ok(()),
            Intent::Leave(reason) => Err(reason),
        });
        let object = load(&mut outcome, facts, pins)?;
        let mut links = Vec::new();
        for program in object.progs_mut() {
            let name = program.name().to_string_lossy().into_owned();
            let mut points = (0..POINTS).filter(|point| TABLE[*point].kind != Kind::Netfilter);
            let Some(point) = points.find(|point| program_of(*point, facts) == name) else {
                continue;
            };
            if outcome[point].is_ok() {
                match program.attach() {
                    Ok(link) => links.push(link),
                    Err(error) => outcome[point] = Err(why(&errno(&error))),
                }
            }
        }
        let mut programs = Programs {
            _links: links,
            hooks: Hooks::default(),
            object,
            outcome,
        };
        programs.attach_netfilter();
        Ok(programs)
    }

    fn attach_netfilter(&mut self) {
        let Some(program) = self.netfilter() else {
            return;
        };
        let outcomes = self.hooks.attach_here(program);
        let points = (0..POINTS).filter(|index| TABLE[*index].kind == Kind::Netfilter);
        for (index, outcome) in points.zip(outcomes) {
            if self.outcome[index].is_ok() {
                self.outcome[index] = outcome.map_err(|error| why(&error));
            }
        }
        self.hooks.follow(program);
    }

    /// The descriptor of the netfilter program, if it is loaded.
    fn netfilter(&self) -> Option<i32> {
        let mut programs = self.object.progs();
        let program = programs.find(|program| program.name() == NETFILTER)?;
        program.autoload().then(|| program.as_fd().as_raw_fd())
    }

    /// Hooks network namespaces that came since. Some microseconds per process of the machine.
    pub(super) fn follow_namespaces(&mut self) {
        if let Some(program) = self.netfilter() {
            self.hooks.follow(program);
        }
    }

    pub(super) fn map(&self, name: &str) -> Result<MapHandle> {
        let map = self.object.maps().find(|map| map.name() == name);
        let failed = |e: &libbpf_rs::Error| Error::kernel(format!("open the map {name}"), errno(e));
        let map = map.ok_or_else(|| {
            Error::kernel(
                format!("open the map {name}"),
                io::Error::from(io::ErrorKind::NotFound),
            )
        })?;
        MapHandle::try_from(&map).map_err(|e| failed(&e))
    }

    /// Events that the kernel skipped because another program was running on that CPU.
    pub(super) fn missed_events(&self) -> u64 {
        let loaded = self.object.progs().filter(|program| program.autoload());
        let missed = loaded.map(|program| missed_events(program.as_fd()).unwrap_or(0));
        let places = self
            .map("misses")
            .and_then(|map| lookup_all_cpus::<u64>(&map, 0));
        missed.sum::<u64>() + places.unwrap_or_default().iter().sum::<u64>()
    }
}

/// Whether a point has a classic form that was not tried.
fn raw_refused(facts: &Facts, outcome: &Outcome) -> bool {
    let tried = plan(facts).map(|intent| intent == Intent::Try);
    let mut points = TABLE.iter().zip(tried).zip(outcome);
    points.any(|((point, tried), outcome)| tried && outcome.is_err() && is_raw(facts, point))
}

/// The name of the program that is hooked at a point.
fn program_of(point: usize, facts: &Facts) -> String {
    let point = &TABLE[point];
    match point.kind {
        Kind::Netfilter => NETFILTER.to_owned(),
        Kind::Tracepoint if is_raw(facts, point) => format!("btf_{}", point.name),
        Kind::Tracepoint | Kind::Kprobe => point.name.to_owned(),
    }
}

fn open(outcome: &Outcome, facts: &Facts, pins: &Path) -> Result<libbpf_rs::OpenObject> {
    let opened = ObjectBuilder::default().open_memory(OBJECT);
    let mut object = opened.map_err(|e| Error::kernel("read the BPF object", errno(&e)))?;
    for mut map in object.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        if SHARED.contains(&name.as_str()) {
            map.reuse_pinned_map(pins.join(&name))
                .map_err(|e| Error::kernel(format!("reuse the map {name}"), errno(&e)))?;
        }
    }
    for mut program in object.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let mut wanted = (0..POINTS).filter(|point| outcome[*point].is_ok());
        program.set_autoload(wanted.any(|point| program_of(point, facts) == name));
    }
    Ok(object)
}

/// Loads what is still to be tried. A program that is refused takes its point out; libbpf does not
/// say which it was, so then each is tried alone.
fn load(outcome: &mut Outcome, facts: &Facts, pins: &Path) -> Result<Object> {
    match open(outcome, facts, pins)?.load() {
        Ok(object) => return Ok(object),
        Err(error) => tracing::debug!(error = %errno(&error), "a program of the trace is refused"),
    }
    for (index, point) in outcome.iter_mut().enumerate() {
        if point.is_err() {
            continue;
        }
        let alone: Outcome = std::array::from_fn(|other| match other == index {
            true => Ok(()),
            false => Err(String::new()),
        });
        if let Err(error) = open(&alone, facts, pins)?.load() {
            *point = Err(why(&errno(&error)));
        }
    }
    let loaded = open(outcome, facts, pins)?.load();
    loaded.map_err(|e| Error::kernel("load the packet trace", errno(&e)))
}
