//! Reads small files that others wrote, without being led astray: bounded, never a device or a pipe,
//! only from the owner expected.

use std::fs::File;
use std::io;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::fcntl::openat2;
use nix::fcntl::OFlag;
use nix::fcntl::OpenHow;
use nix::fcntl::ResolveFlag;

/// A directory below which files are read. Links lead nowhere outside.
#[derive(Debug)]
pub(super) struct Directory {
    handle: File,
    /// Whose files are believed.
    owner: u32,
    links: Links,
}

/// Symbolic links on the way.
#[derive(Debug, Clone, Copy)]
enum Links {
    /// Followed, with this directory as `/`: administrators move large directories so.
    AsRoot,
    /// An error: a user may point them anywhere.
    Refused,
}

impl Directory {
    /// The root of a machine's files. Believes the files of whoever owns it.
    ///
    /// # Errors
    /// It is not there or cannot be opened.
    pub(super) fn root(path: &Path) -> io::Result<Self> {
        let handle = File::open(path)?;
        Ok(Self {
            owner: handle.metadata()?.uid(),
            handle,
            links: Links::AsRoot,
        })
    }

    /// A directory of the user `uid`, by its path from here.
    ///
    /// # Errors
    /// It is not there, not a directory, or somebody else's.
    pub(super) fn of_user(&self, path: &str, uid: u32) -> io::Result<Self> {
        let handle = self.open(path, OFlag::O_DIRECTORY)?;
        if handle.metadata()?.uid() != uid {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(Self {
            handle,
            owner: uid,
            links: Links::Refused,
        })
    }

    /// All of a file. Blocks as long as its file system does.
    ///
    /// # Errors
    /// It is not there, has more than `limit` bytes, is no regular file, or somebody else's.
    pub(super) fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        let file = self.open(path, OFlag::O_NONBLOCK | OFlag::O_NOCTTY)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if metadata.uid() != self.owner {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut bytes = Vec::new();
        // One more than allowed tells "too large" from "just so"; the size may be a lie.
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }

    fn open(&self, path: &str, flags: OFlag) -> io::Result<File> {
        let resolve = match self.links {
            Links::AsRoot => ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS,
            Links::Refused => ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS,
        };
        let how = OpenHow::new()
            .flags(flags | OFlag::O_RDONLY | OFlag::O_CLOEXEC)
            .resolve(resolve);
        Ok(openat2(self.handle.as_fd(), path, how)?.into())
    }
}
