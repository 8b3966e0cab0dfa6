//! What is known of a process, as bytes: facts, totals and peaks.

use std::sync::Arc;

use netmon_bpf::abi::ProcessId;

use super::varint::put;
use super::varint::put_difference;
use super::varint::put_text;
use super::varint::Malformed;
use super::varint::Read;
use super::varint::Reader;
use super::Known;
use super::Sum;
use crate::cgroup::Cgroup;
use crate::process::Exit;
use crate::process::Facts;
use crate::rate::Peak;
use crate::rate::Peaks;

const HAS_EXE: u8 = 1;
const HAS_CGROUP: u8 = 2;
const ARGS_CUT: u8 = 4;
const HAS_EXIT: u8 = 8;
const HAS_STATUS: u8 = 16;

/// Appends facts, totals and peaks. Times are written as distance from the start of the process.
pub fn put_known(out: &mut Vec<u8>, known: &Known) {
    let facts = &*known.facts;
    put_id(out, facts.id);
    let mut flags = u8::from(facts.exe.is_some()) * HAS_EXE;
    flags |= u8::from(facts.cgroup.is_some()) * HAS_CGROUP;
    flags |= u8::from(facts.args_cut) * ARGS_CUT;
    flags |= u8::from(facts.exit.is_some()) * HAS_EXIT;
    let status = facts.exit.and_then(|exit| exit.status);
    flags |= u8::from(status.is_some()) * HAS_STATUS;
    out.push(flags);
    put_difference(out, facts.first_seen, facts.id.start);
    put(out, u64::from(facts.parent));
    put(out, u64::from(facts.uid));
    put_text(out, &facts.parent_name);
    put_text(out, &facts.name);
    if let Some(exe) = &facts.exe {
        put_text(out, exe);
    }
    if let Some(cgroup) = &facts.cgroup {
        put_text(out, cgroup);
    }
    put(out, facts.args.len() as u64);
    for arg in &facts.args {
        put_text(out, arg);
    }
    if let Some(exit) = facts.exit {
        put_difference(out, exit.time, facts.id.start);
    }
    if let Some(status) = status {
        put(out, u64::from(status as u32));
    }
    put_sums(out, &known.totals);
    put_peaks(
        out,
        &[known.peaks, known.peaks_with_loopback],
        facts.id.start,
    );
}

/// Reads what [`put_known`] wrote.
pub fn read_known(reader: &mut Reader) -> Read<Known> {
    let id = read_id(reader)?;
    let flags = reader.byte()?;
    let has = |flag: u8| flags & flag != 0;
    let first_seen = reader.difference(id.start)?;
    let (parent, uid) = (reader.small()?, reader.small()?);
    let parent_name = reader.text()?.to_owned();
    let name = reader.text()?.to_owned();
    let exe = has(HAS_EXE).then(|| reader.text()).transpose()?;
    let cgroup = has(HAS_CGROUP).then(|| reader.text()).transpose()?;
    let mut args = Vec::new();
    for _ in 0..reader.count()? {
        args.push(reader.text()?.to_owned());
    }
    let ended = has(HAS_EXIT)
        .then(|| reader.difference(id.start))
        .transpose()?;
    let status = has(HAS_STATUS).then(|| reader.small()).transpose()?;
    let exit = ended.map(|time| Exit {
        time,
        status: status.map(|status| status as i32),
    });
    let totals = read_sums(reader)?;
    let [peaks, peaks_with_loopback] = read_peaks(reader, id.start)?;
    Ok(Known {
        facts: Arc::new(Facts {
            id,
            first_seen,
            parent,
            parent_name,
            uid,
            name,
            exe: exe.map(str::to_owned),
            args,
            args_cut: has(ARGS_CUT),
            cgroup: cgroup.map(Cgroup::new),
            exit,
        }),
        totals,
        peaks,
        peaks_with_loopback,
    })
}

/// Of a process whose description is not there.
pub fn unknown(id: ProcessId) -> Facts {
    Facts {
        id,
        first_seen: id.start,
        parent: 0,
        parent_name: String::new(),
        uid: u32::MAX,
        name: String::new(),
        exe: None,
        args: Vec::new(),
        args_cut: false,
        cgroup: None,
        exit: None,
    }
}

/// Reads the totals of what [`put_known`] wrote, and leaves out the rest: `facts` take its place, and
/// there are no peaks.
pub fn read_totals(reader: &mut Reader, facts: &Arc<Facts>) -> Read<Known> {
    read_id(reader)?;
    let flags = reader.byte()?;
    let texts = [HAS_EXE, HAS_CGROUP]
        .iter()
        .filter(|flag| flags & **flag != 0);
    // When it was first seen, its parent, its user.
    reader.skip(3)?;
    for _ in 0..2 + texts.count() {
        reader.skip_text()?;
    }
    for _ in 0..reader.count()? {
        reader.skip_text()?;
    }
    reader.skip((flags & (HAS_EXIT | HAS_STATUS)).count_ones() as usize)?;
    let totals = read_sums(reader)?;
    skip_peaks(reader)?;
    Ok(Known {
        facts: Arc::clone(facts),
        totals,
        peaks: Peaks::default(),
        peaks_with_loopback: Peaks::default(),
    })
}

/// Appends an identity.
pub fn put_id(out: &mut Vec<u8>, id: ProcessId) {
    put(out, u64::from(id.pid));
    put(out, id.start);
}

/// Reads what [`put_id`] wrote.
pub fn read_id(reader: &mut Reader) -> Read<ProcessId> {
    Ok(ProcessId {
        pid: reader.small()?,
        start: reader.number()?,
    })
}

/// Appends sums, at most one of each kind.
pub fn put_sums(out: &mut Vec<u8>, sums: &[Sum]) {
    let mask = sums
        .iter()
        .fold(0u8, |mask, sum| mask | 1 << (sum.kind & 7));
    out.push(mask);
    for kind in (0..8).filter(|kind| mask >> kind & 1 == 1) {
        for sum in sums.iter().filter(|sum| sum.kind == kind) {
            put(out, sum.rx);
            put(out, sum.tx);
        }
    }
}

/// Reads what [`put_sums`] wrote, in the order of kinds.
pub fn read_sums(reader: &mut Reader) -> Read<Vec<Sum>> {
    let mask = reader.byte()?;
    let mut sums = Vec::with_capacity(mask.count_ones() as usize);
    for kind in (0..8).filter(|kind| mask >> kind & 1 == 1) {
        let (rx, tx) = (reader.number()?, reader.number()?);
        sums.push(Sum { kind, rx, tx });
    }
    Ok(sums)
}

/// Leaves out what [`put_sums`] wrote. `true`: there was something.
pub fn skip_sums(reader: &mut Reader) -> Read<bool> {
    let mask = reader.byte()?;
    reader.skip(2 * mask.count_ones() as usize)?;
    Ok(mask != 0)
}

/// Without and with loopback: most processes have the same in both.
const SAME: u8 = 0x40;

/// Appends peaks without and with loopback; times close to `base` are short.
pub fn put_peaks(out: &mut Vec<u8>, peaks: &[Peaks; 2], base: u64) {
    let same = peaks[0] == peaks[1];
    let told = if same { &peaks[..1] } else { &peaks[..] };
    let mut flags = u8::from(same) * SAME;
    for (index, peak) in told.iter().flat_map(sides).enumerate() {
        flags |= u8::from(peak != Peak::default()) << index;
    }
    out.push(flags);
    for peak in told.iter().flat_map(sides) {
        if peak != Peak::default() {
            put(out, peak.rate);
            put_difference(out, peak.time, base);
        }
    }
}

/// Reads what [`put_peaks`] wrote.
pub fn read_peaks(reader: &mut Reader, base: u64) -> Read<[Peaks; 2]> {
    let flags = reader.byte()?;
    let mut read = [Peak::default(); 6];
    for (index, peak) in read.iter_mut().enumerate() {
        if flags >> index & 1 == 1 {
            peak.rate = reader.number()?;
            peak.time = reader.difference(base)?;
        }
    }
    let [rx, tx, sum, all_rx, all_tx, all_sum] = read;
    let first = Peaks { rx, tx, sum };
    let second = Peaks {
        rx: all_rx,
        tx: all_tx,
        sum: all_sum,
    };
    match flags & SAME {
        0 => Ok([first, second]),
        _ if flags & 0x38 != 0 => Err(Malformed),
        _ => Ok([first, first]),
    }
}

/// Leaves out what [`put_peaks`] wrote.
pub fn skip_peaks(reader: &mut Reader) -> Read<()> {
    let flags = reader.byte()?;
    reader.skip(2 * (flags & 0x3f).count_ones() as usize)
}

fn sides(peaks: &Peaks) -> [Peak; 3] {
    [peaks.rx, peaks.tx, peaks.sum]
}
