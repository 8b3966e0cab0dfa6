//! Getting the programs to run: made new, taken over as they are, or replaced by this build's.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use libbpf_rs::Link;
use libbpf_rs::Program;

use super::boot_now;
use super::Options;
use crate::abi::control;
use crate::abi::ABI_MAGIC;
use crate::abi::ABI_VERSION;
use crate::error::Error;
use crate::error::Refusal;
use crate::error::Result;
use crate::object;
use crate::object::Constants;
use crate::object::Seeder;
use crate::pins::store;
use crate::pins::Maps;
use crate::pins::PinDirectory;
use crate::plan;
use crate::plan::Hook;
use crate::plan::HookSet;
use crate::plan::Plan;
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
    generation: u32,
    attached: Vec<Attached>,
    refused: Vec<(Hook, String)>,
}

#[derive(Debug)]
struct Attached {
    hook: Hook,
    program_id: u32,
    program: Option<OwnedFd>,
}

type Started = (Maps, Programs, Option<Seeder>, u64);

/// Makes maps, attaches the first set that this kernel takes, and pins it all.
pub(super) fn make(pins: &PinDirectory, options: &Options) -> Result<Started> {
    let support = Support::find_out()?;
    let mut refused: Vec<Refusal> = HookSet::ALL
        .into_iter()
        .filter(|set| options.hooks.is_none_or(|asked| asked == *set))
        .filter_map(|set| {
            let reason = plan::missing(&support, set)?;
            Some(Refusal {
                set,
                hook: String::new(),
                reason: reason.to_owned(),
            })
        })
        .collect();
    for plan in plan::plans(&support, options.hooks) {
        let directory = pins.prepare()?;
        object::make_maps(&support, options.limits, &directory)?;
        let maps = Maps::open(&directory)?;
        let created = boot_now();
        let mut schema = control {
            magic: ABI_MAGIC,
            abi_version: ABI_VERSION,
            active_generation: FIRST_GENERATION,
            hook_set: plan.set as u32,
            created,
            build: object::build(),
            ..control::default()
        };
        // Nothing counts before the schema is there, so the order of the rest cannot matter to
        // sockets opened from now on; those opened before get their baselines from the seed.
        store(&maps.control, &schema)?;
        let constants = Constants::of(&plan, FIRST_GENERATION);
        let seeder = Seeder::load(&directory, &support).and_then(|seeder| {
            seeder.run()?;
            Ok(seeder)
        });
        schema.seeded = seeder.is_ok().into();
        store(&maps.control, &schema)?;
        match object::attach(&plan.required, constants, &support, &directory, true)? {
            Ok(()) => {}
            Err(refusal) => {
                if refusal.reason.kind() == io::ErrorKind::PermissionDenied
                    && options.hooks.is_none()
                    && plan.set == HookSet::Tracepoint
                {
                    let doing = format!("attach to {}", refusal.hook.target);
                    return Err(Error::NoRight {
                        doing,
                        source: refusal.reason,
                    });
                }
                refused.push(Refusal {
                    set: plan.set,
                    hook: refusal.hook.target.to_owned(),
                    reason: reason(&refusal.reason),
                });
                continue;
            }
        }
        let left_out = attach_optional(&plan, constants, &support, &directory)?;
        schema.sockets_released = sockets_released(&left_out);
        store(&maps.control, &schema)?;
        // Once more for UDP sockets: they may only be noted when their end will be seen.
        if let Some(Err(error)) = seeder.as_ref().ok().map(Seeder::run) {
            tracing::debug!(%error, "cannot note open UDP sockets");
        }
        pins.publish(&directory)?;
        let mut programs = Programs::open(pins, plan.set, FIRST_GENERATION)?;
        programs.refused = left_out;
        programs.refused.extend(refused.iter().filter_map(as_hook));
        return Ok((maps, programs, seeder.ok(), created));
    }
    // What was prepared counts nothing; it must not look as if it did.
    let _ = std::fs::remove_dir_all(pins.prepare()?);
    Err(Error::NoHookSet { refused })
}

/// The generation of the first programs on new maps; 0 is never in charge.
const FIRST_GENERATION: u32 = 1;

fn as_hook(refusal: &Refusal) -> Option<(Hook, String)> {
    let hook = plan::known()
        .into_iter()
        .find(|hook| hook.target == refusal.hook)?;
    Some((hook, refusal.reason.clone()))
}

/// Takes over what counts already. Programs of another build are replaced by this one's without
/// losing an event: both are attached for a moment, and the generation says which one counts.
pub(super) fn adopt(pins: &PinDirectory, options: &Options) -> Result<Started> {
    let directory = pins.current();
    let maps = Maps::open(&directory)?;
    let mut schema = maps.control(&directory)?;
    let set = HookSet::from_number(schema.hook_set).ok_or_else(|| Error::Layout {
        directory: directory.clone(),
        found: format!("hook set {}", schema.hook_set),
    })?;
    if let Some(asked) = options.hooks.filter(|asked| *asked != set) {
        return Err(Error::OtherHookSet { pinned: set, asked });
    }
    let complete = links_are_complete(pins, set, schema.active_generation)?;
    if schema.build != object::build() || !complete {
        replace(pins, &maps, set, &mut schema)?;
    } else {
        // An upgrade that was cut short may have left links that do nothing.
        remove_links(pins, |g| g != schema.active_generation)?;
    }
    let programs = Programs::open(pins, set, schema.active_generation)?;
    let created = schema.created;
    Ok((maps, programs, None, created))
}

fn sockets_released(left_out: &[(Hook, String)]) -> u32 {
    let refused = |(hook, _): &(Hook, String)| hook.program == "socket_release";
    u32::from(!left_out.iter().any(refused))
}

/// A link may be missing when somebody removed its pin, or an attachment was cut short.
fn links_are_complete(pins: &PinDirectory, set: HookSet, generation: u32) -> Result<bool> {
    let links = pins.links()?;
    let pinned = |program: &str| links.iter().any(|(g, p)| *g == generation && p == program);
    let known = plan::known_sets(set);
    Ok(known
        .iter()
        .any(|required| required.iter().all(|hook| pinned(hook.program))))
}

fn replace(pins: &PinDirectory, maps: &Maps, set: HookSet, schema: &mut control) -> Result<()> {
    let directory = pins.current();
    let support = Support::find_out()?;
    let generation = schema
        .active_generation
        .wrapping_add(1)
        .max(FIRST_GENERATION);
    let Some(plan) = plan::plans(&support, Some(set)).into_iter().next() else {
        let reason = plan::missing(&support, set)
            .unwrap_or("not possible")
            .to_owned();
        return Err(Error::NoHookSet {
            refused: vec![Refusal {
                set,
                hook: String::new(),
                reason,
            }],
        });
    };
    remove_links(pins, |g| g == generation)?;
    let constants = Constants::of(&plan, generation);
    if let Err(refusal) = object::attach(&plan.required, constants, &support, &directory, true)? {
        return Err(Error::NoHookSet {
            refused: vec![Refusal {
                set,
                hook: refusal.hook.target.to_owned(),
                reason: reason(&refusal.reason),
            }],
        });
    }
    let left_out = attach_optional(&plan, constants, &support, &directory)?;
    schema.sockets_released = sockets_released(&left_out);
    schema.active_generation = generation;
    schema.build = object::build();
    store(&maps.control, schema)?;
    remove_links(pins, |g| g != generation)
}

fn remove_links(pins: &PinDirectory, which: impl Fn(u32) -> bool) -> Result<()> {
    for (generation, program) in pins.links()? {
        if which(generation) {
            let path = pins.current().join(object::link_name(generation, &program));
            std::fs::remove_file(&path)
                .map_err(|e| Error::kernel(format!("remove {}", path.display()), e))?;
        }
    }
    Ok(())
}

/// Attaches each optional hook on its own, so that one refusal costs only that hook. They are
/// tried together first, because each object that is loaded costs milliseconds.
fn attach_optional(
    plan: &Plan,
    constants: Constants,
    support: &Support,
    directory: &Path,
) -> Result<Vec<(Hook, String)>> {
    attach_each(&plan.optional, constants, support, directory)
}

fn attach_each(
    hooks: &[Hook],
    constants: Constants,
    support: &Support,
    directory: &Path,
) -> Result<Vec<(Hook, String)>> {
    let Some(refused) = (match hooks {
        [] => None,
        all => object::attach(all, constants, support, directory, true)?.err(),
    }) else {
        return Ok(Vec::new());
    };
    let rest: Vec<Hook> = hooks
        .iter()
        .copied()
        .filter(|hook| *hook != refused.hook)
        .collect();
    let mut left_out = vec![(refused.hook, reason(&refused.reason))];
    left_out.extend(attach_each(&rest, constants, support, directory)?);
    Ok(left_out)
}

/// Why a hook is not there, in words a user can look up.
fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => {
            let text = error.to_string();
            let text = text
                .split(" (os error")
                .next()
                .unwrap_or_default()
                .to_lowercase();
            format!("refused: {text} (errno {code})")
        }
        None => format!("refused: {error}"),
    }
}

impl Programs {
    /// The programs whose links are pinned.
    fn open(pins: &PinDirectory, set: HookSet, generation: u32) -> Result<Programs> {
        let mut known = plan::known();
        // A program that two sets share is listed once.
        known.dedup_by_key(|hook| hook.program);
        let mut attached = Vec::new();
        for (_, program) in pins.links()?.into_iter().filter(|(g, _)| *g == generation) {
            let Some(hook) = known.iter().find(|hook| hook.program == program) else {
                continue;
            };
            let path = pins.current().join(object::link_name(generation, &program));
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
            generation,
            attached,
            refused: Vec::new(),
        })
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

    pub(super) fn missed_events(&self) -> u64 {
        let lossy = self
            .attached
            .iter()
            .filter(|attached| !attached.hook.heals());
        lossy.filter_map(Attached::missed_events).sum()
    }

    pub(super) fn explore(&mut self, pins: &PinDirectory) -> Result<()> {
        let support = Support::find_out()?;
        let directory = pins.current();
        let Some(plan) = plan::plans(&support, Some(self.set)).into_iter().next() else {
            return Ok(());
        };
        let there = |hook: &Hook| {
            self.attached.iter().any(|a| a.hook.program == hook.program)
                || self.refused.iter().any(|(h, _)| h.program == hook.program)
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
            let outcome = object::attach(&[hook], idle, &support, &directory, false)?;
            let why = match outcome {
                Err(refusal) => reason(&refusal.reason),
                Ok(()) => format!("not needed: hook set {} counts", self.set),
            };
            refused.push((hook, why));
        }
        *self = Programs {
            refused,
            ..Programs::open(pins, self.set, self.generation)?
        };
        Ok(())
    }
}

impl Attached {
    fn missed_events(&self) -> Option<u64> {
        object::missed_events(self.program.as_ref()?).ok()
    }
}

#[cfg(test)]
#[path = "attach_tests.rs"]
mod tests;
