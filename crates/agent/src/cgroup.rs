//! The cgroup of a process with what its path means, shared by all processes in it.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::OnceLock;

use crate::names::path::place;
use crate::names::Container;
use crate::names::ContainerName;
use crate::names::Place;

/// What containers are called, as far as it was found.
pub type ContainerNames = HashMap<Container, Arc<ContainerName>>;

/// A path in the cgroup v2 tree, from `/`. Cheap to clone; reads as the path.
#[derive(Clone)]
pub struct Cgroup(Arc<Inner>);

struct Inner {
    path: Box<str>,
    /// Read from the path when it is asked for: most of what the history reads never is.
    place: OnceLock<Place>,
    name: Option<Arc<ContainerName>>,
}

impl Cgroup {
    /// Of a path; what its container is called is not known yet.
    pub fn new(path: &str) -> Self {
        Self::with(path, OnceLock::new(), None)
    }

    fn with(path: &str, place: OnceLock<Place>, name: Option<Arc<ContainerName>>) -> Self {
        Cgroup(Arc::new(Inner {
            path: path.into(),
            place,
            name,
        }))
    }

    /// The same one, now that the name of its container is known.
    pub fn named(&self, name: Arc<ContainerName>) -> Self {
        Self::with(&self.0.path, self.0.place.clone(), Some(name))
    }

    /// The same one with a name out of `names`. `None`: there is none, or it has one.
    pub fn named_by(&self, names: &ContainerNames) -> Option<Self> {
        if names.is_empty() || self.0.name.is_some() {
            return None;
        }
        let name = names.get(self.container()?)?;
        Some(self.named(Arc::clone(name)))
    }

    /// What the path says.
    pub fn place(&self) -> &Place {
        self.0.place.get_or_init(|| place(&self.0.path))
    }

    /// The systemd unit, with its suffix.
    pub fn unit(&self) -> Option<&str> {
        self.place().unit.as_ref().map(|unit| unit.name.as_str())
    }

    /// The container.
    pub fn container(&self) -> Option<&Container> {
        self.place().container.as_ref()
    }

    /// What its runtime calls the container, where that was looked up.
    pub fn found_name(&self) -> Option<&Arc<ContainerName>> {
        self.0.name.as_ref()
    }

    /// What the container is called: `namespace/pod/name` in Kubernetes. `None`: in no container, or
    /// not known (yet).
    pub fn container_name(&self) -> Option<String> {
        match &self.0.name {
            Some(name) => Some(name.to_string()),
            None => self.container()?.own_name().map(str::to_owned),
        }
    }
}

impl Deref for Cgroup {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.path
    }
}

impl From<String> for Cgroup {
    fn from(path: String) -> Self {
        Cgroup::new(&path)
    }
}

impl From<&str> for Cgroup {
    fn from(path: &str) -> Self {
        Cgroup::new(path)
    }
}

impl PartialEq for Cgroup {
    fn eq(&self, other: &Self) -> bool {
        self.0.path == other.0.path && self.0.name == other.0.name
    }
}

impl Eq for Cgroup {}

impl fmt::Debug for Cgroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.path.fmt(f)?;
        match &self.0.name {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_the_path_gives_way_to_one_that_was_found() {
        let machine = Cgroup::new("/machine.slice/systemd-nspawn@web.service/payload");
        assert_eq!(machine.container_name().as_deref(), Some("web"));
        let docker = format!("/system.slice/docker-{}.scope", "ab".repeat(32));
        let docker = Cgroup::new(&docker);
        assert_eq!(docker.container_name(), None);
        let named = docker.named(Arc::new(ContainerName {
            name: "db".to_owned(),
            pod: None,
        }));
        assert_eq!(named.container_name().as_deref(), Some("db"));
        assert_ne!(named, docker, "a name that arrives is news");
        assert_eq!(&*named, &*docker);
    }

    #[test]
    fn the_past_takes_names_from_what_is_known_now() {
        let docker = Cgroup::new(&format!("/system.slice/docker-{}.scope", "ab".repeat(32)));
        let name = Arc::new(ContainerName {
            name: "db".to_owned(),
            pod: None,
        });
        let container = docker.container().unwrap().clone();
        let names = ContainerNames::from([(container, name)]);
        let named = docker.named_by(&names).unwrap();
        assert_eq!(named.container_name().as_deref(), Some("db"));
        assert_eq!(named.named_by(&names), None, "it has one");
        assert_eq!(docker.named_by(&ContainerNames::new()), None);
        assert_eq!(Cgroup::new("/a").named_by(&names), None);
    }

    #[test]
    fn a_service_is_a_unit_and_no_container() {
        let nginx = Cgroup::new("/system.slice/nginx.service");
        assert_eq!(nginx.unit(), Some("nginx.service"));
        assert_eq!((nginx.container(), nginx.container_name()), (None, None));
    }
}
