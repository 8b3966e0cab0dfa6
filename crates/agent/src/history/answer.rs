//! Answers: the header first, then step by step, segment by segment.

use std::collections::HashSet;
use std::collections::VecDeque;

use super::piece::Head;
use super::plan::is_inside;
use super::plan::plan;
use super::plan::Opened;
use super::plan::Part;
use super::query::AnswerRow;
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
use super::Sum;

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
        answer.read_heads();
        answer.read_processes();
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

    fn read_heads(&mut self) {
        let mut before: Option<u64> = None;
        for (index, part) in self.parts.iter_mut().enumerate() {
            if !part.inside {
                let last = part.segment.span.ordinals.1;
                before = before.max(Some(last));
                continue;
            }
            let (heads, damaged) = part.heads();
            self.header.damaged += damaged;
            part.inside = false;
            for head in &heads {
                let hole = hole(before, head);
                before = Some(head.last);
                if !is_inside(&self.query, head) {
                    continue;
                }
                part.inside = true;
                self.header.take(head, hole, part.step);
            }
            let end = heads.iter().rposition(|head| is_inside(&self.query, head));
            self.stretches[index] = end.map_or(0, |end| end as u32 + 1);
        }
    }

    /// Newest first: states are those at the end of the window.
    fn read_processes(&mut self) {
        for index in (0..self.parts.len()).rev() {
            let part = &self.parts[index];
            if !part.inside {
                continue;
            }
            // Totals of who is idle come from the bytes; nothing else does.
            let opened = match self.query.idle {
                true => part.open(),
                false => part.open_known(),
            };
            let Ok(opened) = opened else {
                self.header.damaged += 1;
                continue;
            };
            // Heads of other parts of the segment do not count in `stretches`.
            let skipped = opened.heads().iter().take_while(|h| h.first < part.from);
            let stretches = self.stretches[index] + skipped.count() as u32;
            self.stretches[index] = stretches;
            let needed = self
                .table
                .take(&self.query, index as u32, &opened, stretches);
            self.reading.needed.insert(index, needed);
        }
    }

    fn read_all(&mut self) {
        let mut ended = Vec::new();
        while self.next < self.parts.len() {
            self.read_part(&mut ended);
        }
        self.header.damaged = self.header.damaged.max(self.reading.damaged);
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
        let moved = tallies.groups.len() as u32;
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
            sums: sorted(tallies.sums),
            peaks: self.told(&tallies.ticks).map(|ticks| ticks.peaks),
            unattributed: head.unattributed,
            groups: moved,
            damaged: self.header.damaged.max(self.reading.damaged),
            rows,
        }
    }

    fn row(&self, group: u32, tally: Tally) -> AnswerRow {
        let ticks = self.told(&tally.ticks);
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

    fn told<'a>(&self, ticks: &'a Ticks) -> Option<&'a Ticks> {
        (self.query.peaks && !ticks.unknown).then_some(ticks)
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

impl Header {
    fn take(&mut self, head: &Head, hole: u64, step: u64) {
        let begin = head.wall_at(head.begin);
        let since = self.covered.map_or(begin, |(since, _)| since);
        // What is missing before the first tick is not in the window, as far as is known.
        self.missing += if self.covered.is_some() { hole } else { 0 };
        self.covered = Some((since, head.wall));
        self.kept = self.kept.max(step);
        self.ticks = self.ticks.saturating_add(head.ticks);
        self.missing = self.missing.saturating_add(lost_in(head));
        self.gaps.extend_from_slice(&head.gaps);
        self.lower_bound |= head.lower_bound;
    }
}

/// Ticks that were made between an ordinal and a stretch.
pub fn hole(before: Option<u64>, head: &Head) -> u64 {
    before.map_or(0, |before| {
        head.first.saturating_sub(before).saturating_sub(1)
    })
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
