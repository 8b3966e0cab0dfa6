//! A stretch of files' worth: what is known of it without opening it, and where it is.

use std::fs;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use super::image::Image;
use super::piece::Head;
use super::source::Source;
use super::varint::put;
use super::varint::put_difference;
use super::varint::Read;
use super::varint::Reader;

/// What a segment covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// First and last ordinal.
    pub ordinals: (u64, u64),
    /// Earliest and latest end of a stretch, wall clock; with a clock that was set not its first
    /// and last.
    pub walls: (u64, u64),
    /// Begin of the first tick, wall clock.
    pub begin: u64,
    /// Time that was recorded, ns.
    pub recorded: u64,
    /// Number of its last tick.
    pub seq: u64,
    /// Ticks in it.
    pub ticks: u64,
}

impl Span {
    /// With one more stretch.
    pub fn with(&self, head: &Head) -> Span {
        let length = head.end.saturating_sub(head.begin);
        if self.ticks == 0 {
            return Span {
                ordinals: (head.first, head.last),
                walls: (head.wall, head.wall),
                begin: head.wall_at(head.begin),
                recorded: length,
                seq: head.seqs.1,
                ticks: head.ticks,
            };
        }
        Span {
            ordinals: (self.ordinals.0, head.last),
            walls: (self.walls.0.min(head.wall), self.walls.1.max(head.wall)),
            begin: self.begin,
            recorded: self.recorded.saturating_add(length),
            seq: head.seqs.1,
            ticks: self.ticks.saturating_add(head.ticks),
        }
    }

    /// Of these.
    pub fn of(heads: &[Head]) -> Span {
        heads
            .iter()
            .fold(Span::default(), |span, head| span.with(head))
    }

    /// Appends it.
    pub fn put(&self, out: &mut Vec<u8>) {
        put(out, self.ordinals.0);
        put_difference(out, self.ordinals.1, self.ordinals.0);
        put(out, self.walls.0);
        put_difference(out, self.walls.1, self.walls.0);
        put_difference(out, self.begin, self.walls.0);
        put(out, self.recorded);
        put(out, self.seq);
        put(out, self.ticks);
    }

    /// Reads what [`Span::put`] wrote.
    pub fn read(reader: &mut Reader) -> Read<Span> {
        let first = reader.number()?;
        let last = reader.difference(first)?;
        let earliest = reader.number()?;
        Ok(Span {
            ordinals: (first, last),
            walls: (earliest, reader.difference(earliest)?),
            begin: reader.difference(earliest)?,
            recorded: reader.number()?,
            seq: reader.number()?,
            ticks: reader.number()?,
        })
    }
}

/// A sealed segment's place. The file goes when nobody reads it any more.
#[derive(Debug)]
pub struct Stored {
    place: Place,
    /// Its length.
    pub bytes: u64,
    doomed: AtomicBool,
}

#[derive(Debug)]
enum Place {
    File(PathBuf),
    Memory(Arc<[u8]>),
}

impl Stored {
    /// In a file.
    pub fn file(path: PathBuf, bytes: u64) -> Self {
        Stored {
            place: Place::File(path),
            bytes,
            doomed: AtomicBool::new(false),
        }
    }

    /// In memory.
    pub fn memory(bytes: Vec<u8>) -> Self {
        Stored {
            bytes: bytes.len() as u64,
            place: Place::Memory(bytes.into()),
            doomed: AtomicBool::new(false),
        }
    }

    /// Opens it for reading.
    ///
    /// # Errors
    /// As the system says.
    pub fn source(&self) -> io::Result<Source> {
        Ok(match &self.place {
            Place::File(path) => Source::file(File::open(path)?)?,
            Place::Memory(bytes) => Source::Memory(Arc::clone(bytes)),
        })
    }

    /// Deletes it with its last reader.
    pub fn doom(&self) {
        self.doomed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        if let (Place::File(path), true) = (&self.place, *self.doomed.get_mut()) {
            // What stays is found, and deleted, by the next agent.
            let _ = fs::remove_file(path);
        }
    }
}

/// A segment: growing, closed, or sealed.
#[derive(Debug, Clone, Default)]
pub struct Segment {
    /// What it covers.
    pub span: Span,
    /// In memory: until it is sealed.
    pub image: Option<Arc<Image>>,
    /// Once it is sealed.
    pub stored: Option<Arc<Stored>>,
    /// Nothing is added any more.
    pub closed: bool,
    /// Stretches that were handed to the kernel to write.
    pub written: usize,
}

impl Segment {
    /// First ordinal: its name.
    pub fn key(&self) -> u64 {
        self.span.ordinals.0
    }

    /// What it takes where it is kept.
    pub fn bytes(&self) -> u64 {
        match (&self.stored, &self.image) {
            (Some(stored), _) => stored.bytes,
            (None, Some(image)) => image.bytes as u64,
            (None, None) => 0,
        }
    }
}
