//! Looks up what a container is called, and remembers it for a while, also that nothing is known.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use super::disk::Directory;
use super::formats;
use super::Container;
use super::ContainerName;
use super::Runtime;

/// How long a name is believed: containers can be renamed.
pub const NAME_KEPT: Duration = Duration::from_secs(60);
/// How long "no name" is believed: the file may come a moment after the cgroup.
pub const ABSENCE_KEPT: Duration = Duration::from_secs(10);
/// Machines run some hundreds of containers.
const MAX_CACHED: usize = 4096;
/// Largest file about one container, in bytes.
const CONFIG_LIMIT: u64 = 1 << 20;
/// Largest list of containers, in bytes.
const LIST_LIMIT: u64 = 8 << 20;

const CONTAINERD: [&str; 4] = [
    "run/containerd",
    "run/k3s/containerd",
    "run/k0s/containerd",
    "var/snap/microk8s/common/run/containerd",
];
const CONTAINERD_NAMESPACES: [&str; 2] = ["k8s.io", "default"];
const STORAGE: &str = "var/lib/containers/storage";
const RUN_STORAGE: &str = "run/containers/storage";
const STORAGE_DRIVERS: [&str; 4] = ["overlay", "vfs", "btrfs", "zfs"];

/// Names of containers by what runtimes keep below `root`. One owner; time is given by the caller.
#[derive(Debug)]
pub struct Resolver {
    root: PathBuf,
    known: HashMap<Container, Known>,
}

#[derive(Debug)]
struct Known {
    name: Option<Arc<ContainerName>>,
    until: Instant,
}

impl Resolver {
    /// `root` is `/` but in tests. Files are believed if they belong to its owner, or to the user whose
    /// container it is.
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            known: HashMap::new(),
        }
    }

    /// The container's name. `None`: its runtime leaves none where we look, or we may not read it.
    /// From memory if it was asked for a short while ago; else reads at most some dozen files and
    /// blocks as long as their file systems do, a user's home among them. Never call it from a tick.
    pub fn name(&mut self, container: &Container, now: Instant) -> Option<Arc<ContainerName>> {
        if let Some(known) = self.known.get(container).filter(|known| now < known.until) {
            return known.name.clone();
        }
        let name = match container.own_name() {
            Some(name) => Some(ContainerName {
                name: name.to_owned(),
                pod: None,
            }),
            None => self.look_up(container, now),
        };
        let name = name.map(Arc::new);
        self.remember(container.clone(), name.clone(), now);
        name
    }

    /// How many answers are in memory.
    pub fn remembered(&self) -> usize {
        self.known.len()
    }

    fn remember(&mut self, container: Container, name: Option<Arc<ContainerName>>, now: Instant) {
        if self.known.len() >= MAX_CACHED {
            self.known.retain(|_, known| now < known.until);
            if self.known.len() >= MAX_CACHED {
                self.known.clear();
            }
        }
        let kept = if name.is_some() {
            NAME_KEPT
        } else {
            ABSENCE_KEPT
        };
        let until = now + kept;
        self.known.insert(container, Known { name, until });
    }

    fn look_up(&mut self, container: &Container, now: Instant) -> Option<ContainerName> {
        // The id becomes part of paths. What runs within another container is known only there.
        let is_id = super::container::is_full_id(&container.id);
        if container.nested || !is_id {
            return None;
        }
        let root = Directory::root(&self.root).ok()?;
        let id = &container.id;
        match (container.runtime, container.user) {
            (Runtime::Docker, None) => docker(&root, id),
            (Runtime::Containerd, None) => containerd(&root, id),
            (Runtime::CriO, None) => crio(&root, id),
            (Runtime::Podman, None) => self.listed(&root, &[STORAGE, RUN_STORAGE], container, now),
            (Runtime::Unknown, None) => docker(&root, id)
                .or_else(|| containerd(&root, id))
                .or_else(|| crio(&root, id))
                .or_else(|| self.listed(&root, &[STORAGE, RUN_STORAGE], container, now)),
            (Runtime::Docker, Some(uid)) => {
                let path = format!(".local/share/docker/containers/{id}/config.v2.json");
                let bytes = home(&root, uid)?.read(&path, CONFIG_LIMIT).ok()?;
                formats::docker(&bytes)
            }
            (Runtime::Podman, Some(uid)) => {
                let run = root.of_user(&format!("run/user/{uid}"), uid).ok();
                let own = home(&root, uid);
                let lasting = own.and_then(|home| {
                    self.listed(&home, &[".local/share/containers/storage"], container, now)
                });
                lasting.or_else(|| self.listed(&run?, &["containers"], container, now))
            }
            // What else users run leaves its files in places of their choice.
            (_, Some(_)) => None,
            (Runtime::BuildKit | Runtime::Lxc | Runtime::Nspawn | Runtime::Qemu, None) => None,
        }
    }

    // By the lists of containers/storage. They hold every container, so all are remembered.
    fn listed(
        &mut self,
        directory: &Directory,
        places: &[&str],
        container: &Container,
        now: Instant,
    ) -> Option<ContainerName> {
        for place in places {
            for driver in STORAGE_DRIVERS {
                for list in ["containers.json", "volatile-containers.json"] {
                    let path = format!("{place}/{driver}-containers/{list}");
                    let Ok(bytes) = directory.read(&path, LIST_LIMIT) else {
                        continue;
                    };
                    let mut found = None;
                    for (id, name) in formats::storage(&bytes).into_iter().take(MAX_CACHED / 2) {
                        if id == container.id {
                            found = Some(name);
                        } else {
                            let other = Container {
                                id,
                                ..container.clone()
                            };
                            self.remember(other, Some(Arc::new(name)), now);
                        }
                    }
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        None
    }
}

fn docker(root: &Directory, id: &str) -> Option<ContainerName> {
    let told = root.read("etc/docker/daemon.json", CONFIG_LIMIT).ok();
    let told = told.and_then(|bytes| formats::docker_root(&bytes));
    let places = [
        told.as_deref(),
        Some("var/lib/docker"),
        Some("var/snap/docker/common/var-lib-docker"),
    ];
    let paths = places
        .into_iter()
        .flatten()
        .map(|place| format!("{place}/containers/{id}/config.v2.json"));
    first(root, paths, formats::docker)
}

fn containerd(root: &Directory, id: &str) -> Option<ContainerName> {
    let paths = CONTAINERD.into_iter().flat_map(|place| {
        CONTAINERD_NAMESPACES.map(|namespace| {
            format!("{place}/io.containerd.runtime.v2.task/{namespace}/{id}/config.json")
        })
    });
    first(root, paths, formats::oci)
}

fn crio(root: &Directory, id: &str) -> Option<ContainerName> {
    let paths = [RUN_STORAGE, STORAGE]
        .map(|place| format!("{place}/overlay-containers/{id}/userdata/config.json"));
    first(root, paths.into_iter(), formats::oci)
}

// What the first file that is there says.
fn first(
    root: &Directory,
    paths: impl Iterator<Item = String>,
    read: impl Fn(&[u8]) -> Option<ContainerName>,
) -> Option<ContainerName> {
    for path in paths {
        match root.read(&path, CONFIG_LIMIT) {
            Ok(bytes) => return read(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::debug!("cannot read {path}: {error}"),
        }
    }
    None
}

// A directory service may know other users; asking it could hang, and the file is enough for most.
fn home(root: &Directory, uid: u32) -> Option<Directory> {
    let passwd = root.read("etc/passwd", CONFIG_LIMIT).ok()?;
    root.of_user(&formats::home(&passwd, uid)?, uid).ok()
}
