//! From a cgroup path to the names people know: systemd unit, container, pod.
//!
//! [`path::place`] is pure and quick. [`resolver::Resolver`] looks up a container's name in what its
//! runtime keeps on disk; it may block and belongs to a thread of its own.

mod container;
mod disk;
mod formats;
pub mod path;
mod pod;
pub mod resolver;
mod unit;

#[cfg(test)]
mod path_tests;
#[cfg(test)]
mod resolver_tests;

use std::fmt;

/// What a cgroup path says about the processes in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The unit that the processes belong to; the innermost slice if there is no other unit and no
    /// container. In a container: the unit inside, else the service around it, never the scope that is the
    /// container itself.
    pub unit: Option<Unit>,
    /// The innermost container or machine.
    pub container: Option<Container>,
    /// The innermost pod.
    pub pod: Option<Pod>,
}

/// A systemd unit, as systemctl writes it: `nginx.service`, `getty@tty1.service`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// With its suffix; escapes such as `\x2d` are part of the name.
    pub name: String,
    /// Set when it belongs to that user's manager, not to the system's. In a container it is the
    /// container that counts its users.
    pub user: Option<u32>,
}

impl Unit {
    /// `getty@.service` of `getty@tty1.service`. `None`: not made from a template.
    pub fn template(&self) -> Option<String> {
        unit::template(&self.name)
    }
}

/// A container or a machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Container {
    /// Who runs it.
    pub runtime: Runtime,
    /// Its full id; of LXC, nspawn and QEMU the name, which is all the id they have.
    pub id: String,
    /// Set when that user runs it, without root.
    pub user: Option<u32>,
    /// It runs in another container, where its runtime keeps what is known of it.
    pub nested: bool,
}

impl Container {
    /// The name, where the path has it.
    pub fn own_name(&self) -> Option<&str> {
        match self.runtime {
            Runtime::Lxc | Runtime::Nspawn | Runtime::Qemu => Some(&self.id),
            _ => None,
        }
    }
}

/// Who runs a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// Docker, also through cri-dockerd.
    Docker,
    /// A build step of BuildKit.
    BuildKit,
    /// Podman.
    Podman,
    /// containerd: Kubernetes, nerdctl.
    Containerd,
    /// CRI-O.
    CriO,
    /// LXC, LXD, Incus, Proxmox, also through libvirt.
    Lxc,
    /// systemd-nspawn.
    Nspawn,
    /// A virtual machine of libvirt.
    Qemu,
    /// The path does not tell.
    Unknown,
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// As the API of Kubernetes writes it, with `-`; of Podman the pod's id.
    pub uid: String,
    /// `None`: a pod of Podman.
    pub class: Option<Class>,
}

/// Quality of service of a pod of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Requests equal limits.
    Guaranteed,
    /// Some requests.
    Burstable,
    /// None.
    BestEffort,
}

/// What a container is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerName {
    /// Its own name; within a pod unique, else on this machine.
    pub name: String,
    /// Namespace and name of its pod.
    pub pod: Option<(String, String)>,
}

impl fmt::Display for ContainerName {
    /// `namespace/pod/name`, or the name alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((namespace, pod)) = &self.pod {
            write!(f, "{namespace}/{pod}/")?;
        }
        f.write_str(&self.name)
    }
}
