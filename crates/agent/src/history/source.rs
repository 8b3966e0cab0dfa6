//! Bytes that are read at an offset: of a file, or in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Where a sealed segment is.
#[derive(Debug)]
pub enum Source {
    /// On disk, and how long it is.
    File(File, u64),
    /// In memory.
    Memory(Arc<[u8]>),
}

impl Source {
    /// The same bytes once more.
    ///
    /// # Errors
    /// As the system says.
    pub fn clone(other: &Source) -> io::Result<Source> {
        Ok(match other {
            Source::File(file, size) => Source::File(file.try_clone()?, *size),
            Source::Memory(bytes) => Source::Memory(Arc::clone(bytes)),
        })
    }

    /// A file as long as it is now.
    ///
    /// # Errors
    /// As the system says.
    pub fn file(file: File) -> io::Result<Source> {
        let size = file.metadata()?.len();
        Ok(Source::File(file, size))
    }

    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Source::File(_, size) => *size,
            Source::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// So many bytes from an offset on.
    ///
    /// # Errors
    /// As the system says, and when there are not so many.
    pub fn read(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let end = offset.checked_add(length);
        if end.is_none_or(|end| end > self.size()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        match self {
            Source::File(file, _) => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, offset)?;
                Ok(bytes)
            }
            Source::Memory(bytes) => {
                let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
                Ok(bytes[start..start + length].to_vec())
            }
        }
    }
}
