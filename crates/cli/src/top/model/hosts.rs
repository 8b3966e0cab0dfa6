//! Names of the other ends of connections, where the user wants them (`H`). Looked up by the
//! loop, never waited for.

use std::collections::HashSet;
use std::net::IpAddr;

use super::settings::Hosts;
use super::Model;
use crate::row::Names;

/// Addresses that are asked for at most, so that a scan does not fill the memory.
const MOST: usize = 20_000;
/// Addresses that are asked for at once.
const AT_ONCE: usize = 64;

/// Names that are known, and addresses that were asked for.
#[derive(Debug, Default)]
pub struct HostNames {
    names: Names,
    asked: HashSet<IpAddr>,
}

impl Model {
    /// The names to show; `None`: addresses are wanted.
    pub fn host_names(&self) -> Option<&Names> {
        match self.settings.hosts {
            Hosts::Addresses => None,
            Hosts::Names => Some(&self.hosts.names),
        }
    }

    /// Addresses on screen that nobody has asked for; `None`: no names are wanted.
    pub fn unnamed(&mut self) -> Option<Vec<IpAddr>> {
        self.host_names()?;
        let known = &self.hosts.asked;
        let shown = self.sockets_shown().map_or(&[][..], |tick| tick.all());
        let remote = shown.iter().filter_map(|connection| connection.remote);
        let mut wanted: Vec<IpAddr> = remote
            .map(|remote| remote.address)
            .filter(|address| !known.contains(address))
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.truncate(AT_ONCE.min(MOST.saturating_sub(known.len())));
        self.hosts.asked.extend(&wanted);
        Some(wanted)
    }

    pub(super) fn learn_names(&mut self, names: Names) {
        self.hosts.names.extend(names);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use crate::row::Names;
    use crate::top::action::Action;
    use crate::top::fixture;
    use crate::top::fixture::hands::press;

    #[test]
    fn nobody_is_asked_for_names_unless_they_are_wanted() {
        let mut model = fixture::model(100, 30);
        assert_eq!(model.unnamed(), None);
        press(&mut model, "H");
        assert!(model.unnamed().is_some());
        let address = IpAddr::from([192, 0, 2, 1]);
        model.apply(Action::Names(Names::from([(
            address,
            "a.example".to_owned(),
        )])));
        assert_eq!(model.host_names().map(|names| names.len()), Some(1));
        press(&mut model, "H");
        assert!(model.host_names().is_none());
    }
}
