//! Pods in the names of cgroups.

use super::Class;
use super::Pod;

/// What was seen of Kubernetes on the way down a path.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kubepods {
    /// Within a `kubepods` cgroup.
    inside: bool,
    class: Option<Class>,
}

impl Kubepods {
    /// Takes the next cgroup down; tells the pod that it is.
    pub(super) fn enter(&mut self, component: &str) -> Option<Pod> {
        if let Some(pod) = systemd(component) {
            *self = Self {
                inside: true,
                class: pod.class,
            };
            return Some(pod);
        }
        match component {
            "kubepods" => {
                *self = Self {
                    inside: true,
                    class: None,
                };
            }
            "burstable" => self.class = Some(Class::Burstable),
            "besteffort" => self.class = Some(Class::BestEffort),
            _ if self.inside => {
                return component.strip_prefix("pod").and_then(uid).map(|uid| Pod {
                    uid,
                    class: Some(self.class.unwrap_or(Class::Guaranteed)),
                });
            }
            _ => {}
        }
        None
    }
}

/// `machine-libpod_pod_<id>.slice`, `user-libpod_pod_<id>.slice`.
pub(super) fn podman(component: &str) -> Option<Pod> {
    let id = component
        .strip_suffix(".slice")?
        .split_once("-libpod_pod_")?
        .1;
    of_podman(id)
}

/// A pod of Podman with this id.
pub(super) fn of_podman(id: &str) -> Option<Pod> {
    super::container::is_full_id(id).then(|| Pod {
        uid: id.to_owned(),
        class: None,
    })
}

// `kubepods-burstable-pod<uid>.slice`, also with a prefix, and before the colons of
// `kubepods-burstable-pod<uid>.slice:cri-containerd:<id>`.
fn systemd(component: &str) -> Option<Pod> {
    let slice = component.split(':').next()?.strip_suffix(".slice")?;
    let (before, rest) = slice.split_once("kubepods-")?;
    if !before.is_empty() && !before.ends_with('-') {
        return None;
    }
    let (class, name) = match rest.split_once("-pod") {
        Some(("burstable", name)) => (Class::Burstable, name),
        Some(("besteffort", name)) => (Class::BestEffort, name),
        _ => (Class::Guaranteed, rest.strip_prefix("pod")?),
    };
    Some(Pod {
        uid: uid(name)?,
        class: Some(class),
    })
}

// systemd's driver writes `_` for `-`, which separates slices.
fn uid(text: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (!text.is_empty() && text.chars().all(allowed)).then(|| text.replace('_', "-"))
}
