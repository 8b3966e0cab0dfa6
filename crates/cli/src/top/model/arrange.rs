//! From the lines of running processes to groups of them, or to their tree.

use super::details::Standing;
use super::line::Line;
use super::moment::Moment;
use super::outline::Entry;
use super::outline::Key;
use super::outline::Part;
use super::outline::Shape;
use super::screen::Pane;
use super::screen::Popup;
use super::screen::Screen;
use super::sockets::OfTick;
use super::Change;
use super::Model;
use crate::args::query::GroupChoice;
use crate::group;
use crate::row::connection::Connection;
use crate::row::ProcessId;
use crate::top::action::Action;
use crate::top::action::Motion;

/// What processes can be put together by: in the order of the menu, with its letter and what it
/// means.
pub const CHOICES: &[(GroupChoice, char, &str)] = &[
    (GroupChoice::Process, 'p', "no groups"),
    (GroupChoice::Name, 'n', "name of the process"),
    (GroupChoice::User, 'u', "owner"),
    (GroupChoice::Unit, 's', "systemd unit"),
    (GroupChoice::Cgroup, 'c', "control group"),
    (GroupChoice::Container, 'k', "container"),
    (GroupChoice::Remote, 'r', "address of the other end"),
    (GroupChoice::Port, 'o', "lower port of both ends"),
    (GroupChoice::Interface, 'i', "network interface"),
    (GroupChoice::Proto, 't', "TCP and UDP"),
    (GroupChoice::Family, 'f', "IPv4 and IPv6"),
];

impl Model {
    /// How running processes are arranged.
    pub fn shape(&self) -> Shape {
        self.outline.shape
    }

    /// The entries of groups or the tree, from top to bottom.
    pub fn entries(&self) -> &[Entry] {
        self.outline.entries()
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.outline.groups()
    }

    /// The first visible entry.
    pub fn outline_offset(&self) -> usize {
        self.outline.cursor.offset
    }

    /// What is selected among groups or in the tree.
    pub fn selected_entry(&self) -> Option<&Key> {
        self.outline.cursor.selected.as_ref()
    }

    /// Whether groups or the tree have the keys.
    pub fn on_outline(&self) -> bool {
        self.outline.shape != Shape::Flat && self.list_has_keys(Pane::Live)
    }

    /// Whether what processes are grouped by needs connections.
    pub fn groups_by_connections(&self) -> bool {
        matches!(self.outline.shape, Shape::Groups(by) if by.needs_connections())
    }

    /// The group whose details are on screen: itself, and its processes.
    pub fn inspected_group(&self) -> Option<(&Entry, Vec<&Line>)> {
        let key = self.details_group()?;
        let entry = self.entries().iter().find(|entry| entry.key == *key)?;
        let Key::Group(name) = key else { return None };
        let mut members: Vec<_> = self
            .members
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, line)| line)
            .collect();
        members.sort_by_key(|line| (std::cmp::Reverse(line.rate), line.id));
        Some((entry, members))
    }

    fn details_group(&self) -> Option<&Key> {
        if self.outline.shape == Shape::Flat || self.screen != Screen::List(Pane::Live) {
            return None;
        }
        let key = self
            .outline
            .cursor
            .selected
            .as_ref()
            .filter(|key| self.outline.keys().contains(key))
            .or_else(|| self.outline.keys().first())?;
        matches!(key, Key::Group(_)).then_some(key)
    }

    /// The process whose entry is selected; `None`: several are, or none.
    pub(super) fn outlined_process(&self) -> Option<ProcessId> {
        let first = self.outline.keys().first();
        match self.outline.cursor.selected.as_ref().or(first)? {
            Key::Member(id, _) => Some(*id),
            Key::Group(_) | Key::Idle(_) => None,
        }
    }

    /// The parts of `lines` by the groups that they belong to.
    pub(super) fn parts(
        by: GroupChoice,
        lines: &[Line],
        moment: &Moment<'_>,
        sockets: Option<&OfTick>,
    ) -> Vec<Part> {
        let mut parts = Vec::with_capacity(lines.len());
        for line in lines {
            if by.divides() {
                let own: Vec<Connection> = match (by.needs_connections(), sockets) {
                    (true, Some(sockets)) => sockets.of(line.id).cloned().collect(),
                    _ => Vec::new(),
                };
                parts.extend(moment.parts(by, line, &own));
            } else if let Some(row) = moment.row(line.id) {
                parts.push((group::name(by, row), *line));
            }
        }
        parts
    }

    pub(super) fn fill_outline(&mut self, lines: Vec<Line>, members: Vec<Part>) {
        let rows = self.rows(Pane::Live);
        let sort = self.live.sort;
        let mut outline = std::mem::take(&mut self.outline);
        let find = |id: ProcessId| self.roster.get(id);
        self.members = match outline.shape {
            Shape::Flat => Vec::new(),
            Shape::Groups(by) if by.needs_connections() && self.standing() != Standing::Known => {
                outline.clear();
                Vec::new()
            }
            Shape::Groups(_) => {
                outline.group(members.clone(), sort, rows, &find);
                members
            }
            Shape::Tree => {
                outline.tree(lines, sort, rows, &find);
                Vec::new()
            }
        };
        self.outline = outline;
    }

    /// Arranges running processes another way, and shows them.
    pub(super) fn arrange(&mut self, shape: Shape) -> Change {
        let shape = match shape {
            Shape::Groups(GroupChoice::Process) => Shape::Flat,
            shape => shape,
        };
        self.outline.arrange(shape);
        self.screen = Screen::List(Pane::Live);
        self.popup = Popup::None;
        Change::View
    }

    fn grouped_by(&self) -> GroupChoice {
        match self.outline.shape {
            Shape::Groups(by) => by,
            Shape::Flat | Shape::Tree => GroupChoice::Process,
        }
    }

    /// `None`: the wish is about something else.
    pub(super) fn steer_outline(&mut self, action: &Action) -> Option<Change> {
        let current = CHOICES.iter().position(|(by, ..)| *by == self.grouped_by());
        match action {
            Action::GroupMenu => {
                self.popup = Popup::GroupMenu {
                    choice: current.unwrap_or(0),
                };
                return Some(Change::Paint);
            }
            Action::GroupBy(by) => return Some(self.arrange(Shape::Groups(*by))),
            Action::GroupNext => {
                let next = (current.unwrap_or(0) + 1) % CHOICES.len();
                let (by, ..) = CHOICES.get(next)?;
                return Some(self.arrange(Shape::Groups(*by)));
            }
            Action::Accept => {
                if let Popup::GroupMenu { choice } = self.popup {
                    let (by, ..) = CHOICES.get(choice)?;
                    return Some(self.arrange(Shape::Groups(*by)));
                }
            }
            Action::Tree => {
                let shape = match self.outline.shape {
                    Shape::Tree => Shape::Flat,
                    Shape::Flat | Shape::Groups(_) => Shape::Tree,
                };
                return Some(self.arrange(shape));
            }
            _ => {}
        }
        if self.outline.shape == Shape::Flat {
            return None;
        }
        let rows = self.rows(Pane::Live);
        let outline = &mut self.outline;
        match action {
            Action::ClickRow {
                pane: Pane::Live,
                row,
            } => {
                self.screen = Screen::List(Pane::Live);
                if *row < rows {
                    let again = outline.keys().get(outline.cursor.offset + row)
                        == outline.cursor.selected.as_ref();
                    let keys = outline.keys().to_vec();
                    outline.cursor.select_row(*row, &keys, rows);
                    // A second click opens, as it does everywhere.
                    if again {
                        outline.turn();
                    }
                }
                return Some(Change::View);
            }
            Action::Wheel {
                pane: Pane::Live,
                by,
            } => {
                let count = outline.keys().len();
                outline.cursor.scroll(*by, count, rows);
                return Some(Change::Paint);
            }
            _ => {}
        }
        if !self.on_outline() {
            return None;
        }
        let outline = &mut self.outline;
        Some(match action {
            Action::Expand => {
                outline.turn();
                Change::Lists
            }
            Action::ExpandAll => {
                outline.turn_all();
                Change::Lists
            }
            Action::Freeze => {
                outline.toggle_freeze();
                Change::Lists
            }
            Action::Move(motion) if self.popup == Popup::None => {
                let page = isize::try_from(rows.max(1)).unwrap_or(isize::MAX);
                let by = match motion {
                    Motion::Lines(by) => *by,
                    Motion::Pages(by) => by.saturating_mul(page),
                    Motion::HalfPages(by) => by.saturating_mul((page / 2).max(1)),
                    Motion::First => isize::MIN,
                    Motion::Last => isize::MAX,
                };
                let keys = outline.keys().to_vec();
                outline.cursor.select_by(by, &keys, rows);
                match self.plan().details {
                    Some(_) => Change::Lists,
                    None => Change::Paint,
                }
            }
            _ => return None,
        })
    }

    /// Selects the first entry if none is. False: there are none.
    pub(super) fn select_some_entry(&mut self) -> bool {
        let outline = &mut self.outline;
        if outline.selected().is_none() {
            outline.cursor.selected = outline.keys().first().cloned();
        }
        outline.cursor.selected.is_some()
    }

    /// Drops the selection among groups or in the tree. True: there was one.
    pub(super) fn drop_entry(&mut self) -> bool {
        let there = self.on_outline();
        there && {
            self.outline.cursor.offset = 0;
            self.outline.cursor.selected.take().is_some()
        }
    }

    /// Words of the arrangement for titles; `None`: a plain list.
    pub fn arrangement(&self) -> Option<String> {
        match self.outline.shape {
            Shape::Flat => None,
            Shape::Groups(by) => Some(format!("grouped by {}", by.name())),
            Shape::Tree => Some("tree".to_owned()),
        }
    }
}
