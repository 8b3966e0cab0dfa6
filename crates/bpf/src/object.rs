//! The compiled programs: making their maps, loading some of them, attaching them.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::path::PathBuf;

use libbpf_rs::MapCore;
use libbpf_rs::MapHandle;
use libbpf_rs::Object;
use libbpf_rs::ObjectBuilder;
use libbpf_rs::OpenObject;
use libbpf_rs::PrintLevel;

use crate::abi::rodata;
use crate::error::errno;
use crate::error::Error;
use crate::error::Result;
use crate::plan::Hook;
use crate::plan::Kind;
use crate::plan::Plan;
use crate::support::Support;

const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/traffic.bpf.o"));
const BPF_F_NO_PREALLOC: u32 = 1;

/// How many entries the maps may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Processes with traffic, live or ended and not yet read.
    pub processes: u32,
    /// Open sockets.
    pub connections: u32,
    /// Bytes for connections that were closed and are not read yet, some 5,000 in [`CLOSED_BYTES`].
    /// Rounded up to a power of two that the kernel takes.
    pub closed_bytes: u32,
}

/// A good size for [`Limits::closed_bytes`].
pub const CLOSED_BYTES: u32 = 1 << 20;

/// Which object the programs of this build come from (FNV-1a): another number, other programs.
pub(crate) fn build() -> u64 {
    OBJECT.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// The names of all maps that are pinned, which is all but the constants.
pub(crate) const MAPS: [&str; 13] = [
    "traffic",
    "processes",
    "sockets",
    "sharers",
    "closed",
    "peers",
    "unattributed",
    "losses",
    "hints",
    "control",
    "overflowed",
    "carried",
    "handover",
];

/// Refusals are part of finding out what a kernel allows; what matters of them is reported as an
/// error or in the list of hooks.
fn log(_level: PrintLevel, text: String) {
    tracing::debug!(target: "libbpf", "{}", text.trim_end());
}

fn open() -> Result<OpenObject> {
    libbpf_rs::set_print(Some((PrintLevel::Warn, log)));
    let opened = ObjectBuilder::default().open_memory(OBJECT);
    opened.map_err(|e| Error::kernel("read the BPF object", errno(&e)))
}

/// Makes all maps, sized for this machine, and pins them in `directory`. With `control` they share
/// that one, which is pinned elsewhere already. `carried`: connections to carry over.
pub(crate) fn make_maps(
    support: &Support,
    limits: Limits,
    carried: u32,
    control: Option<&Path>,
    directory: &Path,
) -> Result<()> {
    let mut object = open()?;
    for mut map in object.maps_mut() {
        let entries = match (map.name().to_str(), control) {
            (Some("traffic"), _) => counter_entries(support, limits),
            (Some("processes"), _) => limits.processes,
            (Some("sockets" | "peers"), _) => limits.connections,
            // Few sockets are shared.
            (Some("sharers"), _) => (limits.connections / 8).saturating_add(carried),
            (Some("closed"), _) => {
                let size = ring_size(limits.closed_bytes);
                map.set_max_entries(size)
                    .map_err(|e| Error::kernel("size a map", errno(&e)))?;
                continue;
            }
            (Some("control"), Some(shared)) => {
                map.reuse_pinned_map(shared)
                    .map_err(|e| Error::kernel("reuse the map control", errno(&e)))?;
                continue;
            }
            _ => continue,
        };
        let sized = map.set_max_entries(entries.max(1));
        // Before 6.1 allocating in a program may deadlock: there the entries are made up front.
        let sized = sized.and_then(|()| match support.safe_allocation {
            true => map.set_map_flags(BPF_F_NO_PREALLOC),
            false => Ok(()),
        });
        sized.map_err(|e| Error::kernel("size a map", errno(&e)))?;
    }
    let mut loaded = object
        .load()
        .map_err(|e| Error::kernel("create BPF maps", errno(&e)))?;
    for mut map in loaded.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        if MAPS.contains(&name.as_str()) {
            map.pin(directory.join(&name))
                .map_err(|e| Error::kernel(format!("pin the map {name}"), errno(&e)))?;
        }
    }
    Ok(())
}

/// Ring buffers are a power of two of pages.
fn ring_size(bytes: u32) -> u32 {
    // SAFETY: no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let page = u32::try_from(page).unwrap_or(4096);
    bytes.clamp(page, 1 << 30).next_power_of_two()
}

/// A process has an entry for each CPU it used, and one for what was carried over. Few use more
/// than some; where entries are made up front, they stay within a 64th of the memory.
fn counter_entries(support: &Support, limits: Limits) -> u32 {
    let cpus = u32::try_from(support.cpus).unwrap_or(u32::MAX).clamp(1, 8);
    let wanted = limits.processes.saturating_mul(cpus + 1);
    if support.safe_allocation {
        return wanted;
    }
    let entry = size_of::<crate::abi::traffic>() as u64;
    let affordable = u32::try_from(support.memory / 64 / entry).unwrap_or(u32::MAX);
    wanted.min(affordable.max(1024))
}

/// The program that was refused, and why.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) hook: Hook,
    pub(crate) reason: io::Error,
}

/// The constants that a set of programs is loaded with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Constants {
    pub(crate) generation: u32,
    /// The generation on maps of an older layout that it follows until the switch, or 0.
    pub(crate) follows: u32,
    pub(crate) counts_written: bool,
    pub(crate) only_upper_protocols: bool,
    pub(crate) counts_consumed: bool,
    /// Only the seed needs it, and only where [`Support::perf_links`] is missing.
    pub(crate) socket_file_ops: u64,
}

impl Constants {
    /// For programs that only tell: generation 0 is never in charge.
    pub(crate) fn idle() -> Self {
        Constants {
            generation: 0,
            follows: 0,
            counts_written: false,
            only_upper_protocols: false,
            counts_consumed: false,
            socket_file_ops: 0,
        }
    }

    pub(crate) fn of(plan: &Plan, generation: u32) -> Self {
        Constants {
            generation,
            follows: 0,
            counts_written: plan.counts_written,
            only_upper_protocols: plan.only_upper_protocols,
            counts_consumed: plan.counts_consumed,
            socket_file_ops: 0,
        }
    }
}

/// Loaded programs that can be attached. Loading costs tens of milliseconds whatever the number of
/// programs, because libbpf reads the kernel's type information each time.
#[derive(Debug)]
pub(crate) struct Loaded {
    object: Object,
    generation: u32,
    directory: PathBuf,
    cgroup_root: Option<File>,
}

impl Loaded {
    /// Loads the programs of `hooks` on the maps pinned in `directory`, all or none.
    pub(crate) fn load(
        hooks: &[Hook],
        constants: Constants,
        support: &Support,
        directory: &Path,
    ) -> Result<std::result::Result<Loaded, Refused>> {
        match Self::load_all(hooks, constants, support, directory)? {
            Ok(loaded) => Ok(Ok(loaded)),
            Err(reason) => culprit(hooks, constants, directory, reason).map(Err),
        }
    }

    /// The same, without finding out which program was refused.
    pub(crate) fn load_all(
        hooks: &[Hook],
        constants: Constants,
        support: &Support,
        directory: &Path,
    ) -> Result<std::result::Result<Loaded, io::Error>> {
        let object = match load(hooks, constants, directory)? {
            Ok(object) => object,
            Err(reason) => return Ok(Err(reason)),
        };
        let open =
            |path: &PathBuf| File::open(path).map_err(|e| Error::kernel("open the cgroup root", e));
        Ok(Ok(Loaded {
            object,
            generation: constants.generation,
            directory: directory.to_owned(),
            cgroup_root: support.cgroup_root.as_ref().map(open).transpose()?,
        }))
    }

    /// Attaches each of `hooks`. The links are pinned as `<directory>/link_<generation>_<program>`
    /// and go on without us. On a refusal no link of these hooks is left.
    pub(crate) fn attach(&self, hooks: &[Hook]) -> std::result::Result<(), Refused> {
        let mut links = self.links(hooks)?;
        for (index, (hook, link)) in links.iter_mut().enumerate() {
            if let Err(error) = link.pin(self.path(hook)) {
                let reason = errno(&error);
                let hook = *hook;
                for (hook, _) in &links[..index] {
                    let _ = std::fs::remove_file(self.path(hook));
                }
                return Err(Refused { hook, reason });
            }
        }
        for (_, link) in &mut links {
            // Destroying a perf link disables its event, pinned or not; forgetting it does not.
            link.disconnect();
        }
        Ok(())
    }

    /// Attaches each of `hooks` for an instant, to find out what the kernel allows.
    pub(crate) fn try_out(&self, hooks: &[Hook]) -> std::result::Result<(), Refused> {
        self.links(hooks).map(drop)
    }

    fn links(&self, hooks: &[Hook]) -> std::result::Result<Vec<(Hook, libbpf_rs::Link)>, Refused> {
        let attach = |hook: &Hook| {
            let link = self.link(hook);
            let refused = |reason| Refused {
                hook: *hook,
                reason,
            };
            link.map(|link| (*hook, link)).map_err(refused)
        };
        hooks.iter().map(attach).collect()
    }

    /// Attaches one of the programs for as long as the link is held.
    pub(crate) fn link(&self, hook: &Hook) -> std::result::Result<libbpf_rs::Link, io::Error> {
        attach_one(&self.object, hook, self.cgroup_root.as_ref())
    }

    /// Attaches an iterator over the entries of a map for as long as the link is held.
    pub(crate) fn link_to(
        &self,
        hook: &Hook,
        map: BorrowedFd<'_>,
    ) -> std::result::Result<libbpf_rs::Link, io::Error> {
        let link = find(&self.object, hook)?.attach_iter(map);
        link.map_err(|e| errno(&e))
    }

    fn path(&self, hook: &Hook) -> PathBuf {
        self.directory
            .join(link_name(self.generation, hook.program))
    }
}

/// The file name of a pinned link.
pub(crate) fn link_name(generation: u32, program: &str) -> String {
    format!("link_{generation}_{program}")
}

/// Generation and program of a pinned link's file name.
pub(crate) fn parse_link_name(name: &str) -> Option<(u32, &str)> {
    let (generation, program) = name.strip_prefix("link_")?.split_once('_')?;
    Some((generation.parse().ok()?, program))
}

fn load(
    hooks: &[Hook],
    constants: Constants,
    directory: &Path,
) -> Result<std::result::Result<Object, io::Error>> {
    let mut object = open()?;
    for mut program in object.progs_mut() {
        let wanted = hooks.iter().any(|hook| program.name() == hook.program);
        program.set_autoload(wanted);
    }
    reuse_maps(&mut object, directory)?;
    set_constants(&mut object, constants);
    Ok(object.load().map_err(|e| errno(&e)))
}

fn reuse_maps(object: &mut OpenObject, directory: &Path) -> Result<()> {
    for mut map in object.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        if MAPS.contains(&name.as_str()) {
            map.reuse_pinned_map(directory.join(&name))
                .map_err(|e| Error::kernel(format!("reuse the map {name}"), errno(&e)))?;
        }
    }
    Ok(())
}

fn set_constants(object: &mut OpenObject, constants: Constants) {
    for mut map in object.maps_mut() {
        if !map.name().to_string_lossy().ends_with(".rodata") {
            continue;
        }
        let Some(bytes) = map.initial_value_mut() else {
            continue;
        };
        let generation = std::mem::offset_of!(rodata, generation);
        bytes[generation..generation + 4].copy_from_slice(&constants.generation.to_ne_bytes());
        let follows = std::mem::offset_of!(rodata, follows);
        bytes[follows..follows + 4].copy_from_slice(&constants.follows.to_ne_bytes());
        let files = std::mem::offset_of!(rodata, socket_file_ops);
        bytes[files..files + 8].copy_from_slice(&constants.socket_file_ops.to_ne_bytes());
        bytes[std::mem::offset_of!(rodata, counts_written)] = constants.counts_written.into();
        bytes[std::mem::offset_of!(rodata, only_upper_protocols)] =
            constants.only_upper_protocols.into();
        bytes[std::mem::offset_of!(rodata, counts_consumed)] = constants.counts_consumed.into();
    }
}

/// libbpf tells the errno of a failed load but not the program: load them one by one.
fn culprit(
    hooks: &[Hook],
    constants: Constants,
    directory: &Path,
    reason: io::Error,
) -> Result<Refused> {
    if hooks.len() > 1 {
        for hook in hooks {
            if let Err(reason) = load(std::slice::from_ref(hook), constants, directory)? {
                return Ok(Refused {
                    hook: *hook,
                    reason,
                });
            }
        }
    }
    Ok(Refused {
        hook: hooks[0],
        reason,
    })
}

fn find<'a>(
    object: &'a Object,
    hook: &Hook,
) -> std::result::Result<libbpf_rs::ProgramMut<'a>, io::Error> {
    let found = object
        .progs_mut()
        .find(|program| program.name() == hook.program);
    found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

fn attach_one(
    object: &Object,
    hook: &Hook,
    cgroup_root: Option<&File>,
) -> std::result::Result<libbpf_rs::Link, io::Error> {
    let program = find(object, hook)?;
    let link = match (hook.kind, cgroup_root) {
        (Kind::Cgroup, None) => return Err(io::Error::other("no cgroup v2 tree is mounted")),
        (Kind::Cgroup, Some(root)) => program.attach_cgroup(root.as_raw_fd()),
        _ => program.attach(),
    };
    link.map_err(|e| errno(&e))
}

/// How often the kernel skipped a program because it was already running on that CPU.
pub(crate) fn missed_events(program: impl AsFd) -> io::Result<u64> {
    let mut info = libbpf_rs::libbpf_sys::bpf_prog_info::default();
    let mut length = size_of_val(&info) as u32;
    // SAFETY: `info` is a zeroed bpf_prog_info of `length` bytes that outlives the call; with no
    // array lengths set the kernel writes only into it.
    let result = unsafe {
        libbpf_rs::libbpf_sys::bpf_obj_get_info_by_fd(
            program.as_fd().as_raw_fd(),
            std::ptr::from_mut(&mut info).cast(),
            &mut length,
        )
    };
    match result {
        0 => Ok(info.recursion_misses),
        code => Err(io::Error::from_raw_os_error(-code)),
    }
}

/// A map by its pin, if its entries have the sizes this build knows. Reusing a map with other
/// sizes succeeds silently in libbpf and corrupts silently in us.
pub(crate) fn open_map(directory: &Path, name: &str, sizes: (u32, u32)) -> Result<MapHandle> {
    let layout = |found: String| Error::Layout {
        directory: directory.to_owned(),
        found,
    };
    let map = MapHandle::from_pinned_path(directory.join(name)).map_err(|e| {
        let error = errno(&e);
        match error.kind() {
            io::ErrorKind::NotFound => layout(format!("map {name} is missing")),
            _ => Error::kernel(format!("open the map {name}"), error),
        }
    })?;
    if (map.key_size(), map.value_size()) == sizes {
        return Ok(map);
    }
    Err(layout(format!(
        "entries of {name} have {}+{} bytes, not {}+{}",
        map.key_size(),
        map.value_size(),
        sizes.0,
        sizes.1
    )))
}

/// Why a hook is not there, in words a user can look up.
pub(crate) fn why(error: &io::Error) -> String {
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
