//! What this kernel has for a packet trace, found out without attaching anything.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;

use libbpf_rs::btf::types::Enum;
use libbpf_rs::btf::types::Func;
use libbpf_rs::btf::types::Struct;
use libbpf_rs::btf::types::Typedef;
use libbpf_rs::btf::Btf;

use super::point::Kind;
use super::point::TABLE;
use crate::error::Error;
use crate::error::Result;
use crate::preemption;
use crate::preemption::Preemption;

/// Where a raw tracepoint (here: one whose arguments have types, a BTF tracepoint) misses nothing that a
/// classic one sees: a program that is put aside keeps itself from running for all others on its CPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Raw {
    /// They may run inside themselves, before 6.1, or softirqs are put aside too (real time).
    #[default]
    Nowhere,
    /// Where softirqs are off, or in one.
    Softirqs,
    /// This kernel puts nothing aside.
    Everywhere,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Tracepoints of the table.
    pub tracepoints: HashSet<&'static str>,
    /// Functions of the table that exist under their own name. The compiler may have made others a
    /// part of their callers.
    pub functions: HashSet<&'static str>,
    /// Entries of functions can be hooked at all.
    pub kprobes: bool,
    /// Programs can be netfilter hooks (6.4).
    pub netfilter: bool,
    /// Where programs may be raw tracepoints.
    pub raw: Raw,
    /// The record of tracepoint tcp_probe says which buffer it is about (6.8).
    pub probe_tells_buffer: bool,
    /// `enum skb_drop_reason`: numbers and words. Empty: the kernel tells no reason (5.17).
    pub drop_reasons: BTreeMap<u32, String>,
}

const BTF: &str = "/sys/kernel/btf/vmlinux";
const SYMBOLS: &str = "/proc/kallsyms";
const KPROBES: &str = "/sys/bus/event_source/devices/kprobe";
/// A function that came (6.2) after raw tracepoints were kept from running inside themselves (6.1).
const SINCE_RAW_IS_GUARDED: &str = "bpf_rdonly_cast";
const REASON_PREFIX: &str = "SKB_DROP_REASON_";

impl Facts {
    /// Looks. Takes some ten milliseconds for the type information and some ten more for the names of
    /// all functions.
    ///
    /// # Errors
    /// [`Error::NoBtf`] when the kernel has no type information.
    pub fn find_out() -> Result<Facts> {
        if !Path::new(BTF).exists() {
            return Err(Error::NoBtf);
        }
        let btf = Btf::from_path(BTF).map_err(|_| Error::NoBtf)?;
        let names = |kind| TABLE.iter().filter(move |p| p.kind == kind).map(|p| p.name);
        let tracepoint = |name: &&str| {
            let typedef = format!("btf_trace_{name}");
            btf.type_by_name::<Typedef<'_>>(&typedef).is_some()
        };
        let probe = btf.type_by_name::<Struct<'_>>("trace_event_raw_tcp_probe");
        let tells = |record: Struct<'_>| {
            let named = |name: &str| record.iter().any(|m| m.name.is_some_and(|n| n == name));
            named("skbaddr") && named("skaddr")
        };
        let guarded = btf.type_by_name::<Func<'_>>(SINCE_RAW_IS_GUARDED).is_some();
        let kprobes = Path::new(KPROBES).exists();
        Ok(Facts {
            tracepoints: names(Kind::Tracepoint).filter(tracepoint).collect(),
            functions: if kprobes {
                functions(&names(Kind::Kprobe).collect())
            } else {
                HashSet::new()
            },
            kprobes,
            netfilter: btf.type_by_name::<Struct<'_>>("bpf_nf_ctx").is_some(),
            raw: match Preemption::find_out() {
                _ if !guarded || preemption::is_real_time() => Raw::Nowhere,
                Preemption::Never => Raw::Everywhere,
                Preemption::Always | Preemption::Unknown => Raw::Softirqs,
            },
            probe_tells_buffer: probe.is_some_and(tells),
            drop_reasons: reasons(&btf),
        })
    }
}

impl Facts {
    /// The kernel's word for a reason of a drop. A subsystem's own reason is told as number.
    pub fn drop_reason(&self, number: u32) -> String {
        let known = self.drop_reasons.get(&number);
        known.cloned().unwrap_or_else(|| format!("{number:#x}"))
    }
}

fn reasons(btf: &Btf<'_>) -> BTreeMap<u32, String> {
    let Some(all) = btf.type_by_name::<Enum<'_>>("skb_drop_reason") else {
        return BTreeMap::new();
    };
    let word = |name: &str| name.strip_prefix(REASON_PREFIX).unwrap_or(name).to_owned();
    all.iter()
        .filter_map(|member| Some((member.value as u32, word(member.name?.to_str()?))))
        .collect()
}

/// Which of `wanted` are functions of the kernel.
fn functions(wanted: &HashSet<&'static str>) -> HashSet<&'static str> {
    let Ok(file) = std::fs::File::open(SYMBOLS) else {
        return HashSet::new();
    };
    let mut reader = BufReader::with_capacity(64 << 10, file);
    let (mut found, mut line) = (HashSet::new(), String::new());
    while found.len() < wanted.len() {
        line.clear();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        // address type name [module]
        let mut words = line.split_ascii_whitespace().skip(1);
        if let (Some("t" | "T"), Some(name)) = (words.next(), words.next()) {
            found.extend(wanted.get(name));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_has_something() {
        if !Path::new(BTF).exists() {
            eprintln!("SKIPPED: this kernel has no BTF");
            return;
        }
        let facts = Facts::find_out().unwrap();
        assert!(facts.tracepoints.contains("netif_receive_skb"));
        let told = facts.drop_reasons.values();
        eprintln!("{} reasons of drops, {facts:?}", told.count());
    }
}
