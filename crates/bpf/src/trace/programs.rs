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
use super::netfilter::Hooks;
use super::plan::plan;
use super::plan::Intent;
use super::point::Kind;
use super::point::POINTS;
use super::point::TABLE;
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
        let object = load(&mut outcome, pins)?;
        let mut links = Vec::new();
        for program in object.progs_mut() {
            let name = program.name().to_string_lossy().into_owned();
            let Some(point) = TABLE.iter().position(|p| p.name == name) else {
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
        missed.sum()
    }
}

fn open(outcome: &Outcome, pins: &Path) -> Result<libbpf_rs::OpenObject> {
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
        let points = TABLE.iter().zip(outcome);
        let wanted = points.filter(|(_, outcome)| outcome.is_ok());
        let mut wanted = wanted.map(|(point, _)| match point.kind {
            Kind::Netfilter => NETFILTER,
            Kind::Tracepoint | Kind::Kprobe => point.name,
        });
        program.set_autoload(wanted.any(|wanted| wanted == name));
    }
    Ok(object)
}

/// Loads what is still to be tried. A program that is refused takes its point out; libbpf does not
/// say which it was, so then each is tried alone.
fn load(outcome: &mut Outcome, pins: &Path) -> Result<Object> {
    match open(outcome, pins)?.load() {
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
        if let Err(error) = open(&alone, pins)?.load() {
            *point = Err(why(&errno(&error)));
        }
    }
    let loaded = open(outcome, pins)?.load();
    loaded.map_err(|e| Error::kernel("load the packet trace", errno(&e)))
}
