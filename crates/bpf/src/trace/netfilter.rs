//! The netfilter program and its hooks in every network namespace.

use std::collections::HashMap;
use std::io;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;

use libbpf_rs::libbpf_sys;

use super::namespaces;

/// Hook numbers of netfilter, in the order of the points.
const HOOKS: [u32; 4] = [0, 1, 3, 4];
const POST_ROUTING: u32 = 4;
const FAMILIES: [u32; 2] = [libc::NFPROTO_IPV4 as u32, libc::NFPROTO_IPV6 as u32];
/// Before everything that may change or drop a packet, except where it leaves: there after it. Two
/// programs of one hook cannot have the same priority, so there are others to fall back on.
const EARLY: i32 = -450;
const LATE: i32 = 450;
const ATTEMPTS: i32 = 8;

/// The links of each namespace.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    links: HashMap<u64, Vec<OwnedFd>>,
}

/// For each of the four points: hooked for at least one family, or why not.
pub(super) type Outcome = [Result<(), io::Error>; 4];

impl Hooks {
    /// Hooks the namespace of this process; the outcome there is that of the points.
    pub(super) fn attach_here(&mut self, program: RawFd) -> Outcome {
        let (links, outcome) = attach(program);
        if let Ok(own) = std::fs::metadata("/proc/self/ns/net") {
            self.links.insert(own.ino(), links);
        }
        outcome
    }

    /// Hooks namespaces that are new, and lets go of those that nobody is in: a hook would keep them.
    pub(super) fn follow(&mut self, program: RawFd) {
        let present = namespaces::present();
        self.links.retain(|inode, _| present.contains_key(inode));
        for (inode, path) in present {
            if self.links.contains_key(&inode) {
                continue;
            }
            let entered = namespaces::open(inode, &path);
            let hooked = entered.and_then(|file| namespaces::inside(file, move || attach(program)));
            let links = hooked.map(|(links, outcome)| {
                for error in outcome.into_iter().filter_map(Result::err) {
                    tracing::debug!(inode, %error, "cannot hook netfilter in a network namespace");
                }
                links
            });
            let refused = |error: &io::Error| {
                tracing::debug!(inode, %error, "cannot enter a network namespace");
            };
            // Not tried again as long as it is there.
            let links = links.inspect_err(refused).unwrap_or_default();
            self.links.insert(inode, links);
        }
    }
}

fn attach(program: RawFd) -> (Vec<OwnedFd>, Outcome) {
    let mut links = Vec::new();
    let outcome = HOOKS.map(|hook| {
        let mut first = None;
        let mut hooked = false;
        for family in FAMILIES {
            match attach_one(program, hook, family) {
                Ok(link) => {
                    links.push(link);
                    hooked = true;
                }
                Err(error) => first = first.or(Some(error)),
            }
        }
        match first {
            Some(error) if !hooked => Err(error),
            _ => Ok(()),
        }
    });
    (links, outcome)
}

fn attach_one(program: RawFd, hook: u32, family: u32) -> io::Result<OwnedFd> {
    let (first, step) = match hook {
        POST_ROUTING => (LATE, 1),
        _ => (EARLY, -1),
    };
    let mut taken = io::Error::from_raw_os_error(libc::EBUSY);
    for attempt in 0..ATTEMPTS {
        let mut options = libbpf_sys::bpf_link_create_opts {
            sz: size_of::<libbpf_sys::bpf_link_create_opts>() as libbpf_sys::size_t,
            ..Default::default()
        };
        options.__bindgen_anon_1.netfilter.pf = family;
        options.__bindgen_anon_1.netfilter.hooknum = hook;
        options.__bindgen_anon_1.netfilter.priority = first + step * attempt;
        // SAFETY: the options say their size and outlive the call; the descriptor is a program's.
        let link =
            unsafe { libbpf_sys::bpf_link_create(program, 0, libbpf_sys::BPF_NETFILTER, &options) };
        if link >= 0 {
            // SAFETY: the kernel has just made this descriptor, and nobody else has it.
            return Ok(unsafe { OwnedFd::from_raw_fd(link) });
        }
        taken = io::Error::from_raw_os_error(-link);
        if taken.raw_os_error() != Some(libc::EBUSY) {
            break;
        }
    }
    Err(taken)
}
