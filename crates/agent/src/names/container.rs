//! Containers in the names of cgroups.

use super::unit;
use super::Runtime;

/// Prefixes of ids, and who writes them. Longer ones first where one begins another.
const PREFIXES: [(&str, Runtime); 8] = [
    ("libpod-payload-", Runtime::Podman),
    ("libpod-", Runtime::Podman),
    ("cri-containerd-", Runtime::Containerd),
    ("containerd-", Runtime::Containerd),
    ("nerdctl-", Runtime::Containerd),
    ("crio-", Runtime::CriO),
    ("docker-", Runtime::Docker),
    ("dockerd-", Runtime::Docker),
];

/// The container that a cgroup is, by its name and its parent's: runtime and id.
pub(super) fn read(parent: &str, component: &str) -> Option<(Runtime, String)> {
    lxc(parent, component)
        .or_else(|| machine(parent, component))
        .or_else(|| colons(component))
        .or_else(|| scope(component))
        .or_else(|| bare(parent, component))
}

/// Whether a cgroup holds what watches a container from outside: no container, and no name for a
/// unit either.
pub(super) fn is_monitor(parent: &str, component: &str) -> bool {
    let named = |name: &str| component.strip_prefix(name).is_some_and(is_scope_of_id);
    named("libpod-conmon-")
        || named("crio-conmon-")
        || component.starts_with("lxc.monitor.")
        || parent == "lxc.monitor"
}

/// 64 hexadecimal digits in small letters.
pub(super) fn is_full_id(text: &str) -> bool {
    text.len() == 64 && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_scope_of_id(text: &str) -> bool {
    is_full_id(text.strip_suffix(".scope").unwrap_or(text))
}

// LXC names its containers as it likes: `lxc.payload.web`, `lxc.payload/web`, `lxc/101`.
fn lxc(parent: &str, component: &str) -> Option<(Runtime, String)> {
    let name = match parent {
        "lxc" | "lxc.payload" => component,
        _ => component.strip_prefix("lxc.payload.")?,
    };
    (!name.is_empty()).then(|| (Runtime::Lxc, name.to_owned()))
}

// Machines of systemd-machined, and below the service that runs nspawn all but its supervisor.
fn machine(parent: &str, component: &str) -> Option<(Runtime, String)> {
    if let Some(instance) = unit::instance(parent, "systemd-nspawn") {
        let inside = component != "supervisor";
        return inside.then(|| (Runtime::Nspawn, unit::unescape(instance)));
    }
    if let Some(name) = component
        .strip_suffix(".libvirt-qemu")
        .or_else(|| component.strip_suffix(".libvirt-lxc"))
    {
        return libvirt(name);
    }
    let name = component.strip_prefix("machine-")?.strip_suffix(".scope")?;
    let name = unit::unescape(name);
    libvirt(&name).or_else(|| (!name.is_empty()).then_some((Runtime::Nspawn, name)))
}

// `qemu-3-web`, `lxc-1268-web`: libvirt puts a number before the name.
fn libvirt(machine: &str) -> Option<(Runtime, String)> {
    let (prefix, rest) = machine.split_once('-')?;
    let runtime = match prefix {
        "qemu" => Runtime::Qemu,
        "lxc" => Runtime::Lxc,
        _ => return None,
    };
    let (number, name) = rest.split_once('-')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !name.is_empty()).then(|| (runtime, name.to_owned()))
}

// `<slice>:cri-containerd:<id>`: a path for systemd's driver in the hands of the other one.
fn colons(component: &str) -> Option<(Runtime, String)> {
    let mut parts = component.rsplit(':');
    let (id, prefix) = (parts.next()?, parts.next()?);
    parts.next()?;
    let known = PREFIXES
        .iter()
        .find(|(known, _)| known.strip_suffix('-') == Some(prefix));
    is_full_id(id).then(|| (known.map_or(Runtime::Unknown, |(_, r)| *r), id.to_owned()))
}

// `docker-<id>.scope`, and the same without the suffix where no systemd is asked.
fn scope(component: &str) -> Option<(Runtime, String)> {
    let name = component.strip_suffix(".scope");
    let stem = name.unwrap_or(component);
    for (prefix, runtime) in PREFIXES {
        if let Some(id) = stem.strip_prefix(prefix).filter(|id| is_full_id(id)) {
            return Some((runtime, id.to_owned()));
        }
    }
    let (prefix, id) = name?.rsplit_once('-')?;
    if prefix == "docker" && is_word(id, 25, 25) {
        return Some((Runtime::BuildKit, id.to_owned()));
    }
    is_full_id(id).then(|| (Runtime::Unknown, id.to_owned()))
}

// Nothing but an id; the parent may tell whose.
fn bare(parent: &str, component: &str) -> Option<(Runtime, String)> {
    let found = |runtime| Some((runtime, component.to_owned()));
    if is_full_id(component) {
        return match parent {
            "docker" => found(Runtime::Docker),
            "k8s.io" | "containerd" => found(Runtime::Containerd),
            // A pod of Podman, whose containers are below.
            "libpod_parent" => None,
            _ => found(Runtime::Unknown),
        };
    }
    match parent {
        "buildkit" if is_word(component, 25, 25) => found(Runtime::BuildKit),
        "mesos" | "garden" if is_word(component, 8, 64) => found(Runtime::Unknown),
        // Fargate: the task's id and a number.
        _ => {
            let (task, number) = component.rsplit_once('-')?;
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            if task == parent && task.len() == 32 && is_hex(task) && digits && !number.is_empty() {
                return found(Runtime::Unknown);
            }
            None
        }
    }
}

fn is_word(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
