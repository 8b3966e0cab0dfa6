//! Who did it: forks, threads, exec, handed-over sockets, reused pids, lives of a millisecond.

use std::io::IoSlice;
use std::io::IoSliceMut;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::recvmsg;
use nix::sys::socket::sendmsg;
use nix::sys::socket::socketpair;
use nix::sys::socket::AddressFamily;
use nix::sys::socket::ControlMessage;
use nix::sys::socket::ControlMessageOwned;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::SockFlag;
use nix::sys::socket::SockType;
use nix::unistd::Pid;
use serde::Deserialize;
use serde::Serialize;

use super::Case;
use super::V4;
use crate::selftest::ends::Outcome;
use crate::selftest::ends::Stop;
use crate::selftest::side::print;
use crate::selftest::side::reap;
use crate::selftest::side::Listener;
use crate::selftest::side::Side;
use crate::selftest::socket::Socket;
use crate::selftest::syscalls;
use crate::selftest::truth::Entry;
use crate::selftest::truth::Transport;

/// The cases of this theme.
pub const CASES: &[Case] = &[
    Case::new(
        "fork_shared",
        "two processes on one connection",
        shared_client,
        shared_server,
    ),
    Case::new(
        "scm_rights",
        "another process reads",
        rights_client,
        rights_server,
    ),
    Case::new(
        "threads",
        "threads are one process",
        threads_client,
        threads_server,
    ),
    Case::new(
        "thread_name",
        "the row keeps the leader's name",
        named_client,
        drain,
    )
    .over(V4),
    Case::new("exec_renames", "same row, new name", exec_client, drain).over(V4),
    Case::new(
        "leader_exits",
        "another thread goes on",
        leader_client,
        drain,
    ),
    Case::new(
        "pid_reused",
        "two processes, one pid",
        reuse_client,
        reuse_server,
    )
    .over(V4)
    .alone(),
    Case::new(
        "short_lived",
        "100 lives of a millisecond",
        short_client,
        short_server,
    ),
];

fn drain(side: &Side) -> Outcome {
    side.accept()?.receive_to_end()?;
    Ok(())
}

fn shared_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    let child = side.fork("client fork", || {
        socket.send_all(&[2; 2000])?;
        Ok(socket.receive_exactly(2500)?)
    })?;
    socket.send_all(&[1; 1000])?;
    reap(child)?;
    Ok(socket.receive_exactly(2777)?)
}

fn shared_server(side: &Side) -> Outcome {
    let socket = side.accept()?;
    socket.receive_exactly(3000)?;
    Ok(socket.send_all(&[3; 5277])?)
}

fn rights_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    socket.receive_exactly(100)?;
    socket.send_all(&[1; 44_000])?;
    Ok(())
}

fn rights_server(side: &Side) -> Outcome {
    let (giver, taker) = socketpair(
        AddressFamily::Unix,
        SockType::Stream,
        None,
        SockFlag::SOCK_CLOEXEC,
    )?;
    let receiver = side.fork("receiver", || {
        let fd = take(&taker)?;
        let socket = Socket::new(fd, Transport::Tcp, side.other(), side.tally.clone());
        socket.receive_to_end()?;
        Ok(())
    })?;
    let socket = side.accept()?;
    socket.send_all(&[2; 100])?;
    let numbers = [socket.fd().as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&numbers)];
    let parts = [IoSlice::new(b"x")];
    sendmsg::<()>(giver.as_raw_fd(), &parts, &rights, MsgFlags::empty(), None)?;
    drop(socket);
    reap(receiver)
}

fn take(from: &OwnedFd) -> Result<OwnedFd, Stop> {
    let mut space = nix::cmsg_space!(i32);
    let mut byte = [0; 1];
    let mut parts = [IoSliceMut::new(&mut byte)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(from.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = part {
            let number = numbers
                .first()
                .ok_or_else(|| Stop::fail("no socket was handed over"))?;
            return Ok(syscalls::duplicate(*number)?);
        }
    }
    Err(Stop::fail("no socket was handed over"))
}

const THREADS: usize = 4;

fn threads_client(side: &Side) -> Outcome {
    let port = side.hear_port()?;
    thread::scope(|scope| {
        let threads: Vec<_> = (1..=THREADS)
            .map(|number| {
                scope.spawn(move || -> Outcome {
                    let socket = side.open(libc::SOCK_STREAM, 0)?;
                    side.join(&socket, port)?;
                    socket.send_all(&vec![1; 1001 * number])?;
                    socket.finish()?;
                    Ok(socket.receive_to_end().map(drop)?)
                })
            })
            .collect();
        threads.into_iter().try_for_each(joined)
    })
}

fn threads_server(side: &Side) -> Outcome {
    let listener = Listener::open(side, 0)?;
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for _ in 0..THREADS {
            let socket = listener.accept(side)?;
            threads.push(scope.spawn(move || -> Outcome {
                let received = socket.receive_to_end()?;
                Ok(socket.send_all(&vec![2; received / 2])?)
            }));
        }
        threads.into_iter().try_for_each(joined)
    })
}

fn joined(thread: thread::ScopedJoinHandle<'_, Outcome>) -> Outcome {
    thread
        .join()
        .unwrap_or_else(|_| Err(Stop::fail("a thread panicked")))
}

fn named_client(side: &Side) -> Outcome {
    let socket = side.connect()?;
    thread::scope(|scope| {
        joined(scope.spawn(|| {
            nix::sys::prctl::set_name(c"other-name")?;
            Ok(socket.send_all(&[1; 2323])?)
        }))
    })
}

/// Environment variable by which a program finds what it was before exec.
const RESUME: &str = "NETMON_SELFTEST_RESUME";
const NEW_NAME: &str = "netmon-renamed";

#[derive(Serialize, Deserialize)]
struct Before {
    socket: i32,
    directory: PathBuf,
    entries: Vec<Entry>,
}

fn exec_client(side: &Side) -> Outcome {
    if let Ok(before) = std::env::var(RESUME) {
        let before: Before = serde_json::from_str(&before).map_err(Stop::fail)?;
        // The kernel keeps the program open; its name in the directory is no longer needed.
        std::fs::remove_dir_all(&before.directory)?;
        side.tally.resume(&before.entries);
        let fd = syscalls::duplicate(before.socket)?;
        let socket = Socket::new(fd, Transport::Tcp, side.other(), side.tally.clone());
        return Ok(socket.send_all(&[2; 2500])?);
    }
    let socket = side.connect()?;
    socket.send_all(&[1; 1500])?;
    let directory = std::env::temp_dir().join(format!("netmon-selftest-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    let program = directory.join(NEW_NAME);
    std::os::unix::fs::symlink(std::env::current_exe()?, &program)?;
    syscalls::keep_on_exec(socket.fd())?;
    let before = Before {
        socket: socket.fd().as_raw_fd(),
        directory,
        entries: side.tally.entries(),
    };
    let error = Command::new(program)
        .args(std::env::args_os().skip(1))
        .env(RESUME, serde_json::to_string(&before).map_err(Stop::fail)?)
        .exec();
    std::fs::remove_dir_all(&before.directory)?;
    Err(error.into())
}

fn leader_client(side: &Side) -> Outcome {
    let port = side.hear_port()?;
    // A forked process has one thread, its leader, whatever thread this is.
    let leader = side.fork("headless", || headless(side, port))?;
    reap(leader)
}

fn headless(side: &Side, port: u16) -> Outcome {
    let socket = side.open(libc::SOCK_STREAM, 0)?;
    side.join(&socket, port)?;
    socket.send_all(&[1; 1000])?;
    thread::scope(|scope| {
        scope.spawn(|| {
            let outcome = leader_is_gone().and_then(|()| Ok(socket.send_all(&[2; 3000])?));
            syscalls::end(print(&side.conclude("headless", outcome)))
        });
        syscalls::end_thread()
    })
}

fn leader_is_gone() -> Outcome {
    for _ in 0..1000 {
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        if stat
            .rsplit_once(')')
            .is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
        {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(2));
    }
    Err(Stop::fail("the first thread did not end"))
}

fn reuse_client(side: &Side) -> Outcome {
    let port = side.hear_port()?;
    let send = |length: usize| -> Outcome {
        let socket = side.open(libc::SOCK_STREAM, 0)?;
        side.join(&socket, port)?;
        Ok(socket.send_all(&vec![1; length])?)
    };
    let first = side.fork("first life", || send(1111))?;
    reap(first)?;
    // Start times are compared in clock ticks, so the lives must be more than one apart.
    thread::sleep(Duration::from_millis(50));
    reap(fork_again(side, first, || send(2222))?)
}

fn fork_again(side: &Side, pid: Pid, part: impl Fn() -> Outcome) -> Result<Pid, Stop> {
    for _ in 0..20 {
        match syscalls::fork_as(pid, || side.forked("second life", &part)) {
            Ok(pid) => return Ok(pid),
            Err(Errno::EEXIST) => thread::sleep(Duration::from_millis(10)),
            Err(errno) => {
                let reason = format!("a pid cannot be chosen here ({})", errno.desc());
                return Err(Stop::skip(reason));
            }
        }
    }
    Err(Stop::skip("another process has taken the pid"))
}

fn reuse_server(side: &Side) -> Outcome {
    let listener = Listener::open(side, 0)?;
    for _ in 0..2 {
        listener.accept(side)?.receive_to_end()?;
    }
    Ok(())
}

const LIVES: usize = 100;

fn short_client(side: &Side) -> Outcome {
    let port = side.hear_port()?;
    for number in 1..=LIVES {
        let life = side.fork("short life", || {
            let socket = side.open(libc::SOCK_STREAM, 0)?;
            side.join(&socket, port)?;
            Ok(socket.send_all(&vec![1; number * 1000])?)
        })?;
        reap(life)?;
    }
    Ok(())
}

fn short_server(side: &Side) -> Outcome {
    let listener = Listener::open(side, 0)?;
    for _ in 0..LIVES {
        listener.accept(side)?.receive_to_end()?;
    }
    Ok(())
}
