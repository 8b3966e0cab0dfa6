//! A sealed segment that is in one step as a whole, of which a few processes are asked for: what it
//! adds to the step is known once it was looked through, and its file need not be opened again.

use super::answer::hole;
use super::answer::is_whole;
use super::answer::lost_in;
use super::piece::Head;
use super::plan::Opened;
use super::plan::Part;
use super::query::Grouping;
use super::query::Query;
use super::table::Needed;
use super::table::Table;
use super::tally::chosen;
use super::tally::kept_side;
use super::tally::Tallies;
use super::tally::Ticks;
use super::Sum;

/// What a segment adds.
#[derive(Debug, Clone)]
pub struct Whole {
    /// Of all its stretches.
    head: Head,
    /// Ticks that were made within it and are not there.
    missing: u64,
    /// Peaks of a sum are not kept in it.
    folded: bool,
    processes: Vec<Told>,
}

/// One process in it.
#[derive(Debug, Clone)]
struct Told {
    number: u32,
    sums: Vec<Sum>,
    totals: Vec<Sum>,
    /// Times in wall clock.
    ticks: Ticks,
}

impl Whole {
    /// `None`: its rows are needed, or too many processes.
    pub fn of(
        query: &Query,
        part: &Part,
        opened: &Opened,
        needed: &Needed,
        table: &Table,
    ) -> Option<Whole> {
        let Opened::Sealed(sealed) = opened else {
            return None;
        };
        let side = kept_side(query.kinds)?;
        let by_process = matches!(query.group, Grouping::Process);
        // Of a sum over several the highest tick is in their rows.
        let alone = needed.processes <= 1 || sealed.nature.folded || !query.peaks;
        let few = needed.processes == needed.listed.len();
        let asked = query.step == 0 && by_process && query.wanted.is_some();
        if !(asked && alone && few && is_whole(query, part, opened)) {
            return None;
        }
        let (first, rest) = sealed.heads.split_first()?;
        let (mut head, mut missing, mut last) = (first.clone(), lost_in(first), first.last);
        for next in rest {
            missing = missing.saturating_add(hole(Some(last), next).saturating_add(lost_in(next)));
            last = next.last;
            head.merge(next);
        }
        let told = needed.listed.iter().filter_map(|listed| {
            let number = table.number(sealed.nature.boot, listed.id)?;
            let mut ticks = Ticks::default();
            let extra = &listed.extra;
            ticks.merge(&extra.peaks[side], extra.active[side], &sealed.heads);
            Some(Told {
                number,
                sums: chosen(query, &listed.sums).collect(),
                totals: listed.totals.clone(),
                ticks,
            })
        });
        Some(Whole {
            head,
            missing,
            folded: sealed.nature.folded,
            processes: told.collect(),
        })
    }

    /// Ordinal of its last tick.
    pub fn last(&self) -> u64 {
        self.head.last
    }

    /// Adds it to the only step, whose number is 0. `before`: ordinal of the last tick before it.
    pub fn add_to(self, step: &mut Tallies, table: &mut Table, before: Option<u64>) {
        // What is missing before the first tick is not in the window, as far as is known.
        let hole = match step.head {
            None => 0,
            Some(_) => hole(before, &self.head),
        };
        step.take(&self.head, hole.saturating_add(self.missing));
        for told in self.processes {
            for sum in &told.sums {
                let _ = step.add(told.number, *sum);
                if table.count(told.number, 0, told.number) {
                    if let Some(tally) = step.groups.get_mut(&told.number) {
                        tally.processes += 1;
                    }
                }
            }
            let Some(tally) = step.groups.get_mut(&told.number) else {
                continue;
            };
            tally.totals = told.totals;
            tally.ticks.add(&told.ticks);
            step.ticks.add(&told.ticks);
        }
        step.ticks.unknown |= self.folded;
    }
}
