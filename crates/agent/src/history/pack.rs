//! The parts of a sealed segment as bytes: columns of numbers, close to each other what is alike,
//! then compressed.

use std::sync::Arc;

use netmon_bpf::abi::ProcessId;

use super::columns::Cell;
use super::columns::Column;
use super::columns::Listed;
use super::columns::Version;
use super::known::put_id;
use super::known::put_known;
use super::known::put_sums;
use super::known::read_id;
use super::known::read_known;
use super::known::read_sums;
use super::known::read_totals;
use super::known::skip_sums;
use super::known::unknown;
use super::piece::put_extra;
use super::piece::put_head;
use super::piece::read_extra;
use super::piece::read_head;
use super::piece::skip_extra;
use super::piece::Head;
use super::record::record;
use super::varint::put;
use super::varint::Malformed;
use super::varint::Read;
use super::varint::Reader;
use super::Known;
use super::Sum;

/// No part is larger when it is unpacked: more is not one of ours.
const MOST_UNPACKED: usize = 256 << 20;

/// A record of a kind of part, its number, and its content compressed.
pub fn pack(kind: u8, part: u32, content: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    put(&mut out, u64::from(part));
    put(&mut out, content.len() as u64);
    out.extend_from_slice(&lz4_flex::block::compress(content));
    record(&out)
}

/// Kind, number and content of a payload that [`pack`] made.
pub fn unpack(payload: &[u8]) -> Read<(u8, u32, Vec<u8>)> {
    let mut reader = Reader(payload);
    let (kind, part) = (reader.byte()?, reader.small()?);
    let length = usize::try_from(reader.number()?).map_err(|_| Malformed)?;
    // The format cannot compress further than this.
    if length > MOST_UNPACKED.min(reader.0.len().saturating_mul(256)) {
        return Err(Malformed);
    }
    let content = lz4_flex::block::decompress(reader.0, length).map_err(|_| Malformed)?;
    Ok((kind, part, content))
}

/// Kind and number of a payload, without its content.
pub fn label(payload: &[u8]) -> Read<(u8, u32)> {
    let mut reader = Reader(payload);
    Ok((reader.byte()?, reader.small()?))
}

/// Heads, each with the sums over all processes.
pub fn put_heads(heads: &[Head], sums: &[Vec<Sum>]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, heads.len() as u64);
    let mut base = &Head::default();
    for (head, sums) in heads.iter().zip(sums) {
        put_head(&mut out, head, base);
        put_sums(&mut out, sums);
        base = head;
    }
    out
}

/// Reads the heads of what [`put_heads`] wrote.
pub fn read_heads(content: &[u8]) -> Read<Vec<Head>> {
    let mut heads = Vec::new();
    each_head(content, |head, reader| {
        heads.push(head);
        skip_sums(reader).map(|_| ())
    })?;
    Ok(heads)
}

/// Reads the sums of what [`put_heads`] wrote.
pub fn read_head_sums(content: &[u8]) -> Read<Vec<Vec<Sum>>> {
    let mut all = Vec::new();
    each_head(content, |_, reader| {
        all.push(read_sums(reader)?);
        Ok(())
    })?;
    Ok(all)
}

fn each_head(content: &[u8], mut take: impl FnMut(Head, &mut Reader) -> Read<()>) -> Read<()> {
    let mut reader = Reader(content);
    let (mut base, count) = (Head::default(), reader.count()?);
    for index in 0..count {
        let head = read_head(&mut reader, &base)?;
        if index > 0 && head.first <= base.last {
            return Err(Malformed);
        }
        base = head.clone();
        take(head, &mut reader)?;
    }
    Ok(())
}

/// What is known of some processes.
pub fn put_versions(columns: &[Column]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, columns.len() as u64);
    for column in columns {
        put_id(&mut out, column.id);
        let mut versions = Vec::new();
        put(&mut versions, column.versions.len() as u64);
        for version in &column.versions {
            put(&mut versions, u64::from(version.after));
            put_known(&mut versions, &version.known);
        }
        // With its length, to be skipped by whoever looks for another.
        put(&mut out, versions.len() as u64);
        out.extend_from_slice(&versions);
    }
    out
}

/// Reads what [`put_versions`] wrote of processes that are asked for, as columns without bytes.
pub fn read_versions(content: &[u8], wanted: impl Fn(ProcessId) -> bool) -> Read<Vec<Column>> {
    versions(content, wanted, read_known)
}

/// Of all processes, their totals only.
pub fn read_version_totals(content: &[u8]) -> Read<Vec<Column>> {
    let nobody = Arc::new(unknown(ProcessId { pid: 0, start: 0 }));
    versions(content, |_| true, |reader| read_totals(reader, &nobody))
}

fn versions(
    content: &[u8],
    wanted: impl Fn(ProcessId) -> bool,
    read: impl Fn(&mut Reader) -> Read<Known>,
) -> Read<Vec<Column>> {
    let mut all = Reader(content);
    let mut columns = Vec::new();
    for _ in 0..all.count()? {
        let mut column = Column::new(read_id(&mut all)?);
        let length = all.count()?;
        let mut reader = Reader(all.bytes(length)?);
        if !wanted(column.id) {
            continue;
        }
        for _ in 0..reader.count()? {
            let after = reader.small()?;
            let known = read(&mut reader)?;
            column.versions.push(Version { after, known });
        }
        columns.push(column);
    }
    Ok(columns)
}

/// The bytes of some processes.
pub fn put_cells(columns: &[Column], heads: &[Head], folded: bool) -> Vec<u8> {
    let (mut shape, mut places) = (Vec::new(), Vec::new());
    let (mut rx, mut tx, mut extras) = (Vec::new(), Vec::new(), Vec::new());
    put(&mut shape, columns.len() as u64);
    for column in columns {
        put_id(&mut shape, column.id);
        let kinds: Vec<&[Cell]> = column.cells.chunk_by(|a, b| a.kind == b.kind).collect();
        put(&mut shape, kinds.len() as u64);
        for cells in kinds {
            shape.push(cells.first().map_or(0, |cell| cell.kind));
            put(&mut shape, cells.len() as u64);
            let mut next = 0;
            for cell in cells {
                put(&mut places, u64::from(cell.at - next));
                next = cell.at + 1;
                put(&mut rx, cell.rx);
                put(&mut tx, cell.tx);
            }
        }
        if folded {
            put(&mut shape, column.extras.len() as u64);
            for (at, extra) in &column.extras {
                put(&mut extras, u64::from(*at));
                put_extra(&mut extras, extra, &heads[*at as usize]);
            }
        }
    }
    let mut out = Vec::new();
    for stream in [&shape, &places, &rx, &tx] {
        put(&mut out, stream.len() as u64);
    }
    for stream in [&shape, &places, &rx, &tx, &extras] {
        out.extend_from_slice(stream);
    }
    out
}

/// Reads what [`put_cells`] wrote, as columns without versions.
pub fn read_cells(content: &[u8], heads: &[Head], folded: bool) -> Read<Vec<Column>> {
    let mut reader = Reader(content);
    let lengths = [(); 4].map(|()| reader.count());
    let mut stream = |length: Read<usize>| Ok(Reader(reader.bytes(length?)?));
    let [shape, places, rx, tx] = lengths;
    let (mut shape, mut places) = (stream(shape)?, stream(places)?);
    let (mut rx, mut tx) = (stream(rx)?, stream(tx)?);
    let mut extras = reader;
    let mut columns = Vec::new();
    for _ in 0..shape.count()? {
        let mut column = Column::new(read_id(&mut shape)?);
        for _ in 0..shape.count()? {
            let kind = shape.byte()?;
            let cells = usize::try_from(shape.number()?).map_err(|_| Malformed)?;
            if kind > 7 || cells > heads.len() {
                return Err(Malformed);
            }
            column.cells.reserve(cells);
            let mut next = 0u32;
            for _ in 0..cells {
                let at = next.checked_add(places.small()?).ok_or(Malformed)?;
                if at as usize >= heads.len() {
                    return Err(Malformed);
                }
                next = at + 1;
                let (rx, tx) = (rx.number()?, tx.number()?);
                column.cells.push(Cell { at, kind, rx, tx });
            }
        }
        if folded {
            for _ in 0..shape.number()? {
                let at = extras.small()?;
                let head = heads.get(at as usize).ok_or(Malformed)?;
                column.extras.push((at, read_extra(&mut extras, head)?));
            }
        }
        columns.push(column);
    }
    Ok(columns)
}

/// Sums of all processes over the segment.
pub fn put_list(list: &[Listed], end: &Head) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, list.len() as u64);
    for one in list {
        put_id(&mut out, one.id);
        put(&mut out, u64::from(one.part));
        put_sums(&mut out, &one.sums);
        put_sums(&mut out, &one.totals);
        put_extra(&mut out, &one.extra, end);
    }
    out
}

/// Reads what [`put_list`] wrote.
pub fn read_list(content: &[u8], end: &Head) -> Read<Vec<Listed>> {
    let entries = read_entries(content)?;
    let listed = entries.iter().map(|entry| entry.listed(content, end));
    listed.collect()
}

/// A process in a list whose sums were left out so far.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Who.
    pub id: ProcessId,
    /// As in [`Listed::part`].
    pub part: u32,
    /// There are sums.
    pub moved: bool,
    /// Where its sums are.
    at: usize,
}

impl Entry {
    /// With its sums, from the same content.
    pub fn listed(&self, content: &[u8], end: &Head) -> Read<Listed> {
        let mut reader = Reader(content.get(self.at..).ok_or(Malformed)?);
        Ok(Listed {
            id: self.id,
            part: self.part,
            sums: read_sums(&mut reader)?,
            totals: read_sums(&mut reader)?,
            extra: read_extra(&mut reader, end)?,
        })
    }
}

/// Looks through what [`put_list`] wrote.
pub fn read_entries(content: &[u8]) -> Read<Vec<Entry>> {
    let mut reader = Reader(content);
    let mut entries = Vec::new();
    for _ in 0..reader.count()? {
        let (id, part) = (read_id(&mut reader)?, reader.small()?);
        let at = content.len() - reader.0.len();
        let moved = skip_sums(&mut reader)?;
        skip_sums(&mut reader)?;
        skip_extra(&mut reader)?;
        entries.push(Entry {
            id,
            part,
            moved,
            at,
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_bytes_are_unpacked_or_refused(bytes: Vec<u8>, stretches in 0..5usize, folded: bool) {
            let heads = vec![Head::default(); stretches];
            let _ = unpack(&bytes);
            let _ = read_heads(&bytes);
            let _ = read_head_sums(&bytes);
            let _ = read_versions(&bytes, |_| true);
            let _ = read_version_totals(&bytes);
            let _ = read_list(&bytes, &Head::default());
            let _ = read_cells(&bytes, &heads, folded);
            let packed = pack(7, 3, &bytes);
            let payload = crate::history::record::payload(&packed).unwrap();
            prop_assert_eq!(unpack(payload), Ok((7, 3, bytes)));
        }
    }
}
