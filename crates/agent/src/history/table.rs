//! Processes and groups of one answer: numbered, filtered and named once.

use std::collections::HashMap;
use std::sync::Arc;

use netmon_bpf::abi::ProcessId;
use netmon_bpf::ByNumber;

use super::columns::Column;
use super::columns::Listed;
use super::known::unknown;
use super::piece::Head;
use super::plan::Opened;
use super::plan::Part;
use super::query::Described;
use super::query::Grouping;
use super::query::Query;
use super::query::Subject;
use super::whole::Whole;
use super::BootId;
use super::Sum;
use crate::process::Exit;
use crate::process::Facts;

/// Descriptions that are held; further ones are read again when they are needed.
const HELD: usize = 1024;

/// Rows that are described one by one.
const FEW: usize = 256;

/// One process.
#[derive(Debug)]
pub struct Entry {
    /// Who.
    pub id: ProcessId,
    /// It is asked for.
    pub wanted: bool,
    /// Where it is described: index of the part, and the part of the segment.
    place: (u32, u32),
    described: Option<Arc<Described>>,
    /// The last step that counted it.
    counted: u32,
    /// And in which groups: one bit for the first kind of each.
    counted_in: u8,
}

/// All processes of an answer.
#[derive(Debug, Default)]
pub struct Table {
    /// By index of the boot, and process.
    numbers: ByNumber<(u32, u32, u64), u32>,
    boots: Vec<BootId>,
    /// By number.
    pub entries: Vec<Entry>,
    names: HashMap<Arc<str>, u32>,
    /// By number.
    groups: Vec<Arc<str>>,
    /// By number of the process, the groups of its kinds; only when grouped by name.
    groups_of: Vec<[u32; 8]>,
    held: usize,
    /// Live at the end of the window, with their totals then.
    pub live: Vec<(u32, Vec<Sum>)>,
    /// The boot at the end of the window.
    last_boot: Option<BootId>,
}

/// What of a sealed segment is asked for.
#[derive(Debug, Clone, Default)]
pub struct Needed {
    /// Parts that hold it.
    pub parts: Vec<u32>,
    /// Processes with bytes.
    pub processes: usize,
    /// These, when they are few.
    pub listed: Vec<Listed>,
    /// All that the segment adds to an answer in one step, if that is known.
    pub whole: Option<Whole>,
}

/// So few that they need not be read again.
const MOST_LISTED: usize = 4;

/// A process and where it was found.
struct Sighting<'a> {
    boot: BootId,
    id: ProcessId,
    place: (u32, u32),
    in_memory: bool,
    head: &'a Head,
}

impl Entry {
    /// Steps are counted anew.
    pub fn restart(&mut self) {
        (self.counted, self.counted_in) = (u32::MAX, 0);
    }

    /// Whether no part after this one has it.
    pub fn is_over(&self, part: usize) -> bool {
        self.place.0 as usize <= part
    }
}

impl Table {
    /// Takes the processes of a part. Newest part first: what is known last counts. Of a sealed
    /// segment: which parts of it hold bytes that are asked for, and of how many processes.
    pub fn take(&mut self, query: &Query, index: u32, opened: &Opened, stretches: u32) -> Needed {
        let Some(head) = (stretches as usize)
            .checked_sub(1)
            .and_then(|last| opened.heads().get(last))
        else {
            return Needed::default();
        };
        let boot = opened.nature().boot;
        let newest = self.last_boot.is_none();
        self.last_boot.get_or_insert(boot);
        let sighting = |id, part, in_memory| Sighting {
            boot,
            id,
            place: (index, part),
            in_memory,
            head,
        };
        let keep_live = newest && query.idle;
        // Few are told of: these are described when the answer is known.
        let few = query.top > 0 && query.top <= FEW;
        let deferred = few && query.wanted.is_none() && matches!(query.group, Grouping::Process);
        match opened {
            Opened::Rows(rows) => {
                let mut take = |column: &Column| {
                    let version = column.version(stretches);
                    let Some(version) = version.filter(|_| query.may_want(column.id.pid)) else {
                        return;
                    };
                    let seen = sighting(column.id, 0, true);
                    let number = self.see(query, seen, || Some(Arc::clone(&version.known.facts)));
                    if keep_live && version.known.facts.exit.is_none() {
                        self.live.push((number, column.totals(stretches)));
                    }
                };
                match keep_live {
                    true => rows.each(take),
                    false => rows.known().iter().for_each(&mut take),
                }
                Needed {
                    processes: rows.columns.processes.len(),
                    ..Needed::default()
                }
            }
            Opened::Sealed(sealed) => {
                let mut needed = Needed::default();
                let mut known = (u32::MAX, Vec::new());
                needed.listed = sealed.look(|id, part, moved| {
                    if !query.may_want(id.pid) {
                        return false;
                    }
                    let number = self.number(boot, id);
                    let number = match number {
                        Some(number) if !keep_live => number,
                        _ => {
                            if known.0 != part {
                                let new = |id| self.number(boot, id).is_none();
                                let columns = match keep_live {
                                    true => sealed.part(part),
                                    false if deferred => Vec::new(),
                                    false => sealed.known_of(part, new),
                                };
                                known = (part, columns);
                            }
                            let column = known.1.iter().find(|column| column.id == id);
                            let version = column.and_then(|column| column.version(stretches));
                            let facts = version.map(|version| Arc::clone(&version.known.facts));
                            let ended = facts.as_ref().is_none_or(|facts| facts.exit.is_some());
                            let seen = sighting(id, part, false);
                            let number = self.see(query, seen, || facts);
                            if let Some(column) = column.filter(|_| keep_live && !ended) {
                                self.live.push((number, column.totals(stretches)));
                            }
                            number
                        }
                    };
                    let wanted = moved && self.entries[number as usize].wanted;
                    if wanted {
                        needed.processes += 1;
                        if needed.parts.last() != Some(&part) {
                            needed.parts.push(part);
                        }
                    }
                    wanted && needed.processes <= MOST_LISTED
                });
                if needed.processes > MOST_LISTED {
                    needed.listed = Vec::new();
                }
                needed
            }
        }
    }

    fn see(
        &mut self,
        query: &Query,
        seen: Sighting,
        facts: impl FnOnce() -> Option<Arc<Facts>>,
    ) -> u32 {
        if let Some(number) = self.number(seen.boot, seen.id) {
            return number;
        }
        let number = self.entries.len() as u32;
        let boot = self.boots.iter().rposition(|boot| *boot == seen.boot);
        let boot = boot.unwrap_or_else(|| {
            self.boots.push(seen.boot);
            self.boots.len() - 1
        });
        let key = (boot as u32, seen.id.pid, seen.id.start);
        self.numbers.insert(key, number);
        let facts = facts();
        let known = facts.is_some();
        let facts = facts.unwrap_or_else(|| Arc::new(unknown(seen.id)));
        let facts = self.at_the_end(facts, seen.boot, seen.head);
        let wanted = query.wanted.as_ref().is_none_or(|wanted| wanted(&facts));
        if let Grouping::Named(name) = &query.group {
            let mut groups = [0; 8];
            for (kind, group) in groups.iter_mut().enumerate().filter(|_| wanted) {
                *group = self.group(&name(&facts, kind as u8));
            }
            self.groups_of.push(groups);
        }
        let hold = wanted
            && known
            && matches!(query.group, Grouping::Process)
            && (seen.in_memory || self.held < HELD);
        self.held += usize::from(hold);
        self.entries.push(Entry {
            id: seen.id,
            wanted,
            place: seen.place,
            described: hold.then(|| Arc::new(described(facts, true, seen.boot, seen.head))),
            counted: u32::MAX,
            counted_in: 0,
        });
        number
    }

    /// Nobody outlives the boot of the machine.
    fn at_the_end(&self, facts: Arc<Facts>, boot: BootId, head: &Head) -> Arc<Facts> {
        if facts.exit.is_some() || self.last_boot.is_none_or(|last| last == boot) {
            return facts;
        }
        let exit = Some(Exit {
            time: head.end,
            status: None,
        });
        Arc::new(Facts {
            exit,
            ..(*facts).clone()
        })
    }

    fn group(&mut self, name: &str) -> u32 {
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        let (name, number): (Arc<str>, u32) = (name.into(), self.groups.len() as u32);
        self.groups.push(Arc::clone(&name));
        self.names.insert(name, number);
        number
    }

    /// The number of a process.
    pub fn number(&self, boot: BootId, id: ProcessId) -> Option<u32> {
        let boot = self.boots.iter().rposition(|known| *known == boot)?;
        let key = (boot as u32, id.pid, id.start);
        self.numbers.get(&key).copied()
    }

    /// The group of a kind of traffic of a process.
    pub fn group_of(&self, number: u32, kind: u8) -> u32 {
        let groups = self.groups_of.get(number as usize);
        groups.map_or(number, |groups| groups[usize::from(kind & 7)])
    }

    /// `true`: this step has not counted the process in this group yet.
    pub fn count(&mut self, number: u32, step: u32, group: u32) -> bool {
        let groups = self.groups_of.get(number as usize);
        let first = groups.and_then(|groups| groups.iter().position(|g| *g == group));
        let bit = 1 << first.unwrap_or(0);
        let entry = &mut self.entries[number as usize];
        if entry.counted != step {
            (entry.counted, entry.counted_in) = (step, 0);
        }
        let again = entry.counted_in & bit != 0;
        entry.counted_in |= bit;
        !again
    }

    /// What orders groups that are otherwise equal.
    pub fn key(&self, query: &Query, group: u32) -> (u64, u64, &str) {
        match query.group {
            Grouping::Process => {
                let id = self.entries[group as usize].id;
                (u64::from(id.pid), id.start, "")
            }
            Grouping::Named(_) => (0, 0, &self.groups[group as usize]),
        }
    }

    /// What a row of this group is about. May read a file.
    pub fn subject(&self, query: &Query, group: u32, parts: &[Part], stretches: &[u32]) -> Subject {
        if matches!(query.group, Grouping::Named(_)) {
            return Subject::Group(Arc::clone(&self.groups[group as usize]));
        }
        let entry = &self.entries[group as usize];
        if let Some(described) = &entry.described {
            return Subject::Process(group, Arc::clone(described));
        }
        let read = || {
            let index = entry.place.0 as usize;
            let Opened::Sealed(sealed) = parts.get(index)?.open().ok()? else {
                return None;
            };
            let stretches = stretches.get(index).copied()?;
            let head = sealed.heads.get(stretches.checked_sub(1)? as usize)?;
            let known = sealed.known_of(entry.place.1, |id| id == entry.id);
            let column = known.iter().find(|column| column.id == entry.id)?;
            let facts = Arc::clone(&column.version(stretches)?.known.facts);
            let boot = sealed.nature.boot;
            Some(described(
                self.at_the_end(facts, boot, head),
                true,
                boot,
                head,
            ))
        };
        let lost = || {
            described(
                Arc::new(unknown(entry.id)),
                false,
                BootId(0),
                &Head::default(),
            )
        };
        Subject::Process(group, Arc::new(read().unwrap_or_else(lost)))
    }
}

fn described(facts: Arc<Facts>, known: bool, boot: BootId, head: &Head) -> Described {
    Described {
        boot,
        facts,
        known,
        anchor: (head.end, head.wall),
    }
}
