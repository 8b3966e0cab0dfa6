//! The system calls that neither std nor nix offer safely, each behind a safe function.
#![allow(unsafe_code)]

use std::mem;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::ptr;

use nix::errno::Errno;
use nix::sys::socket::SockaddrLike;
use nix::sys::socket::SockaddrStorage;
use nix::unistd::ForkResult;
use nix::unistd::Pid;

/// Makes a socket of any family, type and protocol, closed on exec.
pub fn socket(family: i32, kind: i32, protocol: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: no pointers; the result is a new descriptor that nobody else owns.
    unsafe {
        let fd = libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol);
        Errno::result(fd).map(|fd| OwnedFd::from_raw_fd(fd))
    }
}

/// Sets a socket option from the bytes of its value.
pub fn set_option(fd: &OwnedFd, level: i32, name: i32, value: &[u8]) -> Result<(), Errno> {
    let length = value.len() as libc::socklen_t;
    // SAFETY: pointer and length describe `value`, which outlives the call.
    let done =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), length) };
    Errno::result(done).map(drop)
}

/// Reads a socket option into `value`, which also passes what the option takes as input. Gives
/// the length that the kernel wrote.
pub fn option(fd: &OwnedFd, level: i32, name: i32, value: &mut [u8]) -> Result<usize, Errno> {
    let mut length = value.len() as libc::socklen_t;
    let at = value.as_mut_ptr().cast();
    // SAFETY: pointer and length describe `value`, and the kernel writes no more than `length`.
    let done = unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, at, &mut length) };
    Errno::result(done).map(|_| length as usize)
}

/// Sends `length` bytes from an address that is never mapped.
pub fn send_unmapped(fd: &OwnedFd, length: usize) -> Result<usize, Errno> {
    let nowhere = ptr::without_provenance::<libc::c_void>(1);
    // SAFETY: the kernel checks the address and gives EFAULT; nothing here follows the pointer.
    let sent = unsafe { libc::send(fd.as_raw_fd(), nowhere, length, libc::MSG_NOSIGNAL) };
    Errno::result(sent).map(|sent| sent as usize)
}

/// sendmmsg(2): one datagram per buffer, to `to` or to the connected peer. Gives the length of
/// each one sent.
pub fn send_many(
    fd: &OwnedFd,
    buffers: &[&[u8]],
    to: Option<SocketAddr>,
) -> Result<Vec<usize>, Errno> {
    let mut parts: Vec<libc::iovec> = buffers
        .iter()
        .map(|buffer| libc::iovec {
            iov_base: buffer.as_ptr().cast_mut().cast(),
            iov_len: buffer.len(),
        })
        .collect();
    let address = to.map(SockaddrStorage::from);
    let mut messages: Vec<libc::mmsghdr> = parts.iter_mut().map(message).collect();
    for each in &mut messages {
        if let Some(address) = &address {
            each.msg_hdr.msg_name = address.as_ptr().cast_mut().cast();
            each.msg_hdr.msg_namelen = address.len();
        }
    }
    let count = messages.len() as libc::c_uint;
    // SAFETY: each header points at one iovec and, if set, the address; `parts`, `buffers` and
    // `address` live past the call, and the kernel only reads them.
    let sent = unsafe { libc::sendmmsg(fd.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
    let sent = Errno::result(sent)? as usize;
    Ok(messages
        .iter()
        .take(sent)
        .map(|each| each.msg_len as usize)
        .collect())
}

/// recvmmsg(2) with MSG_WAITFORONE: at most one datagram per buffer. Gives the length of each.
pub fn receive_many(fd: &OwnedFd, buffers: &mut [Vec<u8>]) -> Result<Vec<usize>, Errno> {
    let mut parts: Vec<libc::iovec> = buffers
        .iter_mut()
        .map(|buffer| libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        })
        .collect();
    let mut messages: Vec<libc::mmsghdr> = parts.iter_mut().map(message).collect();
    let count = messages.len() as libc::c_uint;
    // SAFETY: each header points at one iovec over one distinct buffer; all outlive the call.
    let received = unsafe {
        let first = messages.as_mut_ptr();
        libc::recvmmsg(
            fd.as_raw_fd(),
            first,
            count,
            libc::MSG_WAITFORONE,
            ptr::null_mut(),
        )
    };
    let received = Errno::result(received)? as usize;
    Ok(messages
        .iter()
        .take(received)
        .map(|each| each.msg_len as usize)
        .collect())
}

fn message(part: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all zeroes is a valid empty mmsghdr.
    let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
    message.msg_hdr.msg_iov = part;
    message.msg_hdr.msg_iovlen = 1;
    message
}

/// Runs `child` in a new process, which ends with the code that it gives.
///
/// The calling process must have no second thread that may hold a lock.
pub fn fork(child: impl FnOnce() -> i32) -> Result<Pid, Errno> {
    // SAFETY: callers have one thread, so the copy has no lock that is held by a lost thread.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => end(child()),
    }
}

/// Like [`fork`], with a chosen pid. `EEXIST`: it is taken. `EPERM`: needs privilege.
pub fn fork_as(pid: Pid, child: impl FnOnce() -> i32) -> Result<Pid, Errno> {
    let wanted = [pid.as_raw()];
    // struct clone_args up to set_tid_size, as of Linux 5.5.
    let mut arguments = [0u64; 10];
    arguments[4] = libc::SIGCHLD as u64;
    arguments[8] = wanted.as_ptr().expose_provenance() as u64;
    arguments[9] = wanted.len() as u64;
    // SAFETY: without CLONE_VM and a new stack this is fork, with the same condition as above;
    // `arguments` and `wanted` are alive while the kernel reads them.
    let result = unsafe {
        let size = mem::size_of_val(&arguments);
        libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size)
    };
    match Errno::result(result)? {
        0 => end(child()),
        pid => Ok(Pid::from_raw(pid as libc::pid_t)),
    }
}

/// Ends the process at once: no destructors, no exit handlers, other threads included.
pub fn end(code: i32) -> ! {
    // SAFETY: always safe to call; it does not return.
    unsafe { libc::_exit(code) }
}

/// Ends the calling thread only. In the first thread of a process: the others go on without it.
///
/// Whatever the thread borrows must stay valid: call it with nothing shared but what is counted.
pub fn end_thread() -> ! {
    loop {
        // SAFETY: the stack of the thread stays mapped, so what others borrow from it is valid.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
}

/// Makes `fd` survive exec.
pub fn keep_on_exec(fd: &OwnedFd) -> Result<(), Errno> {
    // SAFETY: F_SETFD takes an integer; `fd` is open.
    Errno::result(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, 0) }).map(drop)
}

/// Duplicates descriptor `number`, which came as a bare number over exec or in a message.
///
/// # Errors
/// `EBADF` when it is not open.
pub fn duplicate(number: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: any number may be duplicated; the result is a new descriptor that nobody else owns.
    unsafe {
        let fd = libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3);
        Errno::result(fd).map(|fd| OwnedFd::from_raw_fd(fd))
    }
}

/// Anonymous or device memory that is unmapped on drop.
#[derive(Debug)]
pub struct Mapping {
    start: *mut u8,
    length: usize,
}

impl Mapping {
    /// Maps `length` bytes of `fd` at `offset` with `protection` (`PROT_*`), shared.
    pub fn of(fd: &OwnedFd, length: usize, protection: i32, offset: i64) -> Result<Self, Errno> {
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing existing.
        let start = unsafe {
            let (flags, fd) = (libc::MAP_SHARED, fd.as_raw_fd());
            libc::mmap(ptr::null_mut(), length, protection, flags, fd, offset)
        };
        if start == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        Ok(Self {
            start: start.cast(),
            length,
        })
    }

    /// The address of the byte at `offset`, which must be inside.
    pub(super) fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset < self.length, "offset inside the mapping");
        self.start.wrapping_add(offset)
    }

    /// Bytes mapped.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The address as a number, for the kernel.
    pub fn address(&self) -> u64 {
        self.start.expose_provenance() as u64
    }

    /// Reads the aligned 32-bit word at `offset`, with acquire ordering.
    pub fn load(&self, offset: usize) -> u32 {
        self.word(offset).load(std::sync::atomic::Ordering::Acquire)
    }

    /// Writes the aligned 32-bit word at `offset`, with release ordering.
    pub fn store(&self, offset: usize, value: u32) {
        self.word(offset)
            .store(value, std::sync::atomic::Ordering::Release);
    }

    fn word(&self, offset: usize) -> &std::sync::atomic::AtomicU32 {
        assert!(
            offset.is_multiple_of(4) && offset + 4 <= self.length,
            "word inside the mapping"
        );
        // SAFETY: inside the mapping and aligned as just checked; shared with the kernel, so only
        // ever used as an atomic. Lives as long as `self`.
        unsafe { &*self.at(offset).cast() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone and nothing borrowed from it can outlive `self`.
        unsafe { libc::munmap(self.start.cast(), self.length) };
    }
}

/// io_uring_setup(2). `parameters` is struct io_uring_params as words.
pub fn ring_setup(entries: u32, parameters: &mut [u32; 30]) -> Result<OwnedFd, Errno> {
    // SAFETY: the array has the size of the struct, 120 bytes, and outlives the call.
    unsafe {
        let fd = libc::syscall(libc::SYS_io_uring_setup, entries, parameters.as_mut_ptr());
        Errno::result(fd).map(|fd| OwnedFd::from_raw_fd(fd as i32))
    }
}

/// One send or receive for [`ring_enter`]: the buffer stays borrowed until its completion is in.
#[derive(Debug)]
pub enum Transfer<'a> {
    /// Send these bytes.
    Send(&'a [u8]),
    /// Receive into these bytes.
    Receive(&'a mut [u8]),
}

impl Transfer<'_> {
    /// Address and length for the kernel.
    pub fn place(&mut self) -> (u64, u32) {
        match self {
            Transfer::Send(from) => (from.as_ptr().expose_provenance() as u64, from.len() as u32),
            Transfer::Receive(to) => (to.as_mut_ptr().expose_provenance() as u64, to.len() as u32),
        }
    }
}

/// Submits `count` prepared entries, 0 or 1, and waits for a completion. Gives how many were
/// submitted. The buffer must be kept until its completion has been seen.
pub fn ring_enter(ring: &OwnedFd, count: u32, _buffer: &Transfer<'_>) -> Result<u32, Errno> {
    const GET_EVENTS: u32 = 1;
    // SAFETY: the entry points at the buffer, which the caller keeps borrowed; the other pointer
    // is null, no signal mask.
    let submitted = unsafe {
        let (enter, mask) = (libc::SYS_io_uring_enter, ptr::null::<libc::c_void>());
        libc::syscall(
            enter,
            ring.as_raw_fd(),
            count,
            1u32,
            GET_EVENTS,
            mask,
            0usize,
        )
    };
    Errno::result(submitted).map(|submitted| submitted as u32)
}
