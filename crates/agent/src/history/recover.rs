//! What an earlier agent left: files are looked at, not trusted.

use std::collections::HashSet;
use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use netmon_bpf::abi::ProcessId;

use super::appender::nature;
use super::columns::Columns;
use super::columns::Nature;
use super::decode::Wanted;
use super::decode::OPENING;
use super::disk::Named;
use super::disk::TierDirectory;
use super::fold::Fold;
use super::image::Encoder;
use super::image::Image;
use super::plan::Opened;
use super::preamble;
use super::record::record;
use super::record::scan;
use super::sealed::span;
use super::sealed::START;
use super::segment::Segment;
use super::segment::Span;
use super::segment::Stored;
use super::source::Source;
use super::store::TierStore;
use super::totals::Totals;
use super::LastTick;
use super::Options;
use super::Past;

/// Newest segments of a tier that the next coarser one is completed from: more than a stretch of a
/// coarse tier takes. A tier that was not kept before begins with these.
const COMPLETED_FROM: usize = 16;

/// Stretches that are turned into rows at a time.
const AT_A_TIME: usize = 8;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Finest first.
    pub tiers: Vec<TierStore>,
    /// For the ledger.
    pub past: Past,
    /// The next ordinal.
    pub next: u64,
    /// Damaged parts.
    pub damaged: u64,
}

/// Looks through the directories. Blocks. What cannot be read becomes a note.
pub fn recover(options: &Options, directories: &[TierDirectory]) -> Found {
    let mut found = Found::default();
    for (index, tier) in options.tiers.iter().enumerate() {
        let mut kept = TierStore {
            step: nature(options, index, options.boot).step,
            span: u64::try_from(tier.span.as_nanos()).unwrap_or(u64::MAX),
            segments: Default::default(),
        };
        if let Some(directory) = directories.get(index) {
            found.read_tier(directory, &mut kept);
        }
        found.tiers.push(kept);
    }
    found.find_last(options);
    found.complete(options);
    found
}

impl Found {
    fn note(&mut self, what: &Path, error: &dyn std::fmt::Display) {
        self.past
            .notes
            .push(format!("cannot read {}: {error}", what.display()));
    }

    fn read_tier(&mut self, directory: &TierDirectory, kept: &mut TierStore) {
        let (files, mut strange) = match directory.list() {
            Ok(listed) => listed,
            Err(error) => return self.note(directory.path(), &error),
        };
        // Sealed ones first: rows that are still there beside them are to be deleted.
        let (sealed, rows): (Vec<Named>, Vec<Named>) = files.into_iter().partition(|f| f.sealed);
        for file in sealed {
            self.next = self.next.max(file.key.saturating_add(1));
            match read_sealed(&file) {
                Ok(Read::Segment(segment, _)) => kept.segments.push_back(*segment),
                Ok(Read::Strange) => strange += 1,
                Ok(Read::Damaged) => self.damaged += 1,
                Err(error) => self.note(&file.path, &error),
            }
        }
        for file in rows {
            self.next = self.next.max(file.key.saturating_add(1));
            if kept
                .segments
                .iter()
                .any(|s| s.stored.is_some() && s.key() == file.key)
            {
                // The agent ended between sealing and deleting.
                let _ = fs::remove_file(&file.path);
                continue;
            }
            match read_rows(&file) {
                Ok(Read::Segment(segment, damaged)) => {
                    self.damaged += damaged;
                    kept.segments.push_back(*segment);
                }
                Ok(Read::Strange) => strange += 1,
                Ok(Read::Damaged) => self.damaged += 1,
                Err(error) => self.note(&file.path, &error),
            }
        }
        kept.segments.make_contiguous().sort_by_key(Segment::key);
        if strange > 0 {
            let path = directory.path().display();
            let note = format!("{strange} files in {path} are not of this version; left alone");
            self.past.notes.push(note);
        }
        if let Some(last) = kept.segments.back() {
            self.next = self.next.max(last.span.ordinals.1.saturating_add(1));
        }
    }

    /// The newest tick, and who was alive then.
    fn find_last(&mut self, options: &Options) {
        let newest = self.tiers.iter().flat_map(|tier| tier.segments.back());
        let Some(newest) = newest.max_by_key(|segment| segment.span.ordinals.1) else {
            return;
        };
        let Ok(opened) = newest.open() else {
            return;
        };
        let Some(head) = opened.heads().last() else {
            return;
        };
        let boot = opened.nature().boot;
        self.past.last = Some(LastTick {
            seq: head.seqs.1,
            boot,
            end: head.end,
            wall: head.wall,
            totals: opened.totals(head.last),
        });
        if boot != options.boot {
            return;
        }
        let mut processes = Vec::new();
        opened.everyone(|known| processes.push(known));
        // Its counters may still be in the kernel: an agent that is killed deletes no more of them.
        let before = self.before(newest.span.ordinals.0);
        if let Some(before) = before.and_then(|before| before.open().ok()) {
            let known: HashSet<ProcessId> = processes.iter().map(|p| p.facts.id).collect();
            let of_this_boot = before.nature().boot == options.boot;
            before.everyone(|process| {
                let ended = process.facts.exit.is_some() && !known.contains(&process.facts.id);
                if ended && of_this_boot {
                    processes.push(process);
                }
            });
        }
        self.past.processes = processes;
    }

    /// The segment of the finest tier that ends before this ordinal.
    fn before(&self, ordinal: u64) -> Option<&Segment> {
        let finest = self.tiers.first()?;
        finest
            .segments
            .iter()
            .rev()
            .find(|s| s.span.ordinals.1 < ordinal)
    }

    /// An agent that was killed had ticks in hand for the coarser tiers. Each is completed from the
    /// next finer one, which has all that the coarser one lacks (see [`super::store::Store::retain`]).
    fn complete(&mut self, options: &Options) {
        for index in 1..self.tiers.len() {
            let (finer, coarser) = self.tiers.split_at_mut(index);
            let (Some(finer), Some(tier)) = (finer.last(), coarser.first_mut()) else {
                return;
            };
            let last = tier.segments.back().map(|s| s.span.ordinals.1);
            let from = last.map_or(0, |last| last.saturating_add(1));
            let skipped = finer.segments.len().saturating_sub(COMPLETED_FROM);
            let newest = finer.segments.iter().skip(skipped);
            for segment in newest.filter(|s| s.span.ordinals.1 >= from) {
                let Ok(opened) = segment.open() else {
                    continue;
                };
                let before = opened.totals(from.saturating_sub(1)).unwrap_or_default();
                let columns = match opened {
                    Opened::Sealed(sealed) => sealed.columns(),
                    Opened::Rows(rows) => rows.all(),
                };
                let nature = nature(options, index, columns.nature.boot);
                tier.segments.extend(fold(&columns, from, nature, before));
            }
        }
    }
}

/// What of a segment begins at an ordinal or later, as a segment of a coarser tier.
fn fold(columns: &Columns, from: u64, nature: Nature, before: Totals) -> Option<Segment> {
    let mut fold = Fold::new(nature.step);
    let (mut encoder, mut image) = Encoder::new(nature, before, std::iter::empty());
    let mut span = Span::default();
    let mut close = |fold: &mut Fold| {
        if let Some(stretch) = fold.close() {
            image.push(encoder.stretch(&stretch));
            span = span.with(&stretch.head);
        }
    };
    let end = columns.heads.len();
    let begin = columns.heads.partition_point(|head| head.first < from);
    for first in (begin..end).step_by(AT_A_TIME) {
        for piece in columns.pieces(first..end.min(first + AT_A_TIME)) {
            if !fold.takes(&piece.head) {
                close(&mut fold);
            }
            fold.push(&piece);
        }
    }
    close(&mut fold);
    (span.ticks > 0).then(|| Segment {
        span,
        image: Some(Arc::new(image)),
        closed: true,
        ..Segment::default()
    })
}

enum Read {
    /// And how many damaged stretches of bytes were skipped.
    Segment(Box<Segment>, u64),
    /// Of another version.
    Strange,
    Damaged,
}

fn read_sealed(file: &Named) -> io::Result<Read> {
    let source = Source::file(File::open(&file.path)?)?;
    let size = source.size();
    let start = source.read(0, size.min(START))?;
    if preamble::read(&start).is_some_and(|said| said != (preamble::VERSION, preamble::SEALED)) {
        return Ok(Read::Strange);
    }
    Ok(match span(&source, &start)? {
        Some(span) if span.ordinals.0 >= file.key && span.ticks > 0 => {
            let segment = Segment {
                // Named by its file, even when its first stretches were damaged.
                span: Span {
                    ordinals: (file.key, span.ordinals.1),
                    ..span
                },
                image: None,
                stored: Some(Arc::new(Stored::file(file.path.clone(), size))),
                closed: true,
                written: 0,
            };
            Read::Segment(Box::new(segment), 0)
        }
        _ => Read::Damaged,
    })
}

fn read_rows(file: &Named) -> io::Result<Read> {
    let bytes = fs::read(&file.path)?;
    if preamble::read(&bytes).is_some_and(|said| said != (preamble::VERSION, preamble::ROWS)) {
        return Ok(Read::Strange);
    }
    let (found, damaged) = scan(&bytes, preamble::SIZE.min(bytes.len()));
    let mut records = found
        .iter()
        .map(|(_, payload)| Arc::<[u8]>::from(record(payload)));
    let mut image = Image::default();
    let (mut opened, mut stretches) = (false, Vec::new());
    for ((_, payload), record) in found.iter().zip(&mut records) {
        match payload.first() {
            Some(&OPENING) if !opened => {
                opened = true;
                image.bytes = record.len();
                image.opening = record;
            }
            Some(&OPENING) => {}
            _ => stretches.push(record),
        }
    }
    for stretch in stretches {
        image.push(stretch);
    }
    let span = Span::of(&image.decode(&Wanted::HEADS).columns.heads);
    if span.ticks == 0 {
        return Ok(Read::Damaged);
    }
    let written = image.stretches.len();
    let segment = Segment {
        // Named by its file, whatever of it is left.
        span: Span {
            ordinals: (file.key.min(span.ordinals.0), span.ordinals.1),
            ..span
        },
        image: Some(Arc::new(image)),
        stored: None,
        closed: true,
        written,
    };
    Ok(Read::Segment(Box::new(segment), damaged))
}
