//! Answers: the header first, then step by step, segment by segment.

use std::collections::HashSet;
use std::collections::VecDeque;

use super::piece::Head;
use super::plan::is_inside;
use super::plan::plan;
use super::plan::Opened;
use super::plan::Part;
use super::query::AnswerRow;
use super::query::Grouping;
use super::query::Header;
use super::query::Order;
use super::query::Query;
use super::query::Step;
use super::reading::Reading;
use super::store::TierStore;
use super::table::Table;
use super::tally::Tallies;
use super::tally::Tally;
use super::tally::Ticks;
use super::whole::Whole;
use super::Sum;

/// Groups in a step that grows, before those that cannot come first are left out.
const MOST_GROUPS: usize = 2048;

/// An answer: the header now, the steps one by one, oldest first. Taking a step reads files.
#[derive(Debug)]
pub struct Answer {
    /// What it covers.
    pub header: Header,
    query: Query,
    parts: Vec<Part>,
    /// By part: how many stretches are before the end of the window.
    stretches: Vec<u32>,
    table: Table,
    reading: Reading,
    /// The next part.
    next: usize,
    ready: VecDeque<Step>,
    growing: Option<(u64, Tallies)>,
    /// Groups that come first over the window.
    first: Option<HashSet<u32>>,
}

impl Answer {
    /// Reads what is needed for the header. Blocks.
    pub fn new(tiers: &[TierStore], query: Query) -> Answer {
        let parts = plan(tiers, &query);
        let oldest = tiers.iter().rev().find_map(TierStore::oldest);
        let mut answer = Answer {
            header: Header {
                oldest,
                ..Header::default()
            },
            query,
            stretches: vec![0; parts.len()],
            parts,
            table: Table::default(),
            reading: Reading::default(),
            next: 0,
            ready: VecDeque::new(),
            growing: None,
            first: None,
        };
        answer.read_parts();
        let step = answer.query.step.div_ceil(answer.header.kept.max(1));
        answer.query.step = step.saturating_mul(answer.header.kept);
        answer.header.step = answer.query.step;
        if answer.query.step == 0 {
            // There is one step: all of it is read before the first row anyway.
            answer.read_all();
        } else if answer.query.top > 0 {
            answer.choose_first();
        }
        answer
    }

    /// Newest first: states are those at the end of the window. Each part is opened once.
    fn read_parts(&mut self) {
        let mut seen: Vec<Seen> = Vec::with_capacity(self.parts.len());
        for index in (0..self.parts.len()).rev() {
            seen.push(self.read_known(index));
        }
        let mut before: Option<u64> = None;
        for seen in seen.into_iter().rev() {
            if let Some((within, first)) = seen.first {
                // What is missing before the first tick is not in the window, as far as is known.
                if self.header.covered.is_some() {
                    let hole = between(within.or(before), first);
                    self.header.missing = self.header.missing.saturating_add(hole);
                }
                self.header.merge(seen.header);
            }
            before = before.max(seen.last);
        }
    }

    fn read_known(&mut self, index: usize) -> Seen {
        let part = &mut self.parts[index];
        if !part.inside {
            return Seen {
                last: Some(part.segment.span.ordinals.1),
                ..Seen::default()
            };
        }
        part.inside = false;
        let Ok(opened) = part.open() else {
            self.header.damaged += 1;
            return Seen::default();
        };
        let mut seen = Seen::default();
        for (at, head) in opened.heads().iter().enumerate() {
            if !part.has(head) {
                continue;
            }
            if is_inside(&self.query, head) {
                match seen.first {
                    Some(_) => seen.header.missing += hole(seen.last, head),
                    None => seen.first = Some((seen.last, head.first)),
                }
                seen.header.take(head, part.step);
                part.inside = true;
                self.stretches[index] = at as u32 + 1;
            }
            seen.last = Some(head.last);
        }
        if part.inside {
            let stretches = self.stretches[index];
            let mut needed = self
                .table
                .take(&self.query, index as u32, &opened, stretches);
            needed.whole = Whole::of(&self.query, part, &opened, &needed, &self.table);
            self.reading.needed.insert(index, needed);
        }
        self.header.damaged += opened.damaged();
        // All of it is read before the first row: what was opened need not wait for a viewer.
        let is_newest = index + 1 == self.parts.len() && self.query.step == 0;
        if is_newest && matches!(opened, Opened::Rows(_)) {
            self.reading.newest = Some((index, opened));
        }
        seen
    }

    fn read_all(&mut self) {
        let mut ended = Vec::new();
        while self.next < self.parts.len() {
            let part = self.next;
            self.read_part(&mut ended);
            if self.next > part {
                self.leave_out(part);
            }
        }
        self.header.damaged = self.header.damaged.max(self.reading.damaged);
    }

    /// Of processes that no later part has only those stay that may still come first: a day has
    /// tens of thousands, and one step of them all would take as many megabytes.
    fn leave_out(&mut self, part: usize) {
        // Who is told of later than its description would come again.
        let whole = self.header.damaged == 0 && self.reading.damaged == 0;
        let by_process = matches!(self.query.group, Grouping::Process);
        if self.query.top == 0 || !whole || !by_process {
            return;
        }
        let Some((key, mut tallies)) = self.growing.take() else {
            return;
        };
        let most = MOST_GROUPS.max(self.query.top.saturating_mul(2));
        if tallies.groups.len() > most {
            let is_over = |group: &u32| self.table.entries[*group as usize].is_over(part);
            let ranked = self.ranked(&tallies);
            for group in ranked.into_iter().filter(is_over).skip(self.query.top) {
                tallies.groups.remove(&group);
                tallies.left_out += 1;
            }
        }
        self.growing = Some((key, tallies));
    }

    fn choose_first(&mut self) {
        let step = std::mem::take(&mut self.query.step);
        self.read_all();
        let mut first = HashSet::new();
        if let Some((_, tallies)) = self.growing.take() {
            let ranked = self.ranked(&tallies);
            first.extend(ranked.into_iter().take(self.query.top));
        }
        self.first = Some(first);
        self.query.step = step;
        self.reading.restart();
        for entry in &mut self.table.entries {
            entry.restart();
        }
        self.next = 0;
    }

    /// Reads one part; steps that it ends go to `ended`.
    fn read_part(&mut self, ended: &mut Vec<Tallies>) {
        let index = self.next;
        self.next += 1;
        let Some(part) = self.parts.get(index).filter(|part| part.inside) else {
            let last = self.parts.get(index).map(|p| p.segment.span.ordinals.1);
            self.reading.pass(last);
            return;
        };
        let (steps, more) =
            self.reading
                .read(&self.query, &mut self.table, index, part, &mut self.growing);
        ended.extend(steps);
        if more {
            // Too much for one go.
            self.next = index;
        }
    }

    fn ranked(&self, tallies: &Tallies) -> Vec<u32> {
        let value = |tally: &Tally| {
            let (rx, tx) = tally.sums.iter().fold((0u64, 0u64), |(rx, tx), sum| {
                (rx.saturating_add(sum.rx), tx.saturating_add(sum.tx))
            });
            match self.query.order {
                Order::Bytes => rx.saturating_add(tx),
                Order::Rx => rx,
                Order::Tx => tx,
                Order::Peak => tally.ticks.peaks.sum.rate,
            }
        };
        let mut ranked: Vec<(u64, u32)> = tallies
            .groups
            .iter()
            .map(|(group, tally)| (value(tally), *group))
            .collect();
        ranked.sort_by(|a, b| {
            let by_value = match self.query.ascending {
                true => a.0.cmp(&b.0),
                false => b.0.cmp(&a.0),
            };
            let key = |group| self.table.key(&self.query, group);
            by_value.then_with(|| key(a.1).cmp(&key(b.1)))
        });
        ranked.into_iter().map(|(_, group)| group).collect()
    }

    fn finish(&self, mut tallies: Tallies, last: bool) -> Step {
        let moved = (tallies.groups.len() as u32).saturating_add(tallies.left_out);
        if last && self.query.idle {
            for (number, totals) in &self.table.live {
                if self.table.entries[*number as usize].wanted {
                    let tally = tallies.groups.entry(*number).or_default();
                    tally.totals = totals.clone();
                }
            }
        }
        let mut ranked = self.ranked(&tallies);
        match &self.first {
            Some(first) => ranked.retain(|group| first.contains(group)),
            None if self.query.top > 0 => ranked.truncate(self.query.top),
            None => {}
        }
        let rows = ranked.into_iter().filter_map(|group| {
            let tally = tallies.groups.remove(&group)?;
            Some(self.row(group, tally))
        });
        let rows = rows.collect();
        let head = tallies.head.unwrap_or_default();
        Step {
            end: head.wall,
            length: head.length,
            ticks: head.ticks,
            missing: tallies.missing,
            seq: head.seqs.1,
            gap: !head.gaps.is_empty(),
            lower_bound: head.lower_bound,
            peaks: self
                .told(&tallies.ticks, &tallies.sums)
                .map(|ticks| ticks.peaks),
            sums: sorted(tallies.sums),
            unattributed: head.unattributed,
            groups: moved,
            damaged: self.header.damaged.max(self.reading.damaged),
            rows,
        }
    }

    fn row(&self, group: u32, tally: Tally) -> AnswerRow {
        let ticks = self.told(&tally.ticks, &tally.sums).copied();
        AnswerRow {
            subject: self
                .table
                .subject(&self.query, group, &self.parts, &self.stretches),
            processes: tally.processes,
            sums: sorted(tally.sums),
            totals: sorted(tally.totals),
            peaks: ticks.map(|ticks| ticks.peaks),
            active: ticks.map(|ticks| ticks.active),
        }
    }

    fn told<'a>(&self, ticks: &'a Ticks, sums: &[Sum]) -> Option<&'a Ticks> {
        (self.query.peaks && ticks.are_known(sums)).then_some(ticks)
    }
}

impl Iterator for Answer {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Some(step);
            }
            if self.next >= self.parts.len() {
                let (_, tallies) = self.growing.take()?;
                return Some(self.finish(tallies, true));
            }
            let mut ended = Vec::new();
            self.read_part(&mut ended);
            for tallies in ended {
                let step = self.finish(tallies, false);
                self.ready.push_back(step);
            }
        }
    }
}

/// The stretches of one part that are in the window.
#[derive(Default)]
struct Seen {
    header: Header,
    /// First ordinal, and the last one before it in the same part.
    first: Option<(Option<u64>, u64)>,
    /// Last ordinal of the part, in the window or not.
    last: Option<u64>,
}

impl Header {
    fn take(&mut self, head: &Head, step: u64) {
        self.merge(Header {
            covered: Some((head.wall_at(head.begin), head.wall)),
            kept: step,
            ticks: head.ticks,
            missing: lost_in(head),
            gaps: head.gaps.clone(),
            lower_bound: head.lower_bound,
            ..Header::default()
        });
    }

    fn merge(&mut self, later: Header) {
        self.covered = match (self.covered, later.covered) {
            (Some((since, _)), Some((_, until))) => Some((since, until)),
            (covered, later) => covered.or(later),
        };
        self.kept = self.kept.max(later.kept);
        self.ticks = self.ticks.saturating_add(later.ticks);
        self.missing = self.missing.saturating_add(later.missing);
        self.gaps.extend(later.gaps);
        self.lower_bound |= later.lower_bound;
    }
}

/// Ticks that were made between an ordinal and a stretch.
pub fn hole(before: Option<u64>, head: &Head) -> u64 {
    between(before, head.first)
}

fn between(before: Option<u64>, first: u64) -> u64 {
    before.map_or(0, |before| first.saturating_sub(before).saturating_sub(1))
}

/// Ticks that were made in a stretch and are not in it.
pub fn lost_in(head: &Head) -> u64 {
    (head.last - head.first)
        .saturating_add(1)
        .saturating_sub(head.ticks)
}

fn sorted(mut sums: Vec<Sum>) -> Vec<Sum> {
    sums.sort_unstable_by_key(|sum| sum.kind);
    sums
}

/// Whether a whole segment is in the window and told by one part.
pub fn is_whole(query: &Query, part: &Part, opened: &Opened) -> bool {
    let mut heads = opened.heads().iter();
    heads.all(|head| part.has(head) && is_inside(query, head))
}
