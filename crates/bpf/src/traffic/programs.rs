//! The programs in charge, and what else this kernel would allow.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::path::PathBuf;

use libbpf_rs::Link;
use libbpf_rs::Program;

use super::hooks::attach_each;
use crate::error::Error;
use crate::error::Result;
use crate::object;
use crate::object::why as reason;
use crate::object::Constants;
use crate::object::Loaded;
use crate::pins::links;
use crate::plan;
use crate::plan::Hook;
use crate::plan::HookSet;
use crate::support::Support;

/// A hook and what became of it.
#[derive(Debug, Clone)]
pub struct HookState {
    /// The hook.
    pub hook: Hook,
    /// Set when it is attached.
    pub program_id: Option<u32>,
    /// Events the kernel skipped at this hook, cumulative.
    pub missed_events: Option<u64>,
    /// Why it is not attached.
    pub reason: Option<String>,
}

/// The programs in charge.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) set: HookSet,
    directory: PathBuf,
    generation: u32,
    attached: Vec<Attached>,
    /// Skipped events of the programs before these, see `struct carried`.
    pub(super) missed_before: u64,
    pub(super) refused: Vec<(Hook, String)>,
}

#[derive(Debug)]
struct Attached {
    hook: Hook,
    program_id: u32,
    program: Option<OwnedFd>,
}

impl Programs {
    /// The programs whose links are pinned.
    pub(super) fn open(directory: &Path, set: HookSet, generation: u32) -> Result<Programs> {
        let mut known = plan::known();
        // A program that two sets share is listed once.
        known.dedup_by_key(|hook| hook.program);
        let mut attached = Vec::new();
        for (_, program) in links(directory)?
            .into_iter()
            .filter(|(g, _)| *g == generation)
        {
            let Some(hook) = known.iter().find(|hook| hook.program == program) else {
                continue;
            };
            let path = directory.join(object::link_name(generation, &program));
            let failed = |e: libbpf_rs::Error| {
                Error::kernel(format!("open {}", path.display()), crate::error::errno(&e))
            };
            let mut link = Link::open(&path).map_err(failed)?;
            let program_id = link.info().map_err(failed)?.prog_id;
            link.disconnect();
            // Opening by id needs CAP_SYS_ADMIN; without it only the miss counts are unknown.
            let program = Program::fd_from_id(program_id).ok();
            attached.push(Attached {
                hook: *hook,
                program_id,
                program,
            });
        }
        attached.sort_by_key(|a| known.iter().position(|hook| *hook == a.hook));
        Ok(Programs {
            set,
            directory: directory.to_owned(),
            generation,
            attached,
            missed_before: 0,
            refused: Vec::new(),
        })
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    pub(super) fn states(&self) -> Vec<HookState> {
        let attached = self.attached.iter().map(|a| HookState {
            hook: a.hook,
            program_id: Some(a.program_id),
            missed_events: a.missed_events(),
            reason: None,
        });
        let refused = self.refused.iter().map(|(hook, reason)| HookState {
            hook: *hook,
            program_id: None,
            missed_events: None,
            reason: Some(reason.clone()),
        });
        attached.chain(refused).collect()
    }

    /// Cumulative over all programs there have been. The arithmetic wraps because `missed_before`
    /// leaves out what the kernel skipped here while the programs before still counted.
    pub(super) fn missed_events(&self) -> u64 {
        self.missed_before.wrapping_add(self.own_missed_events())
    }

    /// Of these programs, whether they counted or not.
    pub(super) fn own_missed_events(&self) -> u64 {
        let lossy = self
            .attached
            .iter()
            .filter(|attached| !attached.hook.heals());
        lossy.filter_map(Attached::missed_events).sum()
    }

    pub(super) fn explore(&mut self) -> Result<()> {
        let support = Support::find_out()?;
        let directory = self.directory.clone();
        let attached = |hook: &Hook| self.attached.iter().any(|a| a.hook.program == hook.program);
        let plans = plan::plans(&support, Some(self.set));
        let Some(plan) = plans
            .into_iter()
            .find(|plan| plan.required.iter().all(attached))
        else {
            return Ok(());
        };
        let there = |hook: &Hook| {
            attached(hook) || self.refused.iter().any(|(h, _)| h.program == hook.program)
        };
        let tried: Vec<Hook> = plan
            .optional
            .iter()
            .copied()
            .filter(|h| !there(h))
            .collect();
        let constants = Constants::of(&plan, self.generation);
        let mut refused = attach_each(&tried, constants, &support, &directory)?;
        refused.append(&mut self.refused);
        for set in HookSet::ALL.into_iter().filter(|set| *set != self.set) {
            if let Some(lack) = plan::missing(&support, set) {
                refused.extend(plan::sample(set).map(|hook| (hook, lack.to_owned())));
                continue;
            }
            let Some(hook) = plan::sample(set) else {
                continue;
            };
            if refused.iter().any(|(h, _)| h.program == hook.program) {
                continue;
            }
            // Generation 0 is never in charge: attached for an instant, it counts nothing.
            let idle = Constants {
                generation: 0,
                ..constants
            };
            let loaded = Loaded::load(&[hook], idle, &support, &directory)?;
            let outcome = loaded.and_then(|loaded| loaded.try_out(&[hook]));
            let why = match outcome {
                Err(refusal) => reason(&refusal.reason),
                Ok(()) => format!("not needed: hook set {} counts", self.set),
            };
            refused.push((hook, why));
        }
        *self = Programs {
            refused,
            missed_before: self.missed_before,
            ..Programs::open(&directory, self.set, self.generation)?
        };
        Ok(())
    }
}

impl Attached {
    fn missed_events(&self) -> Option<u64> {
        object::missed_events(self.program.as_ref()?).ok()
    }
}
