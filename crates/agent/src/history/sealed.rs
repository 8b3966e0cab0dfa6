//! A segment that does not grow any more: by process, compressed, with a summary, so that a long
//! window reads summaries and a single process reads its part only.
//!
//! Preamble, then records: meta, heads, for each 32 processes what is known and their bytes, the
//! summary, heads and meta once more, and an index of all of them. The file ends with where the
//! index is. Each part stands for itself: damage costs what it hits.

use std::cell::Cell as Counter;
use std::io;

use netmon_bpf::abi::ProcessId;

use super::columns::Column;
use super::columns::Columns;
use super::columns::Listed;
use super::columns::Nature;
use super::columns::Spread;
use super::decode::ranges;
use super::decode::Wanted;
use super::decode::AT_LEISURE;
use super::image::Image;
use super::pack::label;
use super::pack::pack;
use super::pack::put_cells;
use super::pack::put_heads;
use super::pack::put_list;
use super::pack::put_versions;
use super::pack::read_cells;
use super::pack::read_entries;
use super::pack::read_head_sums;
use super::pack::read_heads;
use super::pack::read_list;
use super::pack::read_version_totals;
use super::pack::read_versions;
use super::pack::unpack;
use super::piece::Head;
use super::preamble::preamble;
use super::preamble::SEALED;
use super::preamble::SIZE as PREAMBLE;
use super::record::checksum;
use super::record::payload;
use super::record::scan;
use super::segment::Span;
use super::source::Source;
use super::totals::Totals;
use super::varint::put;
use super::varint::Read;
use super::varint::Reader;
use super::BootId;
use super::Sum;

const NATURE: u8 = b'n';
const HEADS: u8 = b'h';
const VERSIONS: u8 = b'v';
const CELLS: u8 = b'c';
const LIST: u8 = b'l';
const INDEX: u8 = b'i';

/// Processes whose bytes are packed together.
pub const TOGETHER: usize = 32;
/// Preamble and first record are never longer.
pub const START: u64 = 512;
/// Offset (8) and length (4) of the index, and a checksum of both (4).
const TRAILER: usize = 16;

/// The bytes of a sealed segment, and how many damaged parts of its rows are not in it. Of the rows
/// a few processes are decoded at a time.
pub fn seal(image: &Image) -> (Vec<u8>, u64) {
    let counted = image.decode(&Wanted::COUNTED);
    let mut sealer = Sealer::new(&counted.columns, &counted.sums);
    for range in ranges(&counted.room, TOGETHER, AT_LEISURE) {
        let wanted = Wanted {
            known: range.clone(),
            bytes: range,
            counted: false,
            room: &counted.room,
        };
        sealer.add(&image.part(&wanted));
    }
    (sealer.finish(), counted.columns.damaged)
}

/// Makes a sealed segment, some processes at a time.
pub struct Sealer<'a> {
    writer: Writer,
    segment: &'a Columns,
    nature: Vec<u8>,
    times: Vec<u8>,
    list: Vec<Listed>,
    spread: Spread,
    parts: u32,
}

impl<'a> Sealer<'a> {
    /// Of a segment with these sums by stretch; its processes are to be added.
    pub fn new(segment: &'a Columns, sums: &[Vec<Sum>]) -> Self {
        let nature = put_nature(segment);
        let times = put_heads(&segment.heads, sums);
        let mut writer = Writer {
            out: preamble(SEALED).to_vec(),
            index: Vec::new(),
        };
        writer.add(NATURE, 0, &nature);
        writer.add(HEADS, 0, &times);
        Sealer {
            writer,
            segment,
            nature,
            times,
            list: Vec::new(),
            spread: Spread::default(),
            parts: 0,
        }
    }

    /// The next processes; all but the last time a multiple of those that are packed together.
    pub fn add(&mut self, processes: &[Column]) {
        let (heads, folded) = (&self.segment.heads, self.segment.nature.folded);
        for columns in processes.chunks(TOGETHER) {
            let part = self.parts;
            self.parts += 1;
            self.writer.add(VERSIONS, part, &put_versions(columns));
            self.writer
                .add(CELLS, part, &put_cells(columns, heads, folded));
            for column in columns {
                let listed = column.listed(part, heads, folded, &mut self.spread);
                self.list.push(listed);
            }
        }
    }

    /// All of it.
    pub fn finish(mut self) -> Vec<u8> {
        let end = self.segment.heads.last().cloned().unwrap_or_default();
        self.writer.add(LIST, 0, &put_list(&self.list, &end));
        self.writer.add(HEADS, 0, &self.times);
        self.writer.add(NATURE, 0, &self.nature);
        self.writer.finish()
    }
}

fn put_nature(segment: &Columns) -> Vec<u8> {
    let nature = &segment.nature;
    let mut out = nature.boot.0.to_le_bytes().to_vec();
    put(&mut out, nature.step);
    out.push(u8::from(nature.folded));
    Span::of(&segment.heads).put(&mut out);
    if let Some(before) = &segment.before {
        before.put(&mut out);
    }
    out
}

fn read_nature(content: &[u8]) -> Read<(Nature, Span, Option<Totals>)> {
    let mut reader = Reader(content);
    let mut boot = [0; 16];
    boot.copy_from_slice(reader.bytes(16)?);
    let nature = Nature {
        boot: BootId(u128::from_le_bytes(boot)),
        step: reader.number()?,
        folded: reader.byte()? != 0,
    };
    let span = Span::read(&mut reader)?;
    // Not there in files of before it was kept.
    let told = !reader.0.is_empty();
    let before = told.then(|| Totals::read(&mut reader)).transpose()?;
    Ok((nature, span, before))
}

/// What a sealed segment covers, from its first [`START`] bytes if they are whole.
///
/// # Errors
/// When the file cannot be read.
pub fn span(source: &Source, start: &[u8]) -> io::Result<Option<Span>> {
    let first = start.get(PREAMBLE..).unwrap_or_default();
    let content = payload(first).and_then(|payload| unpack(payload).ok());
    let first = content.filter(|(kind, ..)| *kind == NATURE);
    if let Some((_, span, _)) = first.and_then(|(.., content)| read_nature(&content).ok()) {
        return Ok(Some(span));
    }
    let heads = Sealed::open(Source::clone(source)?)?.heads;
    Ok((!heads.is_empty()).then(|| Span::of(&heads)))
}

struct Writer {
    out: Vec<u8>,
    index: Vec<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    kind: u8,
    part: u32,
    offset: u64,
    length: u64,
}

impl Writer {
    fn add(&mut self, kind: u8, part: u32, content: &[u8]) {
        let record = pack(kind, part, content);
        self.index.push(Place {
            kind,
            part,
            offset: self.out.len() as u64,
            length: record.len() as u64,
        });
        self.out.extend_from_slice(&record);
    }

    fn finish(mut self) -> Vec<u8> {
        let mut content = Vec::new();
        put(&mut content, self.index.len() as u64);
        for place in &self.index {
            content.push(place.kind);
            put(&mut content, u64::from(place.part));
            put(&mut content, place.offset);
            put(&mut content, place.length);
        }
        let offset = self.out.len() as u64;
        let record = pack(INDEX, 0, &content);
        let length = record.len() as u32;
        self.out.extend_from_slice(&record);
        self.out.extend_from_slice(&offset.to_le_bytes());
        self.out.extend_from_slice(&length.to_le_bytes());
        let sum = checksum(&offset.to_le_bytes(), &length.to_le_bytes());
        self.out.extend_from_slice(&sum.to_le_bytes());
        self.out
    }
}

/// A sealed segment, open for reading. Parts that are damaged are counted and left out.
#[derive(Debug)]
pub struct Sealed {
    source: Source,
    index: Vec<Place>,
    /// What it is.
    pub nature: Nature,
    /// The sums of the machine before its first stretch. `None`: not told.
    pub before: Option<Totals>,
    /// Its stretches.
    pub heads: Vec<Head>,
    damaged: Counter<u64>,
}

impl Sealed {
    /// Reads the index and the heads.
    ///
    /// # Errors
    /// When the file cannot be read. Damage is no error.
    pub fn open(source: Source) -> io::Result<Sealed> {
        let (index, damaged) = match read_index(&source) {
            Some(index) => (index, 0),
            None => find_parts(&source)?,
        };
        let mut sealed = Sealed {
            source,
            index,
            nature: Nature::default(),
            before: None,
            heads: Vec::new(),
            damaged: Counter::new(damaged),
        };
        let nature = sealed.first(NATURE, read_nature);
        let heads = sealed.first(HEADS, read_heads);
        if let (Some((nature, _, before)), Some(heads)) = (nature, heads) {
            (sealed.nature, sealed.before, sealed.heads) = (nature, before, heads);
        }
        Ok(sealed)
    }

    /// Damaged parts met so far.
    pub fn damaged(&self) -> u64 {
        self.damaged.get()
    }

    /// Numbers of the parts that hold processes.
    pub fn parts(&self) -> Vec<u32> {
        let cells = self.index.iter().filter(|place| place.kind == CELLS);
        cells.map(|place| place.part).collect()
    }

    /// By stretch, over all processes.
    pub fn sums(&self) -> Vec<Vec<Sum>> {
        self.first(HEADS, read_head_sums).unwrap_or_default()
    }

    /// Looks through the processes: who, in which part, whether with bytes. Those whose answer is
    /// `true` are returned.
    pub fn look(&self, mut wanted: impl FnMut(ProcessId, u32, bool) -> bool) -> Vec<Listed> {
        let end = self.heads.last().cloned().unwrap_or_default();
        // All of it is looked through before anyone is asked: of a damaged copy nothing is told.
        let read = self.read_owned(LIST, 0, |content| Ok((read_entries(&content)?, content)));
        match read {
            Some((entries, content)) => {
                let wanted = entries.iter().filter(|e| wanted(e.id, e.part, e.moved));
                let listed = wanted.filter_map(|entry| entry.listed(&content, &end).ok());
                listed.collect()
            }
            None => {
                let mut list = self.list_of_parts();
                list.retain(|one| wanted(one.id, one.part, !one.sums.is_empty()));
                list
            }
        }
    }

    /// All processes with their sums.
    pub fn list(&self) -> Vec<Listed> {
        let end = self.heads.last().cloned().unwrap_or_default();
        if let Some(list) = self.first(LIST, |content| read_list(content, &end)) {
            return list;
        }
        self.list_of_parts()
    }

    fn list_of_parts(&self) -> Vec<Listed> {
        let (mut list, mut spread) = (Vec::new(), Spread::default());
        for part in self.parts() {
            for column in self.part(part) {
                list.push(column.listed(part, &self.heads, self.nature.folded, &mut spread));
            }
        }
        list
    }

    /// The processes of one part, with what is known of them.
    pub fn part(&self, part: u32) -> Vec<Column> {
        self.joined(part, self.known(part))
    }

    /// The processes of one part; of what is known of them only their totals.
    pub fn counted(&self, part: u32) -> Vec<Column> {
        let totals = self.read(VERSIONS, part, read_version_totals);
        self.joined(part, totals.unwrap_or_default())
    }

    fn joined(&self, part: u32, mut known: Vec<Column>) -> Vec<Column> {
        let (heads, folded) = (&self.heads, self.nature.folded);
        let Some(mut columns) = self.read(CELLS, part, |c| read_cells(c, heads, folded)) else {
            return known;
        };
        for (column, known) in columns.iter_mut().zip(&mut known) {
            if column.id == known.id {
                column.versions = std::mem::take(&mut known.versions);
            }
        }
        columns
    }

    /// The bytes of one part, without what is known.
    pub fn cells(&self, part: u32) -> Vec<Column> {
        let (heads, folded) = (&self.heads, self.nature.folded);
        self.read(CELLS, part, |c| read_cells(c, heads, folded))
            .unwrap_or_default()
    }

    /// What is known of the processes of one part, without their bytes.
    pub fn known(&self, part: u32) -> Vec<Column> {
        self.known_of(part, |_| true)
    }

    /// The same, only of some.
    pub fn known_of(&self, part: u32, wanted: impl Fn(ProcessId) -> bool) -> Vec<Column> {
        self.read(VERSIONS, part, |content| read_versions(content, &wanted))
            .unwrap_or_default()
    }

    /// All of it.
    pub fn columns(&self) -> Columns {
        let parts = self.parts();
        Columns {
            nature: self.nature,
            before: self.before,
            heads: self.heads.clone(),
            processes: parts.iter().flat_map(|part| self.part(*part)).collect(),
            damaged: self.damaged(),
        }
    }

    fn read<T>(&self, kind: u8, part: u32, read: impl Fn(&[u8]) -> Read<T>) -> Option<T> {
        self.read_owned(kind, part, |content| read(&content))
    }

    fn read_owned<T>(&self, kind: u8, part: u32, read: impl Fn(Vec<u8>) -> Read<T>) -> Option<T> {
        let places = self.index.iter();
        for place in places.filter(|place| (place.kind, place.part) == (kind, part)) {
            let bytes = self.source.read(place.offset, place.length).ok();
            let content = bytes.and_then(|bytes| {
                let (found, number, content) = unpack(payload(&bytes)?).ok()?;
                ((found, number) == (kind, part)).then_some(content)
            });
            if let Some(value) = content.and_then(|content| read(content).ok()) {
                return Some(value);
            }
            self.damaged.set(self.damaged.get() + 1);
        }
        None
    }

    fn first<T>(&self, kind: u8, read: impl Fn(&[u8]) -> Read<T>) -> Option<T> {
        self.read(kind, 0, read)
    }
}

fn read_index(source: &Source) -> Option<Vec<Place>> {
    let size = source.size();
    let end = size.checked_sub(TRAILER as u64)?;
    let trailer = source.read(end, TRAILER as u64).ok()?;
    let expected = u32::from_le_bytes(trailer[12..].try_into().ok()?);
    if checksum(&trailer[..12], &[]) != expected {
        return None;
    }
    let offset = u64::from_le_bytes(trailer[..8].try_into().ok()?);
    let length = u32::from_le_bytes(trailer[8..12].try_into().ok()?);
    let bytes = source.read(offset, u64::from(length)).ok()?;
    let (kind, _, content) = unpack(payload(&bytes)?).ok()?;
    let mut reader = Reader(&content);
    let mut index = Vec::new();
    for _ in 0..reader.count().ok()? {
        index.push(Place {
            kind: reader.byte().ok()?,
            part: reader.small().ok()?,
            offset: reader.number().ok()?,
            length: reader.number().ok()?,
        });
    }
    (kind == INDEX).then_some(index)
}

/// The index is damaged: the parts are looked for.
fn find_parts(source: &Source) -> io::Result<(Vec<Place>, u64)> {
    let bytes = source.read(0, source.size())?;
    let (found, damaged) = scan(&bytes, PREAMBLE);
    let places = found.iter().filter_map(|(offset, payload)| {
        let (kind, part) = label(payload).ok()?;
        Some(Place {
            kind,
            part,
            offset: *offset as u64,
            length: (payload.len() + 10) as u64,
        })
    });
    // The trailer itself is no record.
    Ok((places.collect(), damaged.max(1)))
}
