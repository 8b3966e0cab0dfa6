//! Walks down a cgroup path and keeps what the names on it say.

use super::container;
use super::pod;
use super::pod::Kubepods;
use super::unit;
use super::unit::Kind;
use super::Container;
use super::Place;
use super::Unit;

/// What `path` says. Any text is a path; what no runtime writes says nothing. Does not allocate
/// but for what it returns.
pub fn place(path: &str) -> Place {
    let mut walk = Walk::default();
    let mut parent = "";
    // `..` is how a cgroup namespace shows what lies outside of it.
    let components = path
        .split('/')
        .filter(|component| !matches!(*component, "" | "." | ".."));
    for component in components {
        walk.enter(parent, component);
        parent = component;
    }
    walk.end()
}

/// What is known so far.
#[derive(Debug, Default)]
struct Walk<'a> {
    place: Place,
    kubepods: Kubepods,
    slice: Option<&'a str>,
    /// The unit is a user's manager, which may have a unit below it.
    in_manager: bool,
    /// The unit is outside of the container.
    unit_is_around: bool,
    /// Whose manager or slice this is in.
    user: Option<u32>,
    manager: Option<u32>,
}

impl<'a> Walk<'a> {
    fn enter(&mut self, parent: &str, component: &'a str) {
        if let Some(pod) = self.kubepods.enter(component) {
            self.place.pod = Some(pod);
        }
        let podman = match parent {
            "libpod_parent" => pod::of_podman(component),
            _ => pod::podman(component),
        };
        if podman.is_some() {
            self.place.pod = podman;
        }
        if container::is_monitor(parent, component) {
            return;
        }
        if let Some((runtime, id)) = container::read(parent, component) {
            self.enter_container(Container {
                runtime,
                id,
                user: self.user.filter(|uid| *uid != 0),
                nested: self.place.container.is_some(),
            });
            if !is_inside_of_nspawn(parent) {
                return;
            }
        }
        let Some((name, kind)) = unit::read(component) else {
            return;
        };
        match kind {
            Kind::Slice => {
                self.slice = Some(name);
                self.user = self.user.or_else(|| unit::user_of_slice(name));
            }
            // The first unit below the slices is the one; what it makes of the cgroups below is
            // its own. Except for managers and containers, which have units again.
            _ if self.place.unit.is_some() && !self.in_manager && !self.unit_is_around => {}
            Kind::Manager(uid) => {
                self.set_unit(name);
                self.in_manager = true;
                self.manager = Some(uid);
                self.user = Some(uid);
            }
            Kind::Unit => self.set_unit(name),
        }
    }

    fn set_unit(&mut self, name: &str) {
        self.place.unit = Some(Unit {
            name: name.to_owned(),
            user: self.manager,
        });
        self.in_manager = false;
        self.unit_is_around = false;
    }

    // The service around a container says what it is for; a manager and a session do not.
    fn enter_container(&mut self, container: Container) {
        let keep = |unit: &Unit| unit.name.ends_with(".service") && !self.in_manager;
        self.place.unit = self.place.unit.take().filter(keep);
        self.place.container = Some(container);
        self.unit_is_around = true;
        self.in_manager = false;
        self.manager = None;
        self.user = None;
        self.slice = None;
    }

    fn end(self) -> Place {
        let mut place = self.place;
        if place.unit.is_none() && place.container.is_none() {
            place.unit = self.slice.map(|name| Unit {
                name: name.to_owned(),
                user: self.manager,
            });
        }
        place
    }
}

// The cgroup below nspawn's service may be a unit of the container itself.
fn is_inside_of_nspawn(parent: &str) -> bool {
    unit::instance(parent, "systemd-nspawn").is_some()
}
