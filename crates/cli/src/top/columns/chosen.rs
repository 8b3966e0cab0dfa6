//! Which columns the user wants, whatever fits: `--columns`, the menu of `C`, the config file.

use super::Column;

/// Columns that are wanted first, and columns that are not wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chosen {
    wanted: u32,
    unwanted: u32,
}

impl Chosen {
    /// Reads `a,b,c` (these and no other) or `+a,-b` (the usual ones with changes). `all`: the
    /// columns of the list.
    ///
    /// # Errors
    /// A name that is no column of the list. Not sanitised.
    pub fn read(names: &[String], all: &[Column]) -> Result<Self, String> {
        let mut chosen = Self::default();
        let changes = names.iter().all(|name| name.starts_with(['+', '-']));
        if !changes {
            chosen.unwanted = all.iter().fold(0, |set, column| set | bit(*column));
        }
        for name in names {
            let bare = name.trim_start_matches(['+', '-']);
            let column = all
                .iter()
                .find(|column| column.id() == bare)
                .ok_or_else(|| {
                    let known: Vec<_> = all.iter().map(|column| column.id()).collect();
                    format!("unknown column '{bare}'; there are: {}", known.join(" "))
                })?;
            chosen = match name.starts_with('-') {
                true => chosen.without(*column),
                false => chosen.with(*column),
            };
        }
        Ok(chosen)
    }

    /// One more, before all others that may not fit.
    #[must_use]
    pub fn with(self, column: Column) -> Self {
        Self {
            wanted: self.wanted | bit(column),
            unwanted: self.unwanted & !bit(column),
        }
    }

    /// One less.
    #[must_use]
    pub fn without(self, column: Column) -> Self {
        Self {
            wanted: self.wanted & !bit(column),
            unwanted: self.unwanted | bit(column),
        }
    }

    /// Whether it comes before others.
    pub fn wants(self, column: Column) -> bool {
        self.wanted & bit(column) != 0
    }

    /// Whether it may be shown where there is room.
    pub fn allows(self, column: Column) -> bool {
        self.unwanted & bit(column) == 0
    }
}

fn bit(column: Column) -> u32 {
    1 << (column as u32)
}

impl Column {
    /// As `--columns` has it.
    pub fn id(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Pid => "pid",
            Self::User => "user",
            Self::Name => "name",
            Self::Unit => "unit",
            Self::Connections => "conns",
            Self::Rx => "rx",
            Self::Tx => "tx",
            Self::Share => "share",
            Self::Peak => "peak",
            Self::Total => "total",
            Self::Trend => "trend",
            Self::Age => "age",
            Self::RxTotal => "rx_total",
            Self::TxTotal => "tx_total",
            Self::Udp => "udp",
            Self::V6 => "v6",
            Self::Average => "avg",
            Self::Ended => "end",
            Self::Ran => "dur",
            Self::Exit => "code",
            Self::Processes => "processes",
        }
    }

    /// What it holds, for the menu.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::State => "active, idle or ended",
            Self::Pid => "process id",
            Self::User => "owner",
            Self::Name => "command",
            Self::Unit => "container or systemd unit",
            Self::Connections => "open connections",
            Self::Rx => "received",
            Self::Tx => "sent",
            Self::Share => "share of all traffic",
            Self::Peak => "highest tick",
            Self::Total => "all bytes since first seen",
            Self::Trend => "the last 60 seconds",
            Self::Age => "running for",
            Self::RxTotal => "received since first seen",
            Self::TxTotal => "sent since first seen",
            Self::Udp => "share of UDP",
            Self::V6 => "share of IPv6",
            Self::Average => "mean rate",
            Self::Ended => "when it ended",
            Self::Ran => "how long it ran",
            Self::Exit => "exit code or signal",
            Self::Processes => "processes in the group",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::columns::all;
    use crate::top::columns::fit;
    use crate::top::model::screen::Pane;

    fn ids(names: &[&str], width: u16) -> String {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let chosen = Chosen::read(&names, &all(Pane::Live)).unwrap();
        let columns = fit(Pane::Live, chosen, width);
        let ids: Vec<_> = columns.iter().map(|placed| placed.column.id()).collect();
        ids.join(" ")
    }

    #[test]
    fn columns_are_chosen_by_name() {
        for (names, width, expected) in [
            (&["pid", "name", "rx"][..], 78, "pid name rx"),
            (&["rx", "pid"], 78, "pid rx"),
            (&["+age"], 48, "state name rx tx age"),
            (&["-pid", "-user"], 48, "state name rx tx share total"),
            (
                &["+unit", "-trend"],
                78,
                "state pid name unit conns rx tx share total",
            ),
        ] {
            assert_eq!(ids(names, width), expected, "{names:?}");
        }
        let unknown = Chosen::read(&["rxx".to_owned()], &all(Pane::Live)).unwrap_err();
        assert!(
            unknown.starts_with("unknown column 'rxx'; there are: state pid"),
            "{unknown}"
        );
    }

    #[test]
    fn every_column_has_its_own_bit_and_name() {
        let mut bits = std::collections::HashSet::new();
        let mut names = std::collections::HashSet::new();
        for pane in [Pane::Live, Pane::Exited] {
            for column in all(pane) {
                bits.insert(bit(column));
                names.insert(column.id());
            }
        }
        assert_eq!(bits.len(), names.len());
    }
}
