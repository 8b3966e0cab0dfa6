//! The directory: names, locking, and the few things that are done with files.

use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use super::image::Image;
use super::preamble;
use super::OpenError;

/// End of the name of a growing segment. The version is part of it.
pub const ROWS: &str = "rows1";
/// End of the name of a sealed segment.
pub const SEALED: &str = "sealed1";
/// End of the name of a file that is not whole yet.
const UNFINISHED: &str = "tmp";

/// A file that is one of ours by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Where.
    pub path: PathBuf,
    /// First ordinal.
    pub key: u64,
    /// Sealed, not growing.
    pub sealed: bool,
}

/// The directory of one tier.
#[derive(Debug, Clone)]
pub struct TierDirectory(PathBuf);

/// Makes the directory, closed to others: it holds command lines. Locks it for as long as the file
/// lives.
///
/// # Errors
/// When another agent has it, or it cannot be made.
pub fn lock(directory: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Directory {
        path: directory.to_owned(),
        source,
    };
    make(directory).map_err(failed)?;
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(directory.join("lock"))
        // What can be read, but not written, can still be told.
        .or_else(|_| File::open(directory))
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn make(directory: &Path) -> io::Result<()> {
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    let mode = fs::metadata(directory).map_err(|error| made.err().unwrap_or(error))?;
    if mode.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

impl TierDirectory {
    /// For steps of this length (ns).
    pub fn new(directory: &Path, step: u64) -> Self {
        TierDirectory(directory.join(format!("{}ms", step / 1_000_000)))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it if it is not there.
    ///
    /// # Errors
    /// As the system says.
    pub fn make(&self) -> io::Result<()> {
        make(&self.0)
    }

    /// Files of ours in their order, without those that were not finished: these are deleted. And
    /// the number of files that are not ours.
    ///
    /// # Errors
    /// As the system says.
    pub fn list(&self) -> io::Result<(Vec<Named>, u64)> {
        let (mut named, mut strange) = (Vec::new(), 0);
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((named, 0)),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            match name(&path) {
                Some(Name::Ours(key, sealed)) => named.push(Named { path, key, sealed }),
                Some(Name::Unfinished) => {
                    // On a disk that cannot be written it is in nobody's way.
                    let _ = fs::remove_file(&path);
                }
                None => strange += 1,
            }
        }
        named.sort_by_key(|file| (file.key, file.sealed));
        Ok((named, strange))
    }

    /// Where the rows of a segment are.
    pub fn rows(&self, key: u64) -> PathBuf {
        self.0.join(format!("{key:016x}.{ROWS}"))
    }

    /// Where a segment is sealed.
    pub fn sealed(&self, key: u64) -> PathBuf {
        self.0.join(format!("{key:016x}.{SEALED}"))
    }

    /// Writes a sealed segment: whole or not at all, whenever the machine stops.
    ///
    /// # Errors
    /// As the system says; then nothing is there under the name.
    pub fn seal(&self, key: u64, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = self.sealed(key);
        let unfinished = self.0.join(format!("{key:016x}.{UNFINISHED}"));
        let written = write_whole(&unfinished, bytes)
            .and_then(|()| fs::rename(&unfinished, &path))
            .and_then(|()| File::open(&self.0)?.sync_all());
        if written.is_err() {
            // On a full disk it would take the room that is needed.
            let _ = fs::remove_file(&unfinished);
        }
        written.map(|()| path)
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
}

enum Name {
    Ours(u64, bool),
    Unfinished,
}

fn name(path: &Path) -> Option<Name> {
    let (stem, extension) = (path.file_stem()?.to_str()?, path.extension()?.to_str()?);
    let key = (stem.len() == 16).then(|| u64::from_str_radix(stem, 16).ok())??;
    match extension {
        ROWS => Some(Name::Ours(key, false)),
        SEALED => Some(Name::Ours(key, true)),
        UNFINISHED => Some(Name::Unfinished),
        _ => None,
    }
}

/// A growing segment on disk.
#[derive(Debug)]
pub struct RowsFile {
    file: File,
    /// Which segment.
    pub key: u64,
    /// Where the next record goes: what a failed write left behind it is overwritten.
    end: u64,
    /// Stretches that are in it.
    pub stretches: usize,
    /// Written, and not yet on the medium.
    pub unsynced: bool,
}

impl RowsFile {
    /// Begins a file with what is known before the first stretch, twice.
    ///
    /// # Errors
    /// As the system says.
    pub fn create(directory: &TierDirectory, key: u64, image: &Image) -> io::Result<RowsFile> {
        let mut rows = RowsFile {
            file: create(&directory.rows(key))?,
            key,
            end: 0,
            stretches: 0,
            unsynced: false,
        };
        let preamble = preamble::preamble(preamble::ROWS);
        rows.write(&[&preamble[..], &image.opening, &image.opening].concat())?;
        Ok(rows)
    }

    /// Adds the stretches that are not in it.
    ///
    /// # Errors
    /// As the system says; what was written before the error counts.
    pub fn append(&mut self, image: &Image) -> io::Result<()> {
        for stretch in image.stretches.iter().skip(self.stretches) {
            self.write(stretch)?;
            self.stretches += 1;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.end)?;
        self.end += bytes.len() as u64;
        self.unsynced = true;
        Ok(())
    }

    /// Brings it to the medium.
    ///
    /// # Errors
    /// As the system says.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.unsynced {
            self.file.sync_data()?;
            self.unsynced = false;
        }
        Ok(())
    }
}
