//! Running processes as groups that open and close, or as a tree.

mod frozen;
mod sum;

use std::collections::BTreeMap;
use std::collections::HashSet;

use self::frozen::Frozen;
pub use self::sum::sum;
use super::cursor::Cursor;
use super::line;
use super::line::Activity;
use super::line::Line;
use super::sort::Sort;
use super::sort::SortKey;
use crate::args::query::GroupChoice;
use crate::row::ProcessId;
use crate::row::ProcessRow;

/// How running processes are arranged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    /// One below the other.
    #[default]
    Flat,
    /// By what they have in common.
    Groups(GroupChoice),
    /// Below their parents.
    Tree,
}

/// What tells an entry from all others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A group; `None`: of what cannot be named.
    Group(Option<String>),
    /// A process, or its part in a group.
    Member(ProcessId, Option<String>),
    /// The idle processes of a group.
    Idle(Option<String>),
}

/// How an entry is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A group.
    Group {
        /// How many processes it has.
        processes: usize,
        /// Whether they are listed below it.
        open: bool,
    },
    /// A process.
    Member {
        /// The lines of the tree before its name.
        branch: String,
        /// Whether those below it are listed; `None`: there are none.
        open: Option<bool>,
    },
    /// The idle processes of a group in one line.
    Idle {
        /// How many.
        count: usize,
        /// Whether they are listed below it.
        open: bool,
    },
}

/// One line on the screen.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What it is.
    pub key: Key,
    /// How it is drawn.
    pub kind: Kind,
    /// Its numbers; the process in it means nothing for several.
    pub line: Line,
}

/// Part of a process: the name of a group, and the numbers that belong there.
pub type Part = (Option<String>, Line);

/// The entries, which of them are open, and which is selected.
#[derive(Debug, Default)]
pub struct Outline {
    /// How processes are arranged.
    pub shape: Shape,
    /// What is selected.
    pub cursor: Cursor<Key>,
    /// Entries that are not as they are by default: groups open, branches of a tree closed.
    turned: HashSet<Key>,
    /// The order that is held; `None`: it follows the sort key.
    frozen: Option<Frozen>,
    entries: Vec<Entry>,
    keys: Vec<Key>,
    groups: usize,
}

impl Default for Cursor<Key> {
    fn default() -> Self {
        Self {
            selected: None,
            offset: 0,
        }
    }
}

impl Outline {
    /// Nothing yet, to be arranged like this.
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            ..Self::default()
        }
    }

    /// Takes the parts of all processes. `rows` entries are visible.
    pub fn group(&mut self, parts: Vec<Part>, sort: Sort, rows: usize, find: &Find<'_>) {
        let mut named: BTreeMap<Option<String>, Vec<Line>> = BTreeMap::new();
        for (name, line) in parts {
            named.entry(name).or_default().push(line);
        }
        let mut groups: Vec<(Line, Option<String>, Vec<Line>)> = named
            .into_iter()
            .zip(0..)
            .map(|((name, members), number)| {
                let mut sum = sum(&members);
                sum.id.pid = number;
                (sum, name, members)
            })
            .collect();
        self.groups = groups.len();
        let mut order: Vec<Line> = groups.iter().map(|(sum, ..)| *sum).collect();
        line::sort(&mut order, sort, |_| None);
        if sort.key == SortKey::Name {
            // They came in the order of their names.
            order.sort_by_key(|sum| sum.id.pid);
            if sort != Sort::by(SortKey::Name) {
                order.reverse();
            }
        }
        let mut frozen = self.frozen.take();
        if let Some(frozen) = &mut frozen {
            let name = |sum: &Line| groups.iter().find(|(other, ..)| other.id == sum.id);
            let key = |sum: &Line| Key::Group(name(sum).and_then(|(_, name, _)| name.clone()));
            frozen.hold(&mut order, key, false);
        }
        let mut entries = Vec::new();
        for sum in order {
            let place = groups.iter().position(|(other, ..)| other.id == sum.id);
            let Some(place) = place else { continue };
            let (sum, name, mut members) = groups.swap_remove(place);
            let key = Key::Group(name.clone());
            let open = self.turned.contains(&key);
            entries.push(Entry {
                key,
                kind: Kind::Group {
                    processes: members.len(),
                    open,
                },
                line: sum,
            });
            if open {
                line::sort(&mut members, sort, find);
                self.list(name, members, frozen.as_mut(), &mut entries);
            }
        }
        self.frozen = frozen;
        self.replace(entries, rows);
    }

    // The processes of an open group, in order.
    fn list(
        &self,
        name: Option<String>,
        members: Vec<Line>,
        mut frozen: Option<&mut Frozen>,
        entries: &mut Vec<Entry>,
    ) {
        let key = |line: &Line| Key::Member(line.id, name.clone());
        let (mut idle, mut busy): (Vec<_>, Vec<_>) = members.into_iter().partition(|line| {
            let idle = line.activity == Activity::Idle;
            match &mut frozen {
                Some(frozen) => frozen.keeps_idle(&key(line), idle),
                None => idle,
            }
        });
        if let Some(frozen) = frozen {
            frozen.hold(&mut busy, key, false);
            frozen.hold(&mut idle, key, true);
        }
        let member = |line: Line, branch: &str| Entry {
            key: Key::Member(line.id, name.clone()),
            kind: Kind::Member {
                branch: branch.to_owned(),
                open: None,
            },
            line,
        };
        let last = busy.len().saturating_sub(1);
        for (at, line) in busy.into_iter().enumerate() {
            let ends = at == last && idle.is_empty();
            entries.push(member(line, if ends { "└ " } else { "├ " }));
        }
        if idle.is_empty() {
            return;
        }
        let key = Key::Idle(name.clone());
        let open = self.turned.contains(&key);
        entries.push(Entry {
            key,
            kind: Kind::Idle {
                count: idle.len(),
                open,
            },
            line: sum(&idle),
        });
        if open {
            let last = idle.len() - 1;
            let branch = |at| if at == last { "  └ " } else { "  ├ " };
            entries.extend(
                idle.into_iter()
                    .enumerate()
                    .map(|(at, line)| member(line, branch(at))),
            );
        }
    }

    /// Takes processes and puts each below its parent, where that is among them.
    pub fn tree(&mut self, mut lines: Vec<Line>, sort: Sort, rows: usize, find: &Find<'_>) {
        line::sort(&mut lines, sort, find);
        let by_pid: BTreeMap<u32, ProcessId> =
            lines.iter().map(|line| (line.id.pid, line.id)).collect();
        let mut children: BTreeMap<Option<ProcessId>, Vec<Line>> = BTreeMap::new();
        for line in &lines {
            let parent = find(line.id)
                .and_then(|row| row.facts.parent_pid)
                .and_then(|pid| by_pid.get(&pid).copied())
                // A parent started before its child; a pid that was used again did not.
                .filter(|parent| parent.start_ns < line.id.start_ns);
            children.entry(parent).or_default().push(*line);
        }
        if let Some(frozen) = &mut self.frozen {
            for siblings in children.values_mut() {
                frozen.hold(siblings, |line| Key::Member(line.id, None), false);
            }
        }
        let mut entries = Vec::new();
        // Without recursion: trees can be as deep as there are processes.
        let mut open = vec![(
            children.remove(&None).unwrap_or_default().into_iter(),
            String::new(),
        )];
        while let Some((mut siblings, indent)) = open.pop() {
            let Some(line) = siblings.next() else {
                continue;
            };
            let last = siblings.len() == 0;
            let (branch, below) = match (open.is_empty(), last) {
                (true, _) => (String::new(), String::new()),
                (false, true) => (format!("{indent}└ "), format!("{indent}  ")),
                (false, false) => (format!("{indent}├ "), format!("{indent}│ ")),
            };
            open.push((siblings, indent));
            let key = Key::Member(line.id, None);
            let below_it = children.remove(&Some(line.id));
            let shown = !self.turned.contains(&key);
            entries.push(Entry {
                kind: Kind::Member {
                    branch,
                    open: below_it.as_ref().map(|_| shown),
                },
                key,
                line,
            });
            if let (true, Some(below_it)) = (shown, below_it) {
                open.push((below_it.into_iter(), below));
            }
        }
        self.groups = 0;
        self.replace(entries, rows);
    }

    fn replace(&mut self, entries: Vec<Entry>, rows: usize) {
        let before = self.cursor.place(&self.keys);
        self.keys = entries.iter().map(|entry| entry.key.clone()).collect();
        self.entries = entries;
        self.cursor.settle(before, &self.keys, rows);
    }

    /// Nothing in it.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.keys.clear();
        self.groups = 0;
    }

    /// All entries, from top to bottom.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Their keys.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The selected entry.
    pub fn selected(&self) -> Option<&Entry> {
        self.entries.get(self.cursor.place(&self.keys)?)
    }

    /// Opens or closes what is selected, or what it belongs to.
    pub fn turn(&mut self) {
        let Some(entry) = self.selected().or_else(|| self.entries.first()) else {
            return;
        };
        let key = match (&entry.kind, &entry.key) {
            (Kind::Member { open: None, .. }, Key::Member(_, name)) if self.groups > 0 => {
                Key::Group(name.clone())
            }
            (_, key) => key.clone(),
        };
        self.cursor.selected = Some(key.clone());
        if !self.turned.remove(&key) {
            self.turned.insert(key);
        }
    }

    /// Opens or closes everything.
    pub fn turn_all(&mut self) {
        let turned = |entry: &Entry| match entry.kind {
            Kind::Group { open, .. } => Some(open),
            Kind::Member { open, .. } => open.map(|open| !open),
            Kind::Idle { .. } => None,
        };
        let all = self.entries.iter().filter_map(turned).all(|turned| turned);
        if all {
            self.turned.clear();
            return;
        }
        let with_more = self.entries.iter().filter(|entry| turned(entry).is_some());
        self.turned.extend(with_more.map(|entry| entry.key.clone()));
    }

    /// Freezes the order, or lets it go.
    pub fn toggle_freeze(&mut self) {
        self.frozen = match self.frozen {
            None => Some(Frozen::default()),
            Some(_) => None,
        };
    }

    /// Lets the order go.
    pub fn thaw(&mut self) {
        self.frozen = None;
    }

    /// Whether the order is held.
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Another arrangement; what was open or selected means nothing there.
    pub fn arrange(&mut self, shape: Shape) {
        if self.shape != shape {
            *self = Self::new(shape);
        }
    }
}

/// Finds a process.
pub type Find<'a> = dyn Fn(ProcessId) -> Option<&'a ProcessRow> + 'a;
