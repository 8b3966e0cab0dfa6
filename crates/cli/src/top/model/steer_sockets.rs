//! What the model does with the wishes of the user about a list of connections.

use super::details::Stage;
use super::screen::Pane;
use super::screen::Popup;
use super::screen::Screen;
use super::screen::Step;
use super::socket_list::SocketList;
use super::socket_list::SocketSort;
use super::socket_list::SORTS;
use super::sort::Direction;
use super::sort::SortKey;
use super::Change;
use super::Model;
use crate::args::shaping::Order;
use crate::top::action::Action;
use crate::top::action::Motion;
use crate::top::columns::sockets;
use crate::top::columns::sockets::Holder;
use crate::top::layout;
use crate::top::layout::Area;

/// A line of the sort menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Its word.
    pub title: &'static str,
    /// What that means.
    pub meaning: &'static str,
    /// The end that comes first, when the list is in this order.
    pub direction: Option<Direction>,
}

impl Model {
    /// The list of connections that keys act on; `None`: they act on something else.
    pub fn focused_sockets(&self) -> Option<Holder> {
        match self.screen {
            _ if self.on_own_sockets() && self.stage() == Stage::Full => Some(Holder::Full),
            _ if self.on_own_sockets() => Some(Holder::Beside),
            Screen::Connections => Some(Holder::View),
            _ => None,
        }
    }

    /// A list of connections.
    pub fn socket_list(&self, holder: Holder) -> &SocketList {
        match holder {
            Holder::View => &self.connections,
            Holder::Beside | Holder::Full => &self.details.sockets,
        }
    }

    /// Connections of a list that are visible.
    pub fn socket_rows(&self, holder: Holder) -> usize {
        match holder {
            Holder::View => {
                let area = self.plan().sockets.unwrap_or_default();
                layout::list_rows(area, 0).0
            }
            Holder::Beside | Holder::Full => self.own_socket_rows(),
        }
    }

    /// Where lists of connections are, their header first, without borders.
    pub fn socket_areas(&self) -> Vec<(Holder, Area)> {
        let plan = self.plan();
        let view = plan.sockets.map(|area| (Holder::View, area.inner()));
        let full = self.stage() == Stage::Full;
        let holder = if full { Holder::Full } else { Holder::Beside };
        let details = plan.details.map(|area| {
            let inner = area.inner();
            let above = u16::try_from(layout::facts::facts(area, full).len());
            let above = above.unwrap_or(inner.height).min(inner.height);
            let table = Area {
                y: inner.y + above,
                height: inner.height - above,
                ..inner
            };
            (holder, table)
        });
        view.into_iter().chain(details).collect()
    }

    /// The lines of the sort menu of the list with the keys.
    pub fn sort_choices(&self) -> Vec<Choice> {
        if let Some(holder) = self.focused_sockets() {
            let sort = self.socket_list(holder).sort;
            let direction = match sort.order {
                Order::Ascending => Direction::Ascending,
                Order::Descending => Direction::Descending,
            };
            let choice = |(id, meaning): &(&str, &'static str)| Choice {
                title: SocketSort::by(id).title(),
                meaning,
                direction: (*id == sort.column.id).then_some(direction),
            };
            return SORTS.iter().map(choice).collect();
        }
        let Some(pane) = self.screen.pane() else {
            return Vec::new();
        };
        let sort = self.list(pane).sort;
        let choice = |key: &SortKey| Choice {
            title: key.title(),
            meaning: key.meaning(),
            direction: (*key == sort.key).then_some(sort.direction),
        };
        SortKey::of(pane).iter().map(choice).collect()
    }

    pub(super) fn fill_sockets(&mut self) {
        if self.screen != Screen::Connections {
            return;
        }
        let rows = self.socket_rows(Holder::View);
        let mut list = std::mem::replace(&mut self.connections, SocketList::new("rate"));
        let tick = self.tick().and_then(|tick| self.sockets.at(tick.time));
        let look = self.socket_look(None);
        list.fill(tick, &look, |id| self.roster.get(id), rows);
        self.connections = list;
    }

    /// `None`: the wish is about something else.
    pub(super) fn steer_sockets(&mut self, action: &Action) -> Option<Change> {
        match action {
            Action::ClickSocket { holder, row } => {
                let rows = self.socket_rows(*holder);
                let list = self.sockets_mut(*holder);
                if *row < rows {
                    let keys = list.keys().to_vec();
                    list.cursor.select_row(*row, &keys, rows);
                }
                return Some(Change::View);
            }
            Action::WheelSockets { holder, by } => {
                let rows = self.socket_rows(*holder);
                let list = self.sockets_mut(*holder);
                let count = list.keys().len();
                list.cursor.scroll(*by, count, rows);
                return Some(Change::Paint);
            }
            Action::ClickSocketHeader { holder, id } => {
                return Some(self.sort_sockets(*holder, |sort, _| sort.then(id)));
            }
            _ => {}
        }
        let holder = self.focused_sockets()?;
        Some(match action {
            Action::SortBy(key) => match SocketSort::id_of(*key) {
                Some(id) => self.sort_sockets(holder, |sort, _| sort.then(id)),
                None => Change::None,
            },
            Action::SortReverse => self.sort_sockets(holder, |sort, _| sort.reversed()),
            Action::SortNeighbour(step) => {
                self.sort_sockets(holder, |sort, ids| neighbour(sort, ids, *step))
            }
            Action::SortMenu => {
                let choices = self.sort_choices();
                let current = choices.iter().position(|choice| choice.direction.is_some());
                self.popup = Popup::SortMenu {
                    choice: current.unwrap_or(0),
                };
                Change::Paint
            }
            Action::Accept => {
                let Popup::SortMenu { choice } = self.popup else {
                    return None;
                };
                self.popup = Popup::None;
                match SORTS.get(choice) {
                    Some((id, _)) if *id != self.socket_list(holder).sort.column.id => {
                        self.sort_sockets(holder, |_, _| SocketSort::by(id))
                    }
                    _ => Change::Paint,
                }
            }
            Action::Freeze if holder == Holder::View => {
                self.connections.toggle_freeze();
                Change::Lists
            }
            // Where there is no title that would say so.
            Action::Freeze => Change::None,
            Action::Move(motion) if self.popup == Popup::None => {
                self.move_in_sockets(holder, *motion)
            }
            _ => return None,
        })
    }

    /// Drops the selection of the list of connections with the keys. True: there was one.
    pub(super) fn drop_socket(&mut self) -> bool {
        let Some(holder) = self.focused_sockets() else {
            return false;
        };
        let cursor = &mut self.sockets_mut(holder).cursor;
        cursor.offset = 0;
        cursor.selected.take().is_some()
    }

    fn sockets_mut(&mut self, holder: Holder) -> &mut SocketList {
        match holder {
            Holder::View => &mut self.connections,
            Holder::Beside | Holder::Full => &mut self.details.sockets,
        }
    }

    fn sort_sockets(
        &mut self,
        holder: Holder,
        change: impl FnOnce(SocketSort, &[&'static str]) -> SocketSort,
    ) -> Change {
        let plan = self.plan();
        let area = match holder {
            Holder::View => plan.sockets,
            Holder::Beside | Holder::Full => plan.details,
        };
        let width = area.unwrap_or_default().inner().width;
        let columns = sockets::fit(holder, width);
        let ids: Vec<_> = columns.iter().map(|placed| placed.column.id).collect();
        let list = self.sockets_mut(holder);
        list.sort_by(change(list.sort, &ids));
        Change::Lists
    }

    fn move_in_sockets(&mut self, holder: Holder, motion: Motion) -> Change {
        let rows = self.socket_rows(holder);
        let page = isize::try_from(rows.max(1)).unwrap_or(isize::MAX);
        let list = self.sockets_mut(holder);
        let keys = list.keys().to_vec();
        let by = match motion {
            Motion::Lines(by) => by,
            Motion::Pages(by) => by.saturating_mul(page),
            Motion::HalfPages(by) => by.saturating_mul((page / 2).max(1)),
            Motion::First => isize::MIN,
            Motion::Last => isize::MAX,
        };
        list.cursor.select_by(by, &keys, rows);
        // The details are those of the selected one's process.
        match holder {
            Holder::View if self.plan().details.is_some() => Change::Lists,
            _ => Change::Paint,
        }
    }

    /// Whether something besides a list of processes has the keys.
    pub fn list_has_keys(&self, pane: Pane) -> bool {
        self.screen == Screen::List(pane) && self.focused_sockets().is_none()
    }
}

fn neighbour(sort: SocketSort, ids: &[&'static str], step: Step) -> SocketSort {
    let at = ids.iter().position(|id| *id == sort.column.id);
    let next = match (at, step) {
        (Some(at), Step::Forward) => at + 1,
        (Some(at), Step::Back) => at.saturating_sub(1),
        (None, _) => 0,
    };
    ids.get(next).map_or(sort, |id| SocketSort::by(id))
}
