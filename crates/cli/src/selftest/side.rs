//! One side of a case: a child process, its addresses, and its line to the other side.

use std::fmt::Display;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::socket;
use nix::sys::socket::Backlog;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::SockaddrStorage;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use super::ends::address;
use super::ends::End;
use super::ends::Outcome;
use super::ends::Path;
use super::ends::Stop;
use super::ends::Variant;
use super::socket::local_port;
use super::socket::Socket;
use super::syscalls;
use super::truth::Account;
use super::truth::Line;
use super::truth::Tally;
use super::truth::Transport;

/// One side of a running case.
#[derive(Debug)]
pub struct Side {
    /// Where the traffic goes.
    pub path: Path,
    /// Which addresses.
    pub variant: Variant,
    /// Which end this is.
    pub end: End,
    /// Sums of this process.
    pub tally: Tally,
    /// Sequenced-packet Unix socket to the other side.
    pub line: OwnedFd,
}

impl Side {
    /// Own address.
    pub fn own(&self) -> IpAddr {
        address(self.path, self.variant, self.end)
    }

    /// Address of the other side.
    pub fn other(&self) -> IpAddr {
        address(self.path, self.variant, self.end.other())
    }

    /// Sends the other side a message, over a Unix socket that nothing may count.
    pub fn tell(&self, message: impl Display) -> Outcome {
        let text = message.to_string();
        socket::send(
            self.line.as_raw_fd(),
            text.as_bytes(),
            MsgFlags::MSG_NOSIGNAL,
        )?;
        Ok(())
    }

    /// Waits for the next message of the other side.
    pub fn hear(&self) -> Result<String, Stop> {
        let mut text = vec![0; 1 << 16];
        let length = socket::recv(self.line.as_raw_fd(), &mut text, MsgFlags::empty())?;
        if length == 0 {
            return Err(Stop::fail("the other process ended early"));
        }
        text.truncate(length);
        String::from_utf8(text).map_err(Stop::fail)
    }

    /// Waits for a port of the other side.
    pub fn hear_port(&self) -> Result<u16, Stop> {
        self.hear()?.parse().map_err(Stop::fail)
    }

    /// Both sides call this and go on together.
    pub fn meet(&self) -> Outcome {
        self.tell("here")?;
        self.hear().map(drop)
    }

    /// A socket of this variant. `protocol` 0 is the usual one of `kind`.
    pub fn open(&self, kind: i32, protocol: i32) -> Result<Socket, Stop> {
        let family = if self.variant == Variant::V4 {
            libc::AF_INET
        } else {
            libc::AF_INET6
        };
        let transport = if kind == libc::SOCK_STREAM {
            Transport::Tcp
        } else {
            Transport::Udp
        };
        let fd = syscalls::socket(family, kind, protocol).map_err(|errno| match errno {
            Errno::EPROTONOSUPPORT | Errno::EAFNOSUPPORT | Errno::ENOPROTOOPT => {
                Stop::skip(format_args!("no such socket here ({})", errno.desc()))
            }
            Errno::EPERM | Errno::EACCES => {
                Stop::skip(format_args!("not allowed for this user ({})", errno.desc()))
            }
            errno => errno.into(),
        })?;
        Ok(Socket::new(fd, transport, self.other(), self.tally.clone()))
    }

    /// Listens, tells the port, and accepts one connection.
    pub fn accept(&self) -> Result<Socket, Stop> {
        Listener::open(self, 0)?.accept(self)
    }

    /// Connects to the port that the other side tells.
    pub fn connect(&self) -> Result<Socket, Stop> {
        let socket = self.open(libc::SOCK_STREAM, 0)?;
        self.join(&socket, self.hear_port()?)?;
        Ok(socket)
    }

    /// connect(2) to a port of the other side.
    pub fn join(&self, socket: &Socket, port: u16) -> Outcome {
        Ok(socket.join(SocketAddr::new(self.other(), port))?)
    }

    /// A bound datagram socket, and the address of its counterpart on the other side.
    pub fn datagrams(&self, protocol: i32) -> Result<(Socket, SocketAddr), Stop> {
        let socket = self.open(libc::SOCK_DGRAM, protocol)?;
        bind(socket.fd(), self.own())?;
        self.tell(socket.port()?)?;
        let port = self.hear_port()?;
        Ok((socket, SocketAddr::new(self.other(), port)))
    }

    /// A datagram socket that is connected to its counterpart.
    pub fn connected_datagrams(&self, protocol: i32) -> Result<Socket, Stop> {
        let (socket, to) = self.datagrams(protocol)?;
        self.join(&socket, to.port())?;
        // Without this a datagram could come from a peer that is not yet connected and be refused.
        self.meet()?;
        Ok(socket)
    }

    /// Runs `part` in a forked process with sums of its own, which accounts for itself as `label`.
    pub fn fork(&self, label: &str, part: impl FnOnce() -> Outcome) -> Result<Pid, Stop> {
        Ok(self.try_fork(label, part)?)
    }

    /// [`Side::fork`], for callers that tell errors apart.
    pub fn try_fork(&self, label: &str, part: impl FnOnce() -> Outcome) -> Result<Pid, Errno> {
        syscalls::fork(|| self.forked(label, part))
    }

    /// What a forked process does: `part`, then its account. Gives the exit code.
    pub fn forked(&self, label: &str, part: impl FnOnce() -> Outcome) -> i32 {
        self.tally.clear();
        die_with_parent();
        let outcome = part();
        print(&self.conclude(label, outcome))
    }

    /// The line that tells how this process did.
    pub fn conclude(&self, label: &str, outcome: Outcome) -> Line {
        let account = outcome.and_then(|()| account(label, &self.tally));
        match account {
            Ok(account) => Line::Account(account),
            Err(Stop::Skip(reason)) => Line::Skipped(reason),
            Err(Stop::Fail(reason)) => Line::Failed(format!("{label}: {reason}")),
        }
    }
}

/// Waits for a forked process to end well.
pub fn reap(child: Pid) -> Outcome {
    match nix::sys::wait::waitpid(child, None)? {
        WaitStatus::Exited(_, 0) => Ok(()),
        status => Err(Stop::fail(format_args!(
            "a forked process ended badly: {status:?}"
        ))),
    }
}

/// Has the kernel kill this process when its parent ends, so that none is left behind.
pub fn die_with_parent() {
    // Best effort: the caller kills the whole process group in any case.
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
}

/// Writes one line to stdout at once. Gives the exit code that goes with it.
pub fn print(line: &Line) -> i32 {
    let text = serde_json::to_string(line)
        .map(|text| text + "\n")
        .unwrap_or_default();
    // One write shorter than PIPE_BUF: lines of several processes do not mix.
    let written = nix::unistd::write(std::io::stdout(), text.as_bytes());
    match (line, written) {
        (Line::Account(_), Ok(_)) => 0,
        _ => 1,
    }
}

fn account(label: &str, tally: &Tally) -> Result<Account, Stop> {
    let name = std::fs::read_to_string("/proc/self/comm")?;
    Ok(Account {
        process: label.to_owned(),
        pid: std::process::id(),
        start_ticks: start_ticks(&std::fs::read_to_string("/proc/self/stat")?)
            .ok_or_else(|| Stop::fail("/proc/self/stat has no start time"))?,
        name: name.trim_end_matches('\n').to_owned(),
        cells: tally.entries(),
    })
}

/// Unit of the start time in an account, per second.
pub fn ticks_per_second() -> u64 {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK);
    // 100 on every architecture that Linux runs on today.
    ticks
        .ok()
        .flatten()
        .and_then(|ticks| u64::try_from(ticks).ok())
        .unwrap_or(100)
}

/// Field 22 of a stat file. The name, field 2, may itself hold spaces and parentheses.
fn start_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19)?.parse().ok()
}

/// Connections that wait to be accepted, unless a case needs more.
const BACKLOG: i32 = 16;

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
}

impl Listener {
    /// Listens on an address of this side and tells the port. `protocol` 0 is TCP.
    pub fn open(side: &Side, protocol: i32) -> Result<Self, Stop> {
        Self::open_long(side, protocol, BACKLOG)
    }

    /// [`Listener::open`], where up to `backlog` connections wait to be accepted.
    pub fn open_long(side: &Side, protocol: i32, backlog: i32) -> Result<Self, Stop> {
        let socket = side.open(libc::SOCK_STREAM, protocol)?;
        let listener = Self::listen(socket, side.own(), backlog)?;
        side.tell(listener.port()?)?;
        Ok(listener)
    }

    /// Listens with a prepared socket, on any port.
    pub fn on(socket: Socket, address: IpAddr) -> Result<Self, Stop> {
        Self::listen(socket, address, BACKLOG)
    }

    fn listen(socket: Socket, address: IpAddr, backlog: i32) -> Result<Self, Stop> {
        let fd = socket.into_fd();
        bind(&fd, address)?;
        socket::listen(&fd, Backlog::new(backlog)?)?;
        Ok(Self {
            inner: TcpListener::from(fd),
        })
    }

    /// The port.
    pub fn port(&self) -> Result<u16, Stop> {
        Ok(self.inner.local_addr()?.port())
    }

    /// Accepts one connection, whose own peer address decides its kind.
    pub fn accept(&self, side: &Side) -> Result<Socket, Stop> {
        let (stream, peer) = self.inner.accept()?;
        Ok(Socket::new(
            stream.into(),
            Transport::Tcp,
            peer.ip(),
            side.tally.clone(),
        ))
    }
}

/// bind(2) to a free port.
pub fn bind(fd: &OwnedFd, address: IpAddr) -> Result<u16, Stop> {
    let address = SockaddrStorage::from(SocketAddr::new(address, 0));
    socket::bind(fd.as_raw_fd(), &address)?;
    Ok(local_port(fd)?)
}

#[cfg(test)]
mod tests {
    use super::start_ticks;

    #[test]
    fn hostile_name_does_not_shift_the_start_time() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 0 0";
        for name in ["netmon", "a b", ") (", "x) S 9 9 9"] {
            assert_eq!(
                start_ticks(&format!("12 ({name}) {rest}")),
                Some(4711),
                "{name}"
            );
        }
        assert_eq!(start_ticks("12 no name"), None);
    }
}
