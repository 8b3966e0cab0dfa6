//! Reads a part of the past into the steps it belongs to.

use std::collections::HashMap;

use super::answer::hole;
use super::answer::is_whole;
use super::answer::lost_in;
use super::columns::Column;
use super::columns::Spread;
use super::piece::Head;
use super::plan::is_inside;
use super::plan::Opened;
use super::plan::Part;
use super::query::Grouping;
use super::query::Query;
use super::sealed::Sealed;
use super::table::Needed;
use super::table::Table;
use super::tally::chosen;
use super::tally::kept_side;
use super::tally::Spreads;
use super::tally::Tallies;
use super::Sum;

/// Rows that are worked on at a time: more steps of a segment are read in several goes.
const AT_A_TIME: usize = 16_384;

/// How far an answer has read.
#[derive(Debug, Default)]
pub struct Reading {
    /// By part: the parts of the segment that hold processes that are asked for, and how many.
    pub needed: HashMap<usize, Needed>,
    /// The newest part, if it is in memory and was opened already. It is read once.
    pub newest: Option<(usize, Opened)>,
    /// Damaged parts met.
    pub damaged: u64,
    /// The last ordinal that was told.
    before: Option<u64>,
    /// Steps so far, each with its own number.
    steps: u32,
    /// A part that is read in several goes: stretches that are done.
    done: usize,
    spread: Spread,
    spreads: Spreads,
}

/// Marks the key of a step that is one kept stretch.
const OWN: u64 = 1 << 63;

/// One go: the stretches of it, by step.
struct Go<'a> {
    query: &'a Query,
    heads: &'a [Head],
    folded: bool,
    /// By stretch: the index of its step.
    step_of: Vec<Option<usize>>,
    /// By step: how many stretches are before its end.
    ends: Vec<u32>,
    steps: Vec<Tallies>,
    /// Number of the first step.
    number: u32,
}

impl Reading {
    /// From the beginning.
    pub fn restart(&mut self) {
        self.before = None;
        self.done = 0;
        self.steps = 0;
        self.damaged = 0;
    }

    /// A segment that is not in the window.
    pub fn pass(&mut self, last: Option<u64>) {
        self.before = self.before.max(last);
    }

    /// Steps that a part ends; the last one stays in `growing`. `true`: there is more of the part.
    pub fn read(
        &mut self,
        query: &Query,
        table: &mut Table,
        index: usize,
        part: &Part,
        growing: &mut Option<(u64, Tallies)>,
    ) -> (Vec<Tallies>, bool) {
        let needed = self.needed.get_mut(&index);
        if let Some(whole) = needed.and_then(|needed| needed.whole.take()) {
            self.steps = 1;
            let before = self.before.replace(whole.last());
            let (_, step) = growing.get_or_insert_with(Default::default);
            whole.add_to(step, table, before);
            return (Vec::new(), false);
        }
        let newest = self.newest.take_if(|(newest, _)| *newest == index);
        let Ok(opened) = newest.map_or_else(|| part.open(), |(_, opened)| Ok(opened)) else {
            self.damaged += 1;
            return (Vec::new(), false);
        };
        let heads = opened.heads();
        let (mut ended, mut keys) = (Vec::new(), Vec::new());
        let mut go = Go {
            query,
            heads,
            folded: opened.nature().folded,
            step_of: vec![None; heads.len()],
            ends: Vec::new(),
            steps: Vec::new(),
            number: self.steps,
        };
        let most_steps = (AT_A_TIME / self.wanted(index).max(1)).max(1);
        let mut more = false;
        for (at, head) in heads.iter().enumerate().skip(self.done) {
            if !part.has(head) {
                continue;
            }
            let inside = is_inside(query, head);
            let key = match query.step {
                0 => 0,
                // However long it was by the wall clock: two ticks are never told as one.
                step if step == part.step => OWN | head.last,
                step => head.wall.div_ceil(step),
            };
            if inside && keys.last() != Some(&key) {
                if keys.len() >= most_steps {
                    (more, self.done) = (true, at);
                    break;
                }
                go.steps.push(
                    match growing.take_if(|(k, _)| *k == key && keys.is_empty()) {
                        Some((_, tallies)) => {
                            go.number = go.number.wrapping_sub(1);
                            tallies
                        }
                        None => Tallies::default(),
                    },
                );
                ended.extend(growing.take().map(|(_, tallies)| tallies));
                keys.push(key);
                go.ends.push(0);
            }
            if let Some(step) = go.steps.last_mut().filter(|_| inside) {
                // What is missing before the first tick is not in the window, as far as is known.
                let first = step.head.is_none() && self.steps == 0 && keys.len() == 1;
                let hole = if first { 0 } else { hole(self.before, head) };
                step.take(head, hole.saturating_add(lost_in(head)));
                go.step_of[at] = Some(keys.len() - 1);
                go.ends[keys.len() - 1] = at as u32 + 1;
            }
            self.before = Some(head.last);
        }
        self.steps = go.number.wrapping_add(keys.len() as u32);
        self.fill(&mut go, table, index, part, &opened);
        if !more {
            self.damaged += opened.damaged();
            self.done = 0;
        }
        let last = go.steps.pop().zip(keys.last().copied());
        if let Some((tallies, key)) = last {
            *growing = Some((key, tallies));
        }
        ended.extend(go.steps);
        (ended, more)
    }

    fn fill(&mut self, go: &mut Go, table: &mut Table, index: usize, part: &Part, opened: &Opened) {
        if go.steps.is_empty() {
            return;
        }
        let boot = opened.nature().boot;
        self.spreads.begin(go.heads.len());
        match opened {
            Opened::Rows(rows) => rows.each(|column| {
                if let Some(number) = table.number(boot, column.id) {
                    self.take(go, table, number, column);
                }
            }),
            Opened::Sealed(sealed) if go.can_use_list(part, opened, self.wanted(index)) => {
                return take_list(go, table, sealed, self.needed.get(&index));
            }
            Opened::Sealed(sealed) => {
                let by_process = matches!(go.query.group, Grouping::Process);
                let needed = self.needed.get(&index);
                for part in needed
                    .map(|needed| needed.parts.clone())
                    .unwrap_or_default()
                {
                    let columns = match by_process {
                        true => sealed.counted(part),
                        false => sealed.cells(part),
                    };
                    for column in &columns {
                        if let Some(number) = table.number(boot, column.id) {
                            self.take(go, table, number, column);
                        }
                    }
                }
            }
        }
        if go.folded {
            go.steps
                .iter_mut()
                .for_each(|step| step.ticks.unknown = true);
        }
        self.spreads.observe(go.heads, &go.step_of, &mut go.steps);
    }

    fn wanted(&self, index: usize) -> usize {
        self.needed.get(&index).map_or(0, |needed| needed.processes)
    }

    fn take(&mut self, go: &mut Go, table: &mut Table, number: u32, column: &Column) {
        if !table.entries[number as usize].wanted {
            return;
        }
        let by_process = matches!(go.query.group, Grouping::Process);
        let side = kept_side(go.query.kinds).filter(|_| by_process);
        let ticks = go.query.peaks && !go.folded;
        self.spread.begin(if ticks && by_process {
            go.heads.len()
        } else {
            0
        });
        let mut touched: Vec<(usize, u32)> = Vec::new();
        // Cells of one kind and step follow each other: they are added at once.
        let mut run: Option<(usize, u32, Sum)> = None;
        for cell in &column.cells {
            let step = go.step_of.get(cell.at as usize).copied().flatten();
            let Some(step) = step.filter(|_| go.query.kinds.has(cell.kind)) else {
                continue;
            };
            let group = table.group_of(number, cell.kind);
            match &mut run {
                Some((s, _, sum)) if *s == step && sum.kind == cell.kind => {
                    sum.rx = sum.rx.saturating_add(cell.rx);
                    sum.tx = sum.tx.saturating_add(cell.tx);
                }
                _ => go.add(run.replace((step, group, cell.sum())), side),
            }
            if ticks {
                self.spreads.add_to_all(cell);
                match by_process {
                    true => self.spread.add(cell),
                    false => self.spreads.add(group, cell),
                }
            }
            if touched.last() != Some(&(step, group)) {
                touched.push((step, group));
            }
        }
        go.add(run, side);
        touched.sort_unstable();
        touched.dedup();
        for (step, group) in &touched {
            go.count(table, number, *step, *group);
        }
        if by_process {
            let ends: Vec<u32> = touched.iter().map(|(step, _)| go.ends[*step]).collect();
            for ((step, group), totals) in touched.iter().zip(column.totals_at(&ends)) {
                if let Some(tally) = go.steps[*step].groups.get_mut(group) {
                    tally.totals = totals;
                }
            }
        }
        go.observe(&self.spread, number);
        let Some(side) = side.filter(|_| go.folded) else {
            return;
        };
        for (at, extra) in &column.extras {
            let at = *at as usize;
            let step = go.step_of[at].and_then(|step| go.steps.get_mut(step));
            if let Some(tally) = step.and_then(|step| step.groups.get_mut(&number)) {
                let head = &go.heads[at..=at];
                tally
                    .ticks
                    .merge(&extra.peaks[side], extra.active[side], head);
            }
        }
    }
}

impl Go<'_> {
    /// The ticks of one process.
    fn observe(&mut self, spread: &Spread, number: u32) {
        let (heads, step_of) = (self.heads, &self.step_of);
        if let [only] = &mut self.steps[..] {
            // Most questions are about one step; looking it up for each tick would be most of the work.
            if let Some(tally) = only.groups.get_mut(&number) {
                let moved = spread.moved().filter(|(at, _)| step_of[*at].is_some());
                moved.for_each(|(at, moved)| tally.ticks.observe(moved, &heads[at]));
            }
            return;
        }
        for (at, moved) in spread.moved() {
            let step = step_of[at].and_then(|step| self.steps.get_mut(step));
            if let Some(tally) = step.and_then(|step| step.groups.get_mut(&number)) {
                tally.ticks.observe(moved, &heads[at]);
            }
        }
    }

    /// Whether sums over the whole segment are enough.
    fn can_use_list(&self, part: &Part, opened: &Opened, wanted: usize) -> bool {
        let by_process = matches!(self.query.group, Grouping::Process);
        // The highest tick of a sum is kept for the sum of all, and one process is its own sum.
        let sum = self.query.wanted.is_none() || self.folded || wanted <= 1;
        let peaks = by_process && kept_side(self.query.kinds).is_some() && sum;
        self.steps.len() == 1 && (!self.query.peaks || peaks) && is_whole(self.query, part, opened)
    }

    /// Adds bytes to a group of a step.
    fn add(&mut self, run: Option<(usize, u32, Sum)>, side: Option<usize>) {
        if let Some((step, group, sum)) = run {
            let tally = self.steps[step].add(group, sum);
            tally.ticks.unknown |= self.folded && side.is_none();
        }
    }

    /// A process has bytes in a group: each counts once in a step.
    fn count(&mut self, table: &mut Table, number: u32, step: usize, group: u32) {
        if table.count(number, self.number.wrapping_add(step as u32), group) {
            if let Some(tally) = self.steps[step].groups.get_mut(&group) {
                tally.processes += 1;
            }
        }
    }
}

/// A whole segment in one step, from its summary.
fn take_list(go: &mut Go, table: &mut Table, sealed: &Sealed, needed: Option<&Needed>) {
    let by_process = matches!(go.query.group, Grouping::Process);
    let side = kept_side(go.query.kinds).filter(|_| by_process);
    let few = needed.filter(|needed| needed.processes == needed.listed.len());
    let list = few.map_or_else(|| sealed.list(), |few| few.listed.clone());
    for listed in list {
        let Some(number) = table.number(sealed.nature.boot, listed.id) else {
            continue;
        };
        if !table.entries[number as usize].wanted {
            continue;
        }
        for sum in chosen(go.query, &listed.sums) {
            let group = table.group_of(number, sum.kind);
            let tally = go.steps[0].add(group, sum);
            tally.ticks.unknown |= side.is_none();
            go.count(table, number, 0, group);
        }
        let tally = go.steps[0].groups.get_mut(&number).filter(|_| by_process);
        if let Some(tally) = tally {
            tally.totals = listed.totals;
            if let Some(side) = side {
                let extra = &listed.extra;
                let peaks = &extra.peaks[side];
                tally.ticks.merge(peaks, extra.active[side], go.heads);
                if go.query.wanted.is_some() {
                    let step = &mut go.steps[0].ticks;
                    step.merge(peaks, extra.active[side], go.heads);
                }
            }
        }
    }
    if go.folded || side.is_none() {
        go.steps[0].ticks.unknown = true;
        return;
    }
    if go.query.wanted.is_some() {
        return;
    }
    for (head, sums) in go.heads.iter().zip(&sealed.sums()) {
        let moved = chosen(go.query, sums).fold((0u64, 0u64), |(rx, tx), sum| {
            (rx.saturating_add(sum.rx), tx.saturating_add(sum.tx))
        });
        if moved != (0, 0) {
            go.steps[0].ticks.observe(moved, head);
        }
    }
}
