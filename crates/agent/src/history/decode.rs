//! Rows become columns: payloads are read in their order, once to see what there is, and once for
//! every few processes. Decoded in one go a segment would take several megabytes.

use std::mem::size_of;
use std::ops::Range;

use super::columns::Cell;
use super::columns::Column;
use super::columns::Columns;
use super::columns::Nature;
use super::columns::Version;
use super::piece::add_sums;
use super::piece::read_definition;
use super::piece::read_head;
use super::piece::read_rows;
use super::piece::Extra;
use super::piece::Head;
use super::totals::Totals;
use super::varint::Malformed;
use super::varint::Read;
use super::varint::Reader;
use super::BootId;
use super::Known;
use super::Sum;

/// Begins the record of what is known before the first stretch. It was 0 without the totals.
pub const OPENING: u8 = 2;
/// Begins the record of a stretch.
pub const STRETCH: u8 = 1;

/// Decoded bytes at a time, about, by whoever has time.
pub const AT_LEISURE: usize = 1 << 20;
/// And by whoever answers: every further go looks through all rows again, and most images fit.
pub const AT_ONCE: usize = 8 << 20;

/// An index further than this from those that are known is not one.
const MOST_INDEXES: usize = 1 << 22;

/// What is decoded.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Of these processes, by their place, what is known.
    pub known: Range<u32>,
    /// Of these the bytes.
    pub bytes: Range<u32>,
    /// All rows are counted.
    pub counted: bool,
    /// How much room each takes, as counted before.
    pub room: &'a [Room],
}

/// How much one process has in a segment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Room {
    cells: u32,
    extras: u32,
}

/// What was decoded.
#[derive(Debug, Default)]
pub struct Decoded {
    /// All processes; those that were not asked for are empty.
    pub columns: Columns,
    /// By stretch, over all processes; only counted.
    pub sums: Vec<Vec<Sum>>,
    /// By place; only counted.
    pub room: Vec<Room>,
}

impl Wanted<'_> {
    /// All there is.
    pub const ALL: Wanted<'static> = Wanted {
        known: 0..u32::MAX,
        bytes: 0..u32::MAX,
        counted: false,
        room: &[],
    };
    /// What is known of everyone.
    pub const KNOWN: Wanted<'static> = Wanted {
        bytes: 0..0,
        ..Wanted::ALL
    };
    /// Nothing but what its stretches are.
    pub const HEADS: Wanted<'static> = Wanted {
        known: 0..0,
        ..Wanted::KNOWN
    };
    /// How much there is.
    pub const COUNTED: Wanted<'static> = Wanted {
        known: 0..0,
        bytes: 0..0,
        counted: true,
        room: &[],
    };
}

impl Room {
    fn bytes(self) -> usize {
        self.cells as usize * size_of::<Cell>()
            + self.extras as usize * size_of::<(u32, Extra)>()
            + size_of::<Column>()
    }
}

/// Places that are decoded together, in multiples of so many, with at most so many bytes if possible.
pub fn ranges(room: &[Room], multiple: usize, most: usize) -> Vec<Range<u32>> {
    let mut ranges: Vec<Range<u32>> = Vec::new();
    let (mut first, mut end, mut bytes) = (0, 0, 0);
    for some in room.chunks(multiple) {
        let more: usize = some.iter().map(|room| room.bytes()).sum();
        if end > first && bytes + more > most {
            ranges.push(first..end);
            (first, bytes) = (end, 0);
        }
        bytes += more;
        end += some.len() as u32;
    }
    if end > first {
        ranges.push(first..end);
    }
    ranges
}

/// Decodes payloads in their order. `damaged`: how many are known to be missing.
pub fn decode<'a>(
    payloads: impl Iterator<Item = &'a [u8]>,
    damaged: u64,
    wanted: &Wanted,
) -> Decoded {
    let mut decoder = Decoder {
        decoded: Decoded::default(),
        places: Vec::new(),
        opened: false,
        wanted,
    };
    decoder.decoded.columns.damaged = damaged;
    for payload in payloads {
        if decoder.take(payload).is_err() {
            decoder.decoded.columns.damaged += 1;
        }
    }
    decoder.finish()
}

/// What a segment is, from the record that opens it.
///
/// # Errors
/// When it is another record, or malformed.
pub fn nature(opening: &[u8]) -> Read<Nature> {
    let mut reader = Reader(opening);
    match reader.byte()? {
        OPENING => read_nature(&mut reader),
        _ => Err(Malformed),
    }
}

fn read_nature(reader: &mut Reader) -> Read<Nature> {
    let boot = reader.bytes(16)?.try_into().map_err(|_| Malformed)?;
    Ok(Nature {
        boot: BootId(u128::from_le_bytes(boot)),
        step: reader.number()?,
        folded: reader.byte()? != 0,
    })
}

struct Decoder<'a> {
    decoded: Decoded,
    /// Column of each index.
    places: Vec<Option<u32>>,
    opened: bool,
    wanted: &'a Wanted<'a>,
}

impl Decoder<'_> {
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
        let nature = read_nature(reader)?;
        let before = Totals::read(reader)?;
        self.decoded.columns.nature = nature;
        self.decoded.columns.before = Some(before);
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
        let heads = &self.decoded.columns.heads;
        if heads.last().is_some_and(|newest| head.first <= newest.last) {
            return Err(Malformed);
        }
        let at = heads.len() as u32;
        for _ in 0..reader.count()? {
            let (index, back, known) = read_definition(reader)?;
            self.define(index, at + u32::from(back == 0), known)?;
        }
        let mut sums = Vec::new();
        if self.wanted.counted || !self.wanted.bytes.is_empty() {
            self.rows(reader, &head, at, &mut sums)?;
        }
        self.decoded.sums.push(sums);
        self.decoded.columns.heads.push(head);
        Ok(())
    }

    fn rows(&mut self, reader: &mut Reader, head: &Head, at: u32, sums: &mut Vec<Sum>) -> Read<()> {
        let (places, wanted) = (&self.places, self.wanted);
        let place = |index: u32| places.get(index as usize).copied().flatten();
        let folded = self.decoded.columns.nature.folded;
        let processes = &mut self.decoded.columns.processes;
        let room = &mut self.decoded.room;
        let (mut unknown, mut extra_room) = (0, Vec::new());
        let mut extras: Vec<(u32, Extra)> = Vec::new();
        read_rows(
            reader,
            head,
            folded,
            |index, sum| match place(index) {
                Some(place) if wanted.bytes.contains(&place) => {
                    processes[place as usize].cells.push(cell(at, sum));
                }
                Some(place) if wanted.counted => {
                    room[place as usize].cells += 1;
                    add_sums(sums, &[sum]);
                }
                Some(_) => {}
                None => unknown += 1,
            },
            |index, extra| match place(index) {
                Some(place) if wanted.bytes.contains(&place) => extras.push((place, extra)),
                Some(place) if wanted.counted => extra_room.push(place),
                _ => {}
            },
        )?;
        for (place, extra) in extras {
            processes[place as usize].extras.push((at, extra));
        }
        for place in extra_room {
            room[place as usize].extras += 1;
        }
        // Its definition is lost, and with it whose bytes these are.
        self.decoded.columns.damaged += u64::from(unknown > 0);
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
        let columns = &mut self.decoded.columns.processes;
        let place = match self.places[index] {
            Some(place) => place,
            None => {
                let place = columns.len() as u32;
                let mut column = Column::new(known.facts.id);
                let room = self.wanted.room.get(place as usize);
                if let Some(room) = room.filter(|_| self.wanted.bytes.contains(&place)) {
                    column.cells.reserve_exact(room.cells as usize);
                    column.extras.reserve_exact(room.extras as usize);
                }
                columns.push(column);
                self.places[index] = Some(place);
                if self.wanted.counted {
                    self.decoded.room.push(Room::default());
                }
                place
            }
        };
        let column = &mut columns[place as usize];
        if column.id != known.facts.id {
            return Err(Malformed);
        }
        if !self.wanted.known.contains(&place) {
            return Ok(());
        }
        match column.versions.last() {
            // Told again.
            Some(last) if last.after == after && last.known == known => {}
            Some(last) if last.after > after => {}
            _ => {
                // Most have one.
                column.versions.reserve_exact(1);
                column.versions.push(Version { after, known });
            }
        }
        Ok(())
    }

    /// Takes back what came of a record before it broke off.
    fn trim(&mut self) {
        let stretches = self.decoded.columns.heads.len() as u32;
        for column in &mut self.decoded.columns.processes {
            column.cells.retain(|cell| cell.at < stretches);
            column.versions.retain(|version| version.after <= stretches);
            column.extras.retain(|(at, _)| *at < stretches);
        }
    }

    fn finish(mut self) -> Decoded {
        for column in &mut self.decoded.columns.processes {
            // By kind; most have one, and are in order.
            if !column.cells.is_sorted_by_key(|cell| cell.kind) {
                column.cells.sort_by_key(|cell| (cell.kind, cell.at));
            }
        }
        self.decoded
    }
}

fn cell(at: u32, sum: Sum) -> Cell {
    Cell {
        at,
        kind: sum.kind,
        rx: sum.rx,
        tx: sum.tx,
    }
}
