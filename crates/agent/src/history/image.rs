//! A segment in rows: as it grows, in memory and on disk. What is known of live processes comes
//! first, then a record per stretch.

use std::collections::HashMap;
use std::sync::Arc;

use netmon_bpf::abi::ProcessId;

use super::columns::Cell;
use super::columns::Column;
use super::columns::Columns;
use super::columns::Nature;
use super::columns::Version;
use super::piece::put_definition;
use super::piece::put_head;
use super::piece::put_rows;
use super::piece::read_definition;
use super::piece::read_head;
use super::piece::read_rows;
use super::piece::Extra;
use super::piece::Head;
use super::piece::Piece;
use super::piece::PieceRow;
use super::record::payload;
use super::record::record;
use super::varint::put;
use super::varint::Malformed;
use super::varint::Read;
use super::varint::Reader;
use super::BootId;
use super::Known;
use super::Sum;

const OPENING: u8 = 0;
const STRETCH: u8 = 1;

/// Records of a segment, each shared with whoever reads or writes it.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// What is known before the first stretch. On disk it is there twice: with it lost, the rows of
    /// all it names would be lost.
    pub opening: Arc<[u8]>,
    /// One record per stretch.
    pub stretches: Vec<Arc<[u8]>>,
    /// Bytes of all of them.
    pub bytes: usize,
}

impl Image {
    /// Adds a stretch.
    pub fn push(&mut self, stretch: Arc<[u8]>) {
        self.bytes += stretch.len();
        self.stretches.push(stretch);
    }

    /// What its stretches are, without their rows.
    pub fn heads(&self) -> Vec<Head> {
        let payloads = self.stretches.iter().filter_map(|record| payload(record));
        let heads = payloads.filter_map(|payload| {
            let mut reader = Reader(payload.strip_prefix(&[STRETCH])?);
            read_head(&mut reader, &Head::default()).ok()
        });
        heads.collect()
    }

    /// What is known of its processes, without their bytes.
    pub fn known(&self) -> Columns {
        self.decode(false)
    }

    /// Decodes it. What is damaged is left out and counted.
    pub fn columns(&self) -> Columns {
        self.decode(true)
    }

    fn decode(&self, with_rows: bool) -> Columns {
        let opening = std::iter::once(&self.opening);
        let records = opening.chain(&self.stretches);
        let payloads: Vec<&[u8]> = records.filter_map(|r| payload(r)).collect();
        let damaged = (1 + self.stretches.len()).saturating_sub(payloads.len()) as u64;
        decode(payloads.into_iter(), damaged, with_rows)
    }
}

/// Makes the records of one segment.
#[derive(Debug)]
pub struct Encoder {
    nature: Nature,
    indexes: HashMap<ProcessId, u32>,
    /// Told with the last stretch: told again with the next, or one damaged record would cost all
    /// later rows of a process.
    told: Vec<(u32, Known)>,
}

impl Encoder {
    /// Of a segment that begins with so much known.
    pub fn new<'a>(nature: Nature, live: impl Iterator<Item = &'a Known>) -> (Encoder, Image) {
        let mut encoder = Encoder {
            nature,
            indexes: HashMap::new(),
            told: Vec::new(),
        };
        let mut out = vec![OPENING];
        out.extend_from_slice(&nature.boot.0.to_le_bytes());
        put(&mut out, nature.step);
        out.push(u8::from(nature.folded));
        let mut live: Vec<&Known> = live.collect();
        // Together what began together: it often ends together, and is then read together.
        live.sort_unstable_by_key(|known| (known.facts.id.start, known.facts.id.pid));
        for known in live {
            let index = encoder.index(known.facts.id).0;
            put_definition(&mut out, index, 0, known);
        }
        let opening: Arc<[u8]> = record(&out).into();
        let image = Image {
            bytes: opening.len(),
            opening,
            stretches: Vec::new(),
        };
        (encoder, image)
    }

    fn index(&mut self, id: ProcessId) -> (u32, bool) {
        let next = self.indexes.len() as u32;
        let index = *self.indexes.entry(id).or_insert(next);
        (index, index == next)
    }

    /// The record of a stretch.
    pub fn stretch(&mut self, piece: &Piece) -> Arc<[u8]> {
        let mut told = Vec::new();
        let mut rows: Vec<(u32, &PieceRow)> = Vec::with_capacity(piece.rows.len());
        for row in &piece.rows {
            let (index, new) = self.index(row.known.facts.id);
            if new || row.told {
                told.push((index, row.known.clone()));
            }
            if !row.sums.is_empty() {
                rows.push((index, row));
            }
        }
        rows.sort_unstable_by_key(|(index, _)| *index);
        let mut out = vec![STRETCH];
        // Each record stands for itself: the one before may be damaged.
        put_head(&mut out, &piece.head, &Head::default());
        put(&mut out, (self.told.len() + told.len()) as u64);
        for (index, known) in &self.told {
            put_definition(&mut out, *index, 1, known);
        }
        for (index, known) in &told {
            put_definition(&mut out, *index, 0, known);
        }
        put_rows(&mut out, &piece.head, &rows, self.nature.folded);
        self.told = told;
        record(&out).into()
    }
}

/// Decodes payloads in their order. `damaged`: how many are known to be missing.
pub fn decode<'a>(
    payloads: impl Iterator<Item = &'a [u8]>,
    damaged: u64,
    with_rows: bool,
) -> Columns {
    let mut decoder = Decoder {
        columns: Columns {
            damaged,
            ..Columns::default()
        },
        places: Vec::new(),
        opened: false,
        with_rows,
    };
    for payload in payloads {
        if decoder.take(payload).is_err() {
            decoder.columns.damaged += 1;
        }
    }
    decoder.finish()
}

fn cell(at: u32, sum: Sum) -> Cell {
    Cell {
        at,
        kind: sum.kind,
        rx: sum.rx,
        tx: sum.tx,
    }
}

struct Decoder {
    columns: Columns,
    /// Column of each index.
    places: Vec<Option<u32>>,
    opened: bool,
    with_rows: bool,
}

/// An index further than this from those that are known is not one.
const MOST_INDEXES: usize = 1 << 22;

impl Decoder {
    fn take(&mut self, payload: &[u8]) -> Read<()> {
        let mut reader = Reader(payload);
        match reader.byte()? {
            OPENING if self.opened => Ok(()),
            OPENING => self.open(&mut reader),
            STRETCH => {
                let read = self.stretch(&mut reader);
                if read.is_err() {
                    self.trim();
                }
                read
            }
            _ => Err(Malformed),
        }
    }

    fn open(&mut self, reader: &mut Reader) -> Read<()> {
        let boot = reader.bytes(16)?.try_into().map_err(|_| Malformed)?;
        let nature = Nature {
            boot: BootId(u128::from_le_bytes(boot)),
            step: reader.number()?,
            folded: reader.byte()? != 0,
        };
        self.columns.nature = nature;
        self.opened = true;
        while !reader.0.is_empty() {
            let (index, _, known) = read_definition(reader)?;
            self.define(index, 0, known)?;
        }
        Ok(())
    }

    fn stretch(&mut self, reader: &mut Reader) -> Read<()> {
        if !self.opened {
            return Err(Malformed);
        }
        let head = read_head(reader, &Head::default())?;
        let newest = self.columns.heads.last().map_or(0, |newest| newest.last);
        if !self.columns.heads.is_empty() && head.first <= newest {
            return Err(Malformed);
        }
        let at = self.columns.heads.len() as u32;
        for _ in 0..reader.count()? {
            let (index, back, known) = read_definition(reader)?;
            self.define(index, at + u32::from(back == 0), known)?;
        }
        if !self.with_rows {
            self.columns.heads.push(head);
            return Ok(());
        }
        let (places, processes) = (&self.places, &mut self.columns.processes);
        let place = |index: u32| places.get(index as usize).copied().flatten();
        let mut unknown = 0;
        let mut extras: Vec<(u32, Extra)> = Vec::new();
        read_rows(
            reader,
            &head,
            self.columns.nature.folded,
            |index, sum| match place(index) {
                Some(place) => processes[place as usize].cells.push(cell(at, sum)),
                None => unknown += 1,
            },
            |index, extra| extras.extend(place(index).map(|place| (place, extra))),
        )?;
        for (place, extra) in extras {
            self.columns.processes[place as usize]
                .extras
                .push((at, extra));
        }
        // Its definition is lost, and with it whose bytes these are.
        self.columns.damaged += u64::from(unknown > 0);
        self.columns.heads.push(head);
        Ok(())
    }

    fn define(&mut self, index: u32, after: u32, known: Known) -> Read<()> {
        let index = index as usize;
        if index > MOST_INDEXES {
            return Err(Malformed);
        }
        if self.places.len() <= index {
            self.places.resize(index + 1, None);
        }
        let place = *self.places[index].get_or_insert_with(|| {
            self.columns.processes.push(Column::new(known.facts.id));
            self.columns.processes.len() as u32 - 1
        });
        let column = &mut self.columns.processes[place as usize];
        if column.id != known.facts.id {
            return Err(Malformed);
        }
        match column.versions.last() {
            // Told again.
            Some(last) if last.after == after && last.known == known => {}
            Some(last) if last.after > after => {}
            _ => column.versions.push(Version { after, known }),
        }
        Ok(())
    }

    /// Takes back what came of a record before it broke off.
    fn trim(&mut self) {
        let stretches = self.columns.heads.len() as u32;
        for column in &mut self.columns.processes {
            column.cells.retain(|cell| cell.at < stretches);
            column.versions.retain(|version| version.after <= stretches);
            column.extras.retain(|(at, _)| *at < stretches);
        }
    }

    fn finish(mut self) -> Columns {
        for column in &mut self.columns.processes {
            column.cells.sort_by_key(|cell| (cell.kind, cell.at));
        }
        self.columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::sealed::seal;
    use crate::history::sealed::Sealed;
    use crate::history::source::Source;
    use crate::ledger::tests::facts;
    use proptest::prelude::*;

    fn all(columns: &Columns) -> Vec<Piece> {
        columns.pieces(0..columns.heads.len())
    }

    fn known(pid: u32, bytes: u64) -> Known {
        let (rx, tx) = (bytes, bytes / 2);
        Known {
            facts: Arc::new(facts(pid, pid.is_multiple_of(3).then_some(9))),
            totals: vec![Sum { kind: 1, rx, tx }],
            peaks: Default::default(),
            peaks_with_loopback: Default::default(),
        }
    }

    /// Forty processes, so that there are two parts; each tick has every second of them.
    fn image(ticks: u64) -> Image {
        let nature = Nature {
            boot: BootId(7),
            step: 1,
            folded: ticks % 2 == 1,
        };
        let live: Vec<Known> = (1..20).map(|pid| known(pid, 1)).collect();
        let (mut encoder, mut image) = Encoder::new(nature, live.iter());
        for tick in 1..=ticks {
            let head = Head {
                first: tick,
                last: tick,
                ticks: 1,
                end: tick * 10,
                wall: tick * 10 + 5,
                ..Head::default()
            };
            let rows = (1..41).filter(|pid| u64::from(*pid) % 2 == tick % 2);
            let rows = rows.map(|pid| PieceRow {
                known: known(pid, tick * 100),
                told: pid % 5 == 0,
                sums: vec![Sum {
                    kind: 1,
                    rx: tick << (pid % 60),
                    tx: 3,
                }],
                extra: nature.folded.then(Extra::default),
            });
            let rows = rows.collect();
            image.push(encoder.stretch(&Piece { head, rows }));
        }
        image
    }

    #[test]
    fn sealed_it_is_the_same() {
        for ticks in [1, 2, 29, 30] {
            let columns = image(ticks).columns();
            assert_eq!(columns.damaged, 0);
            let sealed = Sealed::open(Source::Memory(seal(&columns).into())).unwrap();
            let again = sealed.columns();
            assert_eq!(again.heads, columns.heads);
            assert_eq!(again.processes, columns.processes);
            assert_eq!((again.nature, again.damaged), (columns.nature, 0));
            let pieces = all(&columns);
            assert_eq!(pieces.len() as u64, ticks);
            assert!(pieces.iter().all(|piece| piece.rows.len() == 20));
        }
    }

    #[test]
    fn a_lost_record_costs_its_rows_only() {
        let whole = image(20);
        let truth = all(&whole.columns());
        for lost in 0..20 {
            let mut broken = whole.clone();
            broken.stretches.remove(lost);
            let pieces = all(&broken.columns());
            for piece in &pieces {
                let sums = |piece: &Piece| -> Vec<_> {
                    let mut sums: Vec<_> = piece
                        .rows
                        .iter()
                        // What the lost record told is told by the next.
                        .filter(|row| !row.sums.is_empty())
                        .map(|row| (row.known.facts.id, row.sums.clone()))
                        .collect();
                    sums.sort_by_key(|(id, _)| *id);
                    sums
                };
                let same = truth.iter().find(|t| t.head == piece.head).unwrap();
                assert_eq!(sums(piece), sums(same));
            }
            assert_eq!(pieces.len(), 19);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn any_bytes_are_decoded_or_refused(
            mut bytes: Vec<u8>,
            kind in 0..2u8,
            at: usize,
            value: u8,
        ) {
            // Nothing of it has a checksum to hide behind.
            let good = image(3);
            let opening = payload(&good.opening).unwrap();
            let mut stretch = payload(&good.stretches[at % 3]).unwrap().to_vec();
            let place = at % stretch.len();
            stretch[place] = value;
            bytes.insert(0, kind);
            let columns = decode([opening, &bytes, &stretch].into_iter(), 0, true);
            let sealed = Sealed::open(Source::Memory(seal(&columns).into())).unwrap();
            let _ = all(&sealed.columns());
            let _ = sealed.list();
        }
    }
}
