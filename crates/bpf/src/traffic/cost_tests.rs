//! What counting costs who sends a datagram. On an emulator whose clock counts instructions (QEMU with
//! `-icount shift=0`: one a nanosecond) the figures are exact and the same on every machine.

use std::ffi::CString;
use std::fs;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::time::Duration;
use std::time::Instant;

use libbpf_rs::libbpf_sys;

use super::attach::tests::options;
use super::attach::tests::sent;
use super::Probe;
use crate::plan::Hook;
use crate::plan::Kind;

const SENDS: u32 = 20_000;

/// ns for one send of 64 bytes to a socket that nobody reads. The first fill its buffer, so that all
/// others go the same way.
fn send_takes() -> f64 {
    let target = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(target.local_addr().unwrap()).unwrap();
    let send = || socket.send(&[7; 64]).unwrap();
    for _ in 0..2_000 {
        send();
    }
    let begin = Instant::now();
    for _ in 0..SENDS {
        send();
    }
    begin.elapsed().as_nanos() as f64 / f64::from(SENDS)
}

/// A program that does nothing, at a place where one of ours would be. Dropping it removes it.
struct Empty {
    _event: OwnedFd,
    _program: OwnedFd,
}

impl Empty {
    fn at(hook: &Hook) -> Empty {
        let kprobe = hook.kind == Kind::Kprobe;
        let number = |path: String| -> u64 {
            let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
            text.trim().parse().unwrap()
        };
        let function = CString::new(hook.target).unwrap();
        let (kind, config, config1, program_type) = match kprobe {
            true => {
                let kind = number("/sys/bus/event_source/devices/kprobe/type".to_owned());
                (
                    kind,
                    0,
                    function.as_ptr() as u64,
                    libbpf_sys::BPF_PROG_TYPE_KPROBE,
                )
            }
            false => {
                let place = hook.target.replace(':', "/");
                let id = number(format!("/sys/kernel/tracing/events/{place}/id"));
                const PERF_TYPE_TRACEPOINT: u64 = 2;
                (
                    PERF_TYPE_TRACEPOINT,
                    id,
                    0,
                    libbpf_sys::BPF_PROG_TYPE_TRACEPOINT,
                )
            }
        };
        // r0 = 0; exit
        let nothing: [u64; 2] = [0xb7u64.to_le(), 0x95u64.to_le()];
        // SAFETY: name, license and instructions outlive the call; no options are given.
        let program = unsafe {
            libbpf_sys::bpf_prog_load(
                program_type,
                c"netmon_empty".as_ptr(),
                c"GPL".as_ptr(),
                nothing.as_ptr().cast(),
                nothing.len() as libbpf_sys::size_t,
                std::ptr::null_mut(),
            )
        };
        assert!(program >= 0, "load the empty program: {program}");
        // struct perf_event_attr: type and size, config, at 56 config1.
        let mut attributes = [0u64; 14];
        attributes[0] = kind | (size_of_val(&attributes) as u64) << 32;
        attributes[1] = config;
        attributes[7] = config1;
        const ANY_PROCESS: libc::c_int = -1;
        const NO_GROUP: libc::c_int = -1;
        const CLOSE_ON_EXEC: libc::c_ulong = 8;
        // SAFETY: the attributes, and the name that they point to, outlive the call.
        let event = unsafe {
            libc::syscall(
                libc::SYS_perf_event_open,
                attributes.as_ptr(),
                ANY_PROCESS,
                0,
                NO_GROUP,
                CLOSE_ON_EXEC,
            )
        };
        assert!(event >= 0, "{}", std::io::Error::last_os_error());
        // SAFETY: both are new and ours.
        let (event, program) = unsafe {
            (
                OwnedFd::from_raw_fd(event as libc::c_int),
                OwnedFd::from_raw_fd(program),
            )
        };
        const SET_BPF: libc::c_ulong = 0x4004_2408;
        const ENABLE: libc::c_ulong = 0x2400;
        for (request, value) in [(SET_BPF, program.as_raw_fd()), (ENABLE, 0)] {
            // SAFETY: these requests take a number.
            let done = unsafe { libc::ioctl(event.as_raw_fd(), request as _, value) };
            assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
        }
        Empty {
            _event: event,
            _program: program,
        }
    }
}

/// Where a datagram of a connected IPv4 socket is counted when it is sent, in each set.
const COUNTS_IT: [&str; 3] = ["call_tx", "udp_skb_tx4", "inet_tx4"];

#[test]
#[ignore = "a measurement: scripts/kernels --cost"]
fn what_a_send_costs() {
    let Some(options) = options("cost") else {
        return;
    };
    let mut probe = Probe::start(&options).unwrap();
    let (set, hooks) = (probe.hook_set(), probe.hooks());
    let counted = send_takes();
    assert!(sent(&mut probe).1 >= u64::from(SENDS), "they were counted");
    drop(probe);
    drop(options);
    // The kernel detaches programs some time after their pins are gone.
    std::thread::sleep(Duration::from_secs(2));
    let none = send_takes();
    let place = hooks.iter().map(|state| state.hook);
    let place = place
        .filter(|hook| matches!(hook.kind, Kind::Tracepoint | Kind::Kprobe))
        .find(|hook| COUNTS_IT.contains(&hook.program));
    let empty = place.map(|hook| {
        let _empty = Empty::at(&hook);
        send_takes()
    });
    eprintln!("COST {set} none {none:.0}");
    eprintln!("COST {set} counting {counted:.0}");
    match empty {
        Some(empty) => eprintln!("COST {set} empty {empty:.0}"),
        None => eprintln!("SKIPPED: the set has no classic hook to put an empty program at"),
    }
}
