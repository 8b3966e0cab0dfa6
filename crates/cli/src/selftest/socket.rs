//! A socket that adds up what its system calls return.

use std::io::IoSlice;
use std::io::IoSliceMut;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::SpliceFFlags;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::sys::socket;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::SockaddrStorage;

use super::syscalls;
use super::truth::Cell;
use super::truth::Tally;
use super::truth::Transport;

/// A socket, who is at the other end, and where its bytes are added up.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    transport: Transport,
    peer: IpAddr,
    tally: Tally,
}

impl Socket {
    /// Wraps `fd`. `peer` decides the kind of the traffic wherever a call names no address.
    pub fn new(fd: OwnedFd, transport: Transport, peer: IpAddr, tally: Tally) -> Self {
        Self {
            fd,
            transport,
            peer,
            tally,
        }
    }

    /// The descriptor, for calls that move no payload.
    pub fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Gives the descriptor up.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// connect(2).
    pub fn join(&self, to: SocketAddr) -> Result<(), Errno> {
        socket::connect(self.fd.as_raw_fd(), &SockaddrStorage::from(to))
    }

    /// The port it is bound to.
    pub fn port(&self) -> Result<u16, Errno> {
        local_port(&self.fd)
    }

    /// send(2).
    pub fn send(&self, bytes: &[u8], flags: i32) -> Result<usize, Errno> {
        self.count_sent(socket::send(self.fd.as_raw_fd(), bytes, raw(flags)))
    }

    /// send(2) until all is out.
    pub fn send_all(&self, mut bytes: &[u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            let sent = self.send(bytes, 0)?;
            bytes = bytes.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    /// sendto(2).
    pub fn send_to(&self, bytes: &[u8], to: SocketAddr, flags: i32) -> Result<usize, Errno> {
        let address = SockaddrStorage::from(to);
        let sent = socket::sendto(self.fd.as_raw_fd(), bytes, &address, raw(flags))?;
        self.tally.sent(Cell::of(self.transport, to.ip()), sent);
        Ok(sent)
    }

    /// write(2).
    pub fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        self.count_sent(nix::unistd::write(&self.fd, bytes))
    }

    /// writev(2).
    pub fn write_parts(&self, parts: &[IoSlice<'_>]) -> Result<usize, Errno> {
        self.count_sent(nix::sys::uio::writev(&self.fd, parts))
    }

    /// sendmmsg(2); gives the number of datagrams sent.
    pub fn send_many(&self, parts: &[&[u8]], to: Option<SocketAddr>) -> Result<usize, Errno> {
        let sent = syscalls::send_many(&self.fd, parts, to)?;
        sent.iter()
            .for_each(|&bytes| self.tally.sent(self.cell(), bytes));
        Ok(sent.len())
    }

    /// sendfile(2) from the file's own position.
    pub fn send_file(&self, file: &impl AsFd, count: usize) -> Result<usize, Errno> {
        self.count_sent(nix::sys::sendfile::sendfile64(&self.fd, file, None, count))
    }

    /// splice(2) from a pipe.
    pub fn splice_out(&self, pipe: &OwnedFd, count: usize) -> Result<usize, Errno> {
        let flags = SpliceFFlags::empty();
        self.count_sent(nix::fcntl::splice(pipe, None, &self.fd, None, count, flags))
    }

    /// splice(2) into a pipe; 0 at the end.
    pub fn splice_in(&self, pipe: &OwnedFd, count: usize) -> Result<usize, Errno> {
        let flags = SpliceFFlags::empty();
        self.count_received(nix::fcntl::splice(&self.fd, None, pipe, None, count, flags))
    }

    /// recv(2). With `MSG_PEEK` or `MSG_ERRQUEUE` the bytes are not payload taken and not added.
    pub fn receive(&self, into: &mut [u8], flags: i32) -> Result<usize, Errno> {
        let received = socket::recv(self.fd.as_raw_fd(), into, raw(flags));
        if flags & (libc::MSG_PEEK | libc::MSG_ERRQUEUE) != 0 {
            return received;
        }
        self.count_received(received)
    }

    /// recvfrom(2).
    pub fn receive_from(&self, into: &mut [u8]) -> Result<(usize, SocketAddr), Errno> {
        let (received, from) = socket::recvfrom::<SockaddrStorage>(self.fd.as_raw_fd(), into)?;
        let from = from
            .as_ref()
            .and_then(plain_address)
            .ok_or(Errno::EAFNOSUPPORT)?;
        self.tally
            .received(Cell::of(self.transport, from.ip()), received);
        Ok((received, from))
    }

    /// read(2).
    pub fn read(&self, into: &mut [u8]) -> Result<usize, Errno> {
        self.count_received(nix::unistd::read(&self.fd, into))
    }

    /// readv(2).
    pub fn read_parts(&self, parts: &mut [IoSliceMut<'_>]) -> Result<usize, Errno> {
        self.count_received(nix::sys::uio::readv(&self.fd, parts))
    }

    /// recvmmsg(2); gives the number of datagrams received.
    pub fn receive_many(&self, into: &mut [Vec<u8>]) -> Result<usize, Errno> {
        let received = syscalls::receive_many(&self.fd, into)?;
        received
            .iter()
            .for_each(|&bytes| self.tally.received(self.cell(), bytes));
        Ok(received.len())
    }

    /// recv(2) until `count` bytes are in.
    ///
    /// # Errors
    /// `ECONNABORTED`: the stream ended before.
    pub fn receive_exactly(&self, count: usize) -> Result<(), Errno> {
        let mut into = vec![0; count.min(1 << 16)];
        let mut left = count;
        while left > 0 {
            let part = left.min(into.len());
            let received = self.receive(into.get_mut(..part).unwrap_or_default(), 0)?;
            if received == 0 {
                return Err(Errno::ECONNABORTED);
            }
            left -= received;
        }
        Ok(())
    }

    /// recv(2) until the stream ends; gives the sum.
    pub fn receive_to_end(&self) -> Result<usize, Errno> {
        let mut into = vec![0; 1 << 16];
        let mut sum = 0;
        loop {
            match self.receive(&mut into, 0)? {
                0 => return Ok(sum),
                received => sum += received,
            }
        }
    }

    /// Tells the other end that nothing more comes.
    pub fn finish(&self) -> Result<(), Errno> {
        socket::shutdown(self.fd.as_raw_fd(), socket::Shutdown::Write)
    }

    /// setsockopt(2) with an integer.
    pub fn set(&self, level: i32, name: i32, value: i32) -> Result<(), Errno> {
        syscalls::set_option(&self.fd, level, name, &value.to_ne_bytes())
    }

    /// Waits until one of `events` is there.
    pub fn wait(&self, events: PollFlags) -> Result<(), Errno> {
        let mut polled = [PollFd::new(self.fd.as_fd(), events)];
        nix::poll::poll(&mut polled, PollTimeout::NONE).map(drop)
    }

    /// Adds bytes that a call not listed here has sent.
    pub fn count_sent(&self, sent: Result<usize, Errno>) -> Result<usize, Errno> {
        self.tally.sent(self.cell(), sent?);
        sent
    }

    /// Adds bytes that a call not listed here has received.
    pub fn count_received(&self, received: Result<usize, Errno>) -> Result<usize, Errno> {
        self.tally.received(self.cell(), received?);
        received
    }

    fn cell(&self) -> Cell {
        Cell::of(self.transport, self.peer)
    }
}

/// The port that a socket is bound to.
pub fn local_port(fd: &OwnedFd) -> Result<u16, Errno> {
    let address = socket::getsockname::<SockaddrStorage>(fd.as_raw_fd())?;
    plain_address(&address)
        .map(|address| address.port())
        .ok_or(Errno::EAFNOSUPPORT)
}

fn plain_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|v4| SocketAddr::from((v4.ip(), v4.port())));
    let v6 = || {
        address
            .as_sockaddr_in6()
            .map(|v6| SocketAddr::from((v6.ip(), v6.port())))
    };
    v4.or_else(v6)
}

fn raw(flags: i32) -> MsgFlags {
    MsgFlags::from_bits_retain(flags | libc::MSG_NOSIGNAL)
}
