//! A segment in rows: as it grows, in memory and on disk. What is known of live processes comes
//! first, then a record per stretch.

use std::collections::HashMap;
use std::sync::Arc;

use netmon_bpf::abi::ProcessId;

use super::columns::Column;
use super::columns::Columns;
use super::columns::Nature;
use super::decode::decode;
use super::decode::nature;
use super::decode::Decoded;
use super::decode::Wanted;
use super::decode::OPENING;
use super::decode::STRETCH;
use super::piece::put_definition;
use super::piece::put_head;
use super::piece::put_rows;
use super::piece::read_head;
use super::piece::Head;
use super::piece::Piece;
use super::piece::PieceRow;
use super::record::payload;
use super::record::record;
use super::totals::Totals;
use super::varint::put;
use super::varint::Reader;
use super::Known;

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

    /// A stretch may be more than one tick. Also where that cannot be read.
    pub fn is_folded(&self) -> bool {
        let nature = payload(&self.opening).and_then(|payload| nature(payload).ok());
        nature.is_none_or(|nature| nature.folded)
    }

    /// Decodes all of it. What is damaged is left out and counted.
    pub fn columns(&self) -> Columns {
        let counted = self.decode(&Wanted::COUNTED);
        let wanted = Wanted {
            room: &counted.room,
            ..Wanted::ALL
        };
        self.decode(&wanted).columns
    }

    /// Some of its processes. Takes the time of reading all of it.
    pub fn part(&self, wanted: &Wanted) -> Vec<Column> {
        let mut processes = self.decode(wanted).columns.processes;
        processes.truncate(wanted.known.end as usize);
        processes.drain(..(wanted.known.start as usize).min(processes.len()));
        processes
    }

    /// Decodes it.
    pub fn decode(&self, wanted: &Wanted) -> Decoded {
        let opening = std::iter::once(&self.opening);
        let records = opening.chain(&self.stretches);
        let payloads = records.filter_map(|record| payload(record));
        let whole = payloads.clone().count();
        let damaged = (1 + self.stretches.len()).saturating_sub(whole) as u64;
        decode(payloads, damaged, wanted)
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
    pub fn new<'a>(
        nature: Nature,
        before: Totals,
        live: impl Iterator<Item = &'a Known>,
    ) -> (Encoder, Image) {
        let mut encoder = Encoder {
            nature,
            indexes: HashMap::new(),
            told: Vec::new(),
        };
        let mut out = vec![OPENING];
        out.extend_from_slice(&nature.boot.0.to_le_bytes());
        put(&mut out, nature.step);
        out.push(u8::from(nature.folded));
        before.put(&mut out);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::piece::Extra;
    use crate::history::sealed::seal;
    use crate::history::sealed::Sealed;
    use crate::history::sealed::Sealer;
    use crate::history::source::Source;
    use crate::history::BootId;
    use crate::history::Sum;
    use crate::ledger::tests::facts;
    use crate::rate::Peaks;
    use proptest::prelude::*;

    /// Sealed in one go.
    fn seal_all(decoded: &Decoded) -> Vec<u8> {
        let mut sealer = Sealer::new(&decoded.columns, &decoded.sums);
        sealer.add(&decoded.columns.processes);
        sealer.finish()
    }

    fn all(columns: &Columns) -> Vec<Piece> {
        columns.pieces(0..columns.heads.len())
    }

    fn known(pid: u32, bytes: u64) -> Known {
        let (rx, tx) = (bytes, bytes / 2);
        let mut peaks = Peaks::default();
        peaks.observe((rx, tx), 1_000_000_000, bytes);
        Known {
            facts: Arc::new(facts(pid, pid.is_multiple_of(3).then_some(9))),
            totals: vec![Sum { kind: 1, rx, tx }],
            peaks,
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
        let (mut encoder, mut image) = Encoder::new(nature, Totals::default(), live.iter());
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
            let (bytes, _) = seal(&image(ticks));
            let sealed = Sealed::open(Source::Memory(bytes.into())).unwrap();
            let again = sealed.columns();
            assert_eq!(again.heads, columns.heads);
            assert_eq!(again.processes, columns.processes);
            assert_eq!((again.nature, again.damaged), (columns.nature, 0));
            let parts = sealed.parts().into_iter();
            let counted: Vec<_> = parts.flat_map(|part| sealed.counted(part)).collect();
            assert_eq!(counted.len(), columns.processes.len());
            for (counted, column) in counted.iter().zip(&columns.processes) {
                assert_eq!((counted.id, &counted.cells), (column.id, &column.cells));
                for stretches in 0..=ticks as u32 {
                    assert_eq!(counted.totals(stretches), column.totals(stretches));
                }
            }
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
            let decoded = decode([opening, &bytes, &stretch].into_iter(), 0, &Wanted::ALL);
            let sealed = Sealed::open(Source::Memory(seal_all(&decoded).into())).unwrap();
            let _ = all(&sealed.columns());
            let list = sealed.list();
            let mut seen = Vec::new();
            let looked = sealed.look(|id, part, moved| {
                seen.push((id, part, moved));
                true
            });
            prop_assert_eq!(&looked, &list);
            let told = list.iter().map(|one| (one.id, one.part, !one.sums.is_empty()));
            prop_assert_eq!(seen, told.collect::<Vec<_>>());
        }
    }
}
