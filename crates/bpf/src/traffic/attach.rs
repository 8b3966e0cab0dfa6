//! Getting the programs to run: made new, taken over as they are, or replaced by this build's.

use std::io;
use std::path::Path;

use super::boot_now;
use super::hooks::attach;
use super::hooks::attach_each;
use super::hooks::LeftOut;
use super::programs::Programs;
use super::Options;
use crate::abi::carried;
use crate::abi::control;
use crate::abi::ABI_MAGIC;
use crate::abi::ABI_VERSION;
use crate::batch::lookup;
use crate::error::Error;
use crate::error::Refusal;
use crate::error::Result;
use crate::object;
use crate::object::why as reason;
use crate::object::Constants;
use crate::object::Loaded;
use crate::object::Refused;
use crate::pins::links;
use crate::pins::store;
use crate::pins::Maps;
use crate::pins::PinDirectory;
use crate::pins::ONLY;
use crate::plan;
use crate::plan::Hook;
use crate::plan::HookSet;
use crate::plan::Kind;
use crate::plan::Plan;
use crate::seeder;
use crate::seeder::Seeder;
use crate::standstill::at_standstill;
use crate::support::Support;

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
        object::make_maps(&support, options.limits, 0, None, &directory)?;
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
        let loading = Loading {
            plan: &plan,
            support: &support,
            directory: &directory,
        };
        let started = loading.start(|seeded| {
            schema.seeded = seeded.into();
            store(&maps.control, &schema)
        })?;
        let (seeder, left_out) = match started {
            Ok(started) => started,
            Err(refusal) => {
                if refusal.reason.kind() == io::ErrorKind::PermissionDenied
                    && options.hooks.is_none()
                    && plan.set == HookSet::Tracepoint
                    && refusal.hook.kind == Kind::Tracepoint
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
        };
        schema.sockets_released = sockets_released(&left_out);
        store(&maps.control, &schema)?;
        // Once more for UDP sockets: they may only be noted when their end will be seen.
        if let Some(Err(error)) = seeder.as_ref().map(Seeder::run) {
            tracing::debug!(%error, "cannot note open UDP sockets");
        }
        pins.publish(&directory)?;
        let mut programs = Programs::open(&pins.current(), plan.set, FIRST_GENERATION)?;
        programs.refused = left_out;
        programs.refused.extend(refused.iter().filter_map(as_hook));
        return Ok((maps, programs, seeder, created));
    }
    // What was prepared counts nothing; it must not look as if it did.
    let _ = std::fs::remove_dir_all(pins.prepare()?);
    Err(Error::NoHookSet { refused })
}

/// A plan on new maps.
struct Loading<'a> {
    plan: &'a Plan,
    support: &'a Support,
    directory: &'a Path,
}

impl Loading<'_> {
    /// Notes the sockets that are open, says so to `seeded`, and only then attaches what counts:
    /// a read in between is made up for by the next one, but a first read without a baseline is
    /// lost.
    fn start(
        &self,
        seeded: impl FnOnce(bool) -> Result<()>,
    ) -> Result<std::result::Result<(Option<Seeder>, LeftOut), Refused>> {
        let mut constants = Constants::of(self.plan, FIRST_GENERATION);
        constants.socket_file_ops = seeder::socket_file_ops(self.support).unwrap_or(0);
        let mut all = vec![Seeder::HOOK];
        all.extend(&self.plan.required);
        all.extend(&self.plan.optional);
        // All at once where the kernel takes them all, which spares several loads.
        let loaded = Loaded::load_all(&all, constants, self.support, self.directory)?;
        let (loaded, seeder) = match loaded {
            Ok(loaded) => {
                let seeder = Seeder::of(&loaded);
                (Some(loaded), seeder)
            }
            Err(_) => (None, Seeder::load(self.directory, self.support)),
        };
        let seeder = seeder.and_then(|seeder| seeder.run().map(|()| seeder)).ok();
        seeded(seeder.is_some())?;
        let (plan, support) = (self.plan, self.support);
        let Some(loaded) = loaded else {
            if let Err(refused) = attach(&plan.required, constants, support, self.directory)? {
                return Ok(Err(refused));
            }
            let left_out = attach_each(&plan.optional, constants, support, self.directory)?;
            return Ok(Ok((seeder, left_out)));
        };
        if let Err(refused) = loaded.attach(&plan.required) {
            return Ok(Err(refused));
        }
        let refused = plan
            .optional
            .iter()
            .filter_map(|hook| loaded.attach(&[*hook]).err());
        let left_out = refused.map(|r| (r.hook, reason(&r.reason))).collect();
        Ok(Ok((seeder, left_out)))
    }
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
    // A newer agent may have begun to take these counters over, and not come to the switch.
    pins.remove_unfinished()?;
    let set = pinned_set(&schema, options, &directory)?;
    let complete = links_are_complete(&directory, set, schema.active_generation)?;
    if schema.build != object::build() || !complete {
        replace(&directory, &maps, set, &mut schema)?;
    } else {
        // A replacement that was cut short may have left links that do nothing.
        remove_links(&directory, |g| g != schema.active_generation)?;
    }
    let mut programs = Programs::open(&directory, set, schema.active_generation)?;
    programs.missed_before = missed_before(&maps, schema.active_generation)?;
    let created = schema.created;
    Ok((maps, programs, None, created))
}

/// The set that counts, if it is the one that is asked for.
pub(super) fn pinned_set(schema: &control, options: &Options, directory: &Path) -> Result<HookSet> {
    let set = HookSet::from_number(schema.hook_set).ok_or_else(|| Error::Layout {
        directory: directory.to_owned(),
        found: format!("hook set {}", schema.hook_set),
    })?;
    match options.hooks.filter(|asked| *asked != set) {
        Some(asked) => Err(Error::OtherHookSet { pinned: set, asked }),
        None => Ok(set),
    }
}

pub(super) fn sockets_released(left_out: &[(Hook, String)]) -> u32 {
    let refused = |(hook, _): &(Hook, String)| hook.program == "socket_release";
    u32::from(!left_out.iter().any(refused))
}

/// A link may be missing when somebody removed its pin, or an attachment was cut short.
fn links_are_complete(directory: &Path, set: HookSet, generation: u32) -> Result<bool> {
    let links = links(directory)?;
    let pinned = |program: &str| links.iter().any(|(g, p)| *g == generation && p == program);
    let known = plan::known_sets(set);
    Ok(known
        .iter()
        .any(|required| required.iter().all(|hook| pinned(hook.program))))
}

/// Loads and attaches this build's programs beside those that count, on the same maps, and makes
/// them the ones that do.
fn replace(directory: &Path, maps: &Maps, set: HookSet, schema: &mut control) -> Result<()> {
    let support = Support::find_out()?;
    let generation = next_generation(schema);
    remove_links(directory, |g| g == generation)?;
    let plans = plans_of(&support, set)?;
    let constants = |plan: &Plan| Constants::of(plan, generation);
    let left_out = attach_first(&plans, constants, &support, directory)?;
    let before = Programs::open(directory, set, schema.active_generation)?;
    let missed = missed_before(maps, schema.active_generation)?;
    let after = Programs::open(directory, set, generation)?;
    leave_missed(
        maps,
        missed.wrapping_add(before.own_missed_events()),
        &after,
    )?;
    schema.sockets_released = sockets_released(&left_out);
    schema.active_generation = generation;
    schema.build = object::build();
    at_standstill(preemptible(directory)?, || store(&maps.control, schema))?;
    remove_links(directory, |g| g != generation)
}

/// Whether a task may have been put aside inside one of the programs pinned here.
pub(super) fn preemptible(directory: &Path) -> Result<bool> {
    let links = links(directory)?;
    Ok(links.iter().any(|(_, program)| plan::preemptible(program)))
}

/// The generation after the one that counts; 0 is never in charge.
pub(super) fn next_generation(schema: &control) -> u32 {
    schema
        .active_generation
        .wrapping_add(1)
        .max(FIRST_GENERATION)
}

/// How this kernel counts with a set that counts already, best first; at least one way.
pub(super) fn plans_of(support: &Support, set: HookSet) -> Result<Vec<Plan>> {
    let plans = plan::plans(support, Some(set));
    if plans.is_empty() {
        let reason = plan::missing(support, set).unwrap_or("not possible");
        return Err(refusal(set, "", reason.to_owned()));
    }
    Ok(plans)
}

/// Attaches what the first plan that the kernel takes requires, or nothing; of what else is in it, as
/// much as possible.
pub(super) fn attach_first(
    plans: &[Plan],
    constants: impl Fn(&Plan) -> Constants,
    support: &Support,
    directory: &Path,
) -> Result<LeftOut> {
    let mut refusals = Vec::new();
    for plan in plans {
        let constants = constants(plan);
        match attach(&plan.required, constants, support, directory)? {
            Ok(()) => return attach_each(&plan.optional, constants, support, directory),
            Err(refused) => refusals.push(Refusal {
                set: plan.set,
                hook: refused.hook.target.to_owned(),
                reason: reason(&refused.reason),
            }),
        }
    }
    Err(Error::NoHookSet { refused: refusals })
}

fn refusal(set: HookSet, hook: &str, reason: String) -> Error {
    let hook = hook.to_owned();
    Error::NoHookSet {
        refused: vec![Refusal { set, hook, reason }],
    }
}

/// Events that were skipped before the programs of a generation came to count.
pub(super) fn missed_before(maps: &Maps, generation: u32) -> Result<u64> {
    let carried: carried = lookup(&maps.carried, &ONLY)?.unwrap_or_default();
    Ok(carried.missed_events[(generation & 1) as usize])
}

/// Leaves that number for programs that are about to count, in the slot of their generation: the
/// other one still tells it for those that do.
pub(super) fn leave_missed(maps: &Maps, missed: u64, next: &Programs) -> Result<()> {
    let mut carried: carried = lookup(&maps.carried, &ONLY)?.unwrap_or_default();
    // Both see each event, so what they skip from now to the switch would be told twice.
    carried.missed_events[(next.generation() & 1) as usize] =
        missed.wrapping_sub(next.own_missed_events());
    store(&maps.carried, &carried)
}

fn remove_links(directory: &Path, which: impl Fn(u32) -> bool) -> Result<()> {
    for (generation, program) in links(directory)? {
        if which(generation) {
            let path = directory.join(object::link_name(generation, &program));
            std::fs::remove_file(&path)
                .map_err(|e| Error::kernel(format!("remove {}", path.display()), e))?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "attach_tests.rs"]
pub(super) mod tests;
