//! The details of one process: how large they are shown, of whom, and what in them has the keys.

use jiff::Timestamp;

use super::outline::Shape;
use super::screen::Pane;
use super::screen::Screen;
use super::screen::Step;
use super::socket_list::Look;
use super::socket_list::SocketList;
use super::Change;
use super::Effect;
use super::Model;
use crate::output::numbers::Known;
use crate::rate;
use crate::row::ProcessId;
use crate::row::ProcessRow;
use crate::row::State;
use crate::session::watch;
use crate::top::layout;
use crate::top::layout::facts;

/// How large the details are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stage {
    /// Not asked for; on large screens they are there anyway.
    #[default]
    Closed,
    /// In a panel of their own.
    Beside,
    /// They fill the screen.
    Full,
}

/// What in the details has the keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Focus {
    /// The list they belong to.
    #[default]
    List,
    /// Their connections.
    Sockets,
}

/// The details of one process.
#[derive(Debug)]
pub struct Details {
    /// How large they were asked for.
    pub stage: Stage,
    /// What has the keys.
    pub focus: Focus,
    /// The connections of the process.
    pub sockets: SocketList,
    whom: Option<ProcessId>,
    /// When this viewer saw the highest ticks, received and sent.
    peaks_at: [Option<Timestamp>; 2],
    /// Of whom that is, which peaks, and from which tick up to which was looked.
    looked_for: Option<(ProcessId, [u64; 2], [Option<Timestamp>; 2])>,
}

impl Default for Details {
    fn default() -> Self {
        Self {
            stage: Stage::default(),
            focus: Focus::default(),
            sockets: SocketList::new("tx"),
            whom: None,
            peaks_at: [None; 2],
            looked_for: None,
        }
    }
}

/// What there is to say about connections that are not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// They are known.
    Known,
    /// They were asked for just now.
    Asked,
    /// Nobody looked at them at that moment.
    NotKept {
        /// The first moment that they are kept of; `None`: none is.
        since: Option<Timestamp>,
    },
    /// The agent cannot tell them apart.
    Impossible {
        /// Why.
        reason: String,
    },
}

impl Model {
    /// How large the details are on this screen.
    pub fn stage(&self) -> Stage {
        match self.details.stage {
            Stage::Beside if !layout::has_room_beside(self.size) => Stage::Full,
            stage => stage,
        }
    }

    /// The connections in the details.
    pub fn own_sockets(&self) -> &SocketList {
        &self.details.sockets
    }

    /// Whether the connections in the details have the keys.
    pub fn on_own_sockets(&self) -> bool {
        let visible = self.plan().details.is_some();
        let focus = self.details.focus == Focus::Sockets || self.stage() == Stage::Full;
        visible && focus
    }

    /// When the highest ticks of the process in the details were, received and sent, as far as
    /// this viewer saw them.
    pub fn peaks_at(&self) -> [Option<Timestamp>; 2] {
        self.details.peaks_at
    }

    /// Why the connections of the moment shown are there, or are not.
    pub fn standing(&self) -> Standing {
        if self.knows_connections() {
            return Standing::Known;
        }
        if let Some(reason) = self.no_connections() {
            return Standing::Impossible { reason };
        }
        let newest = self.newest().map(|tick| tick.time);
        let shown = self.tick().map(|tick| tick.time);
        if shown == newest && self.link.offline().is_none() {
            return Standing::Asked;
        }
        Standing::NotKept {
            since: self.sockets.first(),
        }
    }

    // Why single connections cannot be told; `None`: they can.
    fn no_connections(&self) -> Option<String> {
        const NAME: &str = "connection_details";
        let capabilities = &self.agent.capabilities;
        if capabilities.has(NAME) {
            return None;
        }
        let known = capabilities.iter().find(|known| known.name == NAME);
        let reason = known.and_then(|known| known.reason.clone());
        Some(reason.unwrap_or_else(|| "this agent does not count them".to_owned()))
    }

    /// What samples are to have besides processes, for what is on screen.
    pub fn wants(&self) -> watch::Details {
        const LINGER_S: u64 = 10;
        let recently = self
            .clock
            .running
            .saturating_sub(self.feed.needed)
            .as_secs()
            < LINGER_S;
        let lingers = self.feed.details == watch::Details::Connections && recently;
        match self.no_connections() {
            None if self.needs_connections() || lingers => watch::Details::Connections,
            _ => watch::Details::None,
        }
    }

    pub(super) fn needs_connections(&self) -> bool {
        let filter = self
            .filter()
            .is_some_and(|words| words.filter.uses_connections());
        filter
            || self.narrow.is_some()
            || self.groups_by_connections()
            || self.screen == Screen::Connections
            || self.details.whom.is_some()
    }

    /// With what connections are looked at.
    pub fn socket_look(&self, only: Option<ProcessId>) -> Look<'_> {
        let filter = self.filter().map(|words| &words.filter);
        Look {
            scope: self.settings.scope,
            known: Known::new(&self.agent.capabilities, self.settings.scope),
            filter: filter.filter(|_| only.is_none()),
            only,
            names: self.host_names(),
        }
    }

    /// Rows of connections that fit into the details.
    pub fn own_socket_rows(&self) -> usize {
        let area = self.plan().details.unwrap_or_default();
        facts::table_rows(area, self.stage() == Stage::Full)
    }

    pub(super) fn fill_details(&mut self) {
        self.details.whom = match self.plan().details {
            Some(_) => self.subject(),
            None => None,
        };
        let Some(id) = self.details.whom else {
            self.details.focus = Focus::List;
            return;
        };
        self.look_for_peaks(id);
        let rows = self.own_socket_rows();
        let mut sockets = std::mem::replace(&mut self.details.sockets, SocketList::new("tx"));
        let tick = self.tick().and_then(|tick| self.sockets.at(tick.time));
        let look = self.socket_look(Some(id));
        sockets.fill(tick, &look, |id| self.roster.get(id), rows);
        self.details.sockets = sockets;
    }

    // The selected process, or that of the first line.
    fn subject(&self) -> Option<ProcessId> {
        let pane = match self.screen {
            Screen::List(pane) => pane,
            Screen::Connections => {
                let list = &self.connections;
                let selected = list.cursor.selected.or(list.keys().first().copied());
                return Some(selected?.1);
            }
            Screen::Agent | Screen::Chart => return None,
        };
        if pane == Pane::Live && self.shape() != Shape::Flat {
            return self.outlined_process();
        }
        let list = self.list(pane);
        let known = list.selected.filter(|id| self.roster.get(*id).is_some());
        known.or_else(|| Some(list.lines().first()?.id))
    }

    // Once per tick, or for somebody else.
    fn look_for_peaks(&mut self, id: ProcessId) {
        let peaks = self.roster.get(id).and_then(|row| {
            let peaks = row.peaks(self.settings.scope)?;
            Some([peaks.rx_per_s, peaks.tx_per_s])
        });
        let newest = self.past.last().map(|tick| tick.time);
        // The past comes a moment after the first tick.
        let oldest = self.past.tick(self.past.oldest()).map(|tick| tick.time);
        let looked_for = peaks.map(|peaks| (id, peaks, [oldest, newest]));
        if looked_for.is_none() || looked_for != self.details.looked_for {
            self.details.peaks_at = match peaks {
                Some(peaks) => self.find_peaks(id, peaks),
                None => [None; 2],
            };
            self.details.looked_for = looked_for;
        }
    }

    // The newest ticks that were as high as the agent says the highest were.
    fn find_peaks(&self, id: ProcessId, peaks: [u64; 2]) -> [Option<Timestamp>; 2] {
        const MOST: u64 = 3600;
        let scope = self.settings.scope;
        let mut found = [None; 2];
        let newest = self.past.newest().unwrap_or_default();
        let oldest = self.past.oldest().max(newest.saturating_sub(MOST));
        for number in (oldest..=newest).rev() {
            let Some(tick) = self.past.tick(number) else {
                continue;
            };
            let Some(change) = tick.changes.of(id) else {
                continue;
            };
            let bytes = change.flows().sum(scope).tick;
            for (found, (bytes, peak)) in found
                .iter_mut()
                .zip([(bytes.rx, peaks[0]), (bytes.tx, peaks[1])])
            {
                let reached = rate::per_second(bytes, tick.length) == Some(peak) && peak > 0;
                if found.is_none() && reached {
                    *found = Some(tick.time);
                }
            }
            if found.iter().all(Option::is_some) {
                break;
            }
        }
        found
    }

    /// Enter: from the list to the details, to the whole screen, to the remote end.
    pub(super) fn open(&mut self) -> (Change, Effect) {
        if self.on_own_sockets() {
            if let Some(filter) = self.remote_of_selected() {
                self.details.stage = Stage::Closed;
                self.details.focus = Focus::List;
                self.filter_to(&filter);
                return self.show(Screen::Connections);
            }
            if self.stage() == Stage::Full {
                return (Change::None, Effect::Nothing);
            }
        }
        match self.screen {
            Screen::Connections => return self.open_process(),
            Screen::Agent | Screen::Chart => return (Change::None, Effect::Nothing),
            Screen::List(Pane::Live) if self.shape() != Shape::Flat => {
                if !self.select_some_entry() {
                    return (Change::None, Effect::Nothing);
                }
            }
            Screen::List(pane) => {
                let rows = self.rows(pane);
                let list = self.list_mut(pane);
                if list.selected.is_none() {
                    list.select_by(0, rows);
                }
                if list.selected.is_none() {
                    return (Change::None, Effect::Nothing);
                }
            }
        }
        self.details.stage = match self.details.stage {
            // On a large screen they are there already.
            Stage::Closed if self.plan().details.is_none() => Stage::Beside,
            Stage::Closed | Stage::Beside | Stage::Full => Stage::Full,
        };
        (Change::View, Effect::Nothing)
    }

    // From a connection to its process.
    fn open_process(&mut self) -> (Change, Effect) {
        let list = &self.connections;
        let Some((_, id)) = list
            .cursor
            .selected
            .or_else(|| list.keys().first().copied())
        else {
            return (Change::None, Effect::Nothing);
        };
        let ended = self
            .roster
            .get(id)
            .is_some_and(|row| row.facts.state == State::Exited);
        let pane = if ended { Pane::Exited } else { Pane::Live };
        self.list_mut(pane).selected = Some(id);
        self.details.stage = Stage::Beside;
        self.show(Screen::List(pane))
    }

    fn remote_of_selected(&self) -> Option<String> {
        let tick = self.sockets.at(self.tick()?.time)?;
        let place = self.details.sockets.selected_place()?;
        let remote = tick.all().get(place)?.remote?;
        Some(format!("host:{}", remote.address))
    }

    /// `d`: opens the details, or closes them.
    pub(super) fn toggle_details(&mut self) -> (Change, Effect) {
        match self.details.stage {
            Stage::Closed => self.open(),
            Stage::Beside | Stage::Full => (self.close_details(), Effect::Nothing),
        }
    }

    pub(super) fn close_details(&mut self) -> Change {
        self.details.stage = Stage::Closed;
        self.details.focus = Focus::List;
        Change::View
    }

    /// One step back out of the details; `None`: there are none to leave.
    pub(super) fn leave_details(&mut self) -> Option<Change> {
        self.plan().details?;
        if self.stage() == Stage::Full && layout::has_room_beside(self.size) {
            self.details.stage = match layout::always_has_details(self.size) {
                true => Stage::Closed,
                false => Stage::Beside,
            };
            return Some(Change::View);
        }
        if self.details.stage != Stage::Closed {
            return Some(self.close_details());
        }
        if self.details.focus == Focus::Sockets {
            self.details.focus = Focus::List;
            return Some(Change::Paint);
        }
        None
    }

    /// Tab: to what is next on the screen, then to the next screen.
    pub(super) fn step_focus(&mut self, step: Step) -> (Change, Effect) {
        let beside = self.plan().details.is_some() && self.stage() != Stage::Full;
        match (step, self.details.focus) {
            (Step::Forward, Focus::List) if beside && self.details.whom.is_some() => {
                self.details.focus = Focus::Sockets;
                (Change::Paint, Effect::Nothing)
            }
            (Step::Back, Focus::Sockets) if beside => {
                self.details.focus = Focus::List;
                (Change::Paint, Effect::Nothing)
            }
            _ => {
                self.details.focus = Focus::List;
                if self.stage() == Stage::Full {
                    self.details.stage = Stage::Closed;
                }
                self.show(self.screen.step(step))
            }
        }
    }

    /// A process that may have ended; `None`: not known.
    pub fn inspected(&self) -> Option<&ProcessRow> {
        self.row(self.details.whom?)
    }
}
