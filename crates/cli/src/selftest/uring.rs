//! The smallest io_uring that can send and receive: one entry at a time.

use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;

use nix::errno::Errno;

use super::syscalls;
use super::syscalls::Mapping;
use super::syscalls::Transfer;

const ENTRIES: u32 = 4;
const ENTRY_BYTES: usize = 64;
const COMPLETION_BYTES: usize = 16;
const SINGLE_MAPPING: u32 = 1;
const OFFSET_OF_RINGS: i64 = 0;
const OFFSET_OF_ENTRIES: i64 = 0x1000_0000;
const OP_SEND: u32 = 26;
const OP_RECEIVE: u32 = 27;
const FLAG_ASYNC: u32 = 1 << 4;

/// Who runs the operation in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// The submitting thread, if it can be done at once.
    Submitter,
    /// A worker thread of the kernel.
    Worker,
}

/// A ring with room for one operation.
#[derive(Debug)]
pub struct Ring {
    fd: OwnedFd,
    rings: Mapping,
    entries: Mapping,
    layout: Layout,
}

/// Byte offsets in the mapping of the rings.
#[derive(Debug)]
struct Layout {
    submit_tail: usize,
    submit_mask: usize,
    submit_array: usize,
    complete_head: usize,
    complete_tail: usize,
    complete_mask: usize,
    completions: usize,
}

impl Ring {
    /// Sets a ring up.
    ///
    /// # Errors
    /// `ENOSYS` and `EPERM`: there is none here, or not for this user.
    pub fn open() -> Result<Self, Errno> {
        let mut words = [0u32; 30];
        let fd = syscalls::ring_setup(ENTRIES, &mut words)?;
        if words[5] & SINGLE_MAPPING == 0 {
            return Err(Errno::ENOSYS);
        }
        let layout = Layout {
            submit_tail: words[11] as usize,
            submit_mask: words[12] as usize,
            submit_array: words[16] as usize,
            complete_head: words[20] as usize,
            complete_tail: words[21] as usize,
            complete_mask: words[22] as usize,
            completions: words[25] as usize,
        };
        let (submit, complete) = (words[0] as usize, words[1] as usize);
        let length = (layout.submit_array + submit * size_of::<u32>())
            .max(layout.completions + complete * COMPLETION_BYTES);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let rings = Mapping::of(&fd, length, protection, OFFSET_OF_RINGS)?;
        let entries = Mapping::of(&fd, submit * ENTRY_BYTES, protection, OFFSET_OF_ENTRIES)?;
        Ok(Self {
            fd,
            rings,
            entries,
            layout,
        })
    }

    /// Sends on `socket`; the result is that of send(2).
    pub fn send(&self, socket: &OwnedFd, from: &[u8], runner: Runner) -> Result<usize, Errno> {
        self.run(socket, OP_SEND, Transfer::Send(from), runner)
    }

    /// Receives on `socket`; the result is that of recv(2).
    pub fn receive(
        &self,
        socket: &OwnedFd,
        into: &mut [u8],
        runner: Runner,
    ) -> Result<usize, Errno> {
        self.run(socket, OP_RECEIVE, Transfer::Receive(into), runner)
    }

    fn run(
        &self,
        socket: &OwnedFd,
        operation: u32,
        mut transfer: Transfer<'_>,
        runner: Runner,
    ) -> Result<usize, Errno> {
        let flags = if runner == Runner::Worker {
            FLAG_ASYNC
        } else {
            0
        };
        let (address, length) = transfer.place();
        let tail = self.rings.load(self.layout.submit_tail);
        let slot = tail & self.rings.load(self.layout.submit_mask);
        let entry = slot as usize * ENTRY_BYTES;
        (0..ENTRY_BYTES)
            .step_by(4)
            .for_each(|at| self.entries.store(entry + at, 0));
        // The first word is opcode, flags and priority; see struct io_uring_sqe.
        let first = u32::from_ne_bytes([operation as u8, flags as u8, 0, 0]);
        self.entries.store(entry, first);
        self.entries
            .store(entry + 4, socket.as_raw_fd().cast_unsigned());
        let [low, high] = words(address);
        self.entries.store(entry + 16, low);
        self.entries.store(entry + 20, high);
        self.entries.store(entry + 24, length);
        self.rings.store(
            self.layout.submit_array + slot as usize * size_of::<u32>(),
            slot,
        );
        self.rings
            .store(self.layout.submit_tail, tail.wrapping_add(1));
        self.finish(&transfer)
    }

    /// Submits and waits until the kernel no longer uses the buffer.
    fn finish(&self, transfer: &Transfer<'_>) -> Result<usize, Errno> {
        let mut left = 1;
        loop {
            match syscalls::ring_enter(&self.fd, left, transfer) {
                Ok(submitted) => left -= submitted.min(left),
                Err(Errno::EINTR) => {}
                Err(errno) if left > 0 => return Err(errno),
                // The kernel may still write to the buffer, which must not be given back.
                Err(_) => syscalls::end(1),
            }
            if let Some(result) = self.completion() {
                return result;
            }
        }
    }

    fn completion(&self) -> Option<Result<usize, Errno>> {
        let head = self.rings.load(self.layout.complete_head);
        if head == self.rings.load(self.layout.complete_tail) {
            return None;
        }
        let slot = head & self.rings.load(self.layout.complete_mask);
        let at = self.layout.completions + slot as usize * COMPLETION_BYTES;
        let result = self.rings.load(at + 8).cast_signed();
        self.rings
            .store(self.layout.complete_head, head.wrapping_add(1));
        Some(usize::try_from(result).map_err(|_| Errno::from_raw(-result)))
    }
}

fn words(value: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = value.to_ne_bytes();
    [
        u32::from_ne_bytes([a, b, c, d]),
        u32::from_ne_bytes([e, f, g, h]),
    ]
}
