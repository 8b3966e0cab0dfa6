//! Sums of one step while its parts are read.

use netmon_bpf::ByNumber;

use super::columns::Cell;
use super::columns::Spread;
use super::piece::add_sums;
use super::piece::Head;
use super::query::Kinds;
use super::query::Query;
use super::Sum;
use crate::rate::Peaks;

/// Highest ticks and active time, as long as they are exact.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ticks {
    /// Times in wall clock.
    pub peaks: Peaks,
    /// In whole ticks, ns.
    pub active: u64,
    /// Some stretch did not keep them.
    pub unknown: bool,
}

impl Ticks {
    /// A tick with bytes.
    pub fn observe(&mut self, moved: (u64, u64), head: &Head) {
        if head.has_rates() {
            self.peaks.observe(moved, head.length, head.wall);
            self.active = self.active.saturating_add(head.length);
        }
    }

    /// Whether they can be told of so many bytes: some tick with a rate had of them, or there were
    /// none.
    pub fn are_known(&self, sums: &[Sum]) -> bool {
        let quiet = sums.iter().all(|sum| (sum.rx, sum.tx) == (0, 0));
        !self.unknown && (self.active > 0 || quiet)
    }

    /// Several ticks whose peaks are known, times in boot clock of these stretches.
    pub fn merge(&mut self, peaks: &Peaks, active: u64, heads: &[Head]) {
        let mut peaks = *peaks;
        for peak in [&mut peaks.rx, &mut peaks.tx, &mut peaks.sum] {
            let at = heads.partition_point(|head| head.end < peak.time);
            if let Some(head) = heads.get(at).or(heads.last()).filter(|_| peak.rate > 0) {
                peak.time = head.wall_at(peak.time);
            }
        }
        self.add(&Ticks {
            peaks,
            active,
            unknown: false,
        });
    }

    /// Others whose times are in wall clock.
    pub fn add(&mut self, others: &Ticks) {
        self.peaks.merge(&others.peaks);
        self.active = self.active.saturating_add(others.active);
    }
}

/// One group in one step.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// With bytes.
    pub processes: u32,
    /// What moved.
    pub sums: Vec<Sum>,
    /// Cumulative at the end, of a process.
    pub totals: Vec<Sum>,
    /// Peaks and active time.
    pub ticks: Ticks,
}

/// One step that is not finished.
#[derive(Debug, Default)]
pub struct Tallies {
    /// Of all stretches in it.
    pub head: Option<Head>,
    /// Ticks that were made and are not there.
    pub missing: u64,
    /// By group.
    pub groups: ByNumber<u32, Tally>,
    /// Over all processes that are asked for.
    pub sums: Vec<Sum>,
    /// Of that sum.
    pub ticks: Ticks,
    /// Groups that were left out: they cannot come first any more.
    pub left_out: u32,
}

impl Tallies {
    /// A stretch belongs to it, after so many that are missing.
    pub fn take(&mut self, head: &Head, missing: u64) {
        match &mut self.head {
            Some(all) => all.merge(head),
            None => self.head = Some(head.clone()),
        }
        self.missing = self.missing.saturating_add(missing);
    }

    /// Bytes of a process.
    pub fn add(&mut self, group: u32, sum: Sum) -> &mut Tally {
        add_sums(&mut self.sums, &[sum]);
        let tally = self.groups.entry(group).or_default();
        add_sums(&mut tally.sums, &[sum]);
        tally
    }
}

/// Sums over several processes tick by tick: only these have the peaks of a group.
#[derive(Debug, Default)]
pub struct Spreads {
    groups: ByNumber<u32, Spread>,
    all: Spread,
    stretches: usize,
}

impl Spreads {
    /// Empty, of so many stretches.
    pub fn begin(&mut self, stretches: usize) {
        self.groups.clear();
        self.all.begin(stretches);
        self.stretches = stretches;
    }

    /// Adds to the sum of all.
    pub fn add_to_all(&mut self, cell: &Cell) {
        self.all.add(cell);
    }

    /// Adds to a group.
    pub fn add(&mut self, group: u32, cell: &Cell) {
        let spread = self.groups.entry(group).or_insert_with(|| {
            let mut spread = Spread::default();
            spread.begin(self.stretches);
            spread
        });
        spread.add(cell);
    }

    /// Takes all into the steps that the stretches belong to.
    pub fn observe(&self, heads: &[Head], step_of: &[Option<usize>], steps: &mut [Tallies]) {
        for (at, moved) in self.all.moved() {
            if let Some(step) = step_of[at] {
                steps[step].ticks.observe(moved, &heads[at]);
            }
        }
        for (group, spread) in &self.groups {
            for (at, moved) in spread.moved() {
                let step = step_of[at].and_then(|step| steps.get_mut(step));
                if let Some(tally) = step.and_then(|step| step.groups.get_mut(group)) {
                    tally.ticks.observe(moved, &heads[at]);
                }
            }
        }
    }
}

/// Which of the two peaks that are kept beside sums is the one asked for: without loopback or with
/// it. `None`: neither.
pub fn kept_side(kinds: Kinds) -> Option<usize> {
    match kinds {
        Kinds::EXTERNAL => Some(0),
        Kinds::ALL => Some(1),
        _ => None,
    }
}

/// The sums of the kinds asked for.
pub fn chosen<'a>(query: &'a Query, sums: &'a [Sum]) -> impl Iterator<Item = Sum> + 'a {
    let chosen = sums.iter().filter(|sum| query.kinds.has(sum.kind));
    chosen.copied()
}
