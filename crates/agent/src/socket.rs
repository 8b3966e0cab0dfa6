//! The Unix socket: made where only we can reach it, moved into place with its owner and mode.

use std::fs;
use std::fs::DirBuilder;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::chown;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use nix::unistd::Group;
use tokio::net::UnixListener;
use tokio::net::UnixStream;

/// Why the socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody answers there.
    #[error("another agent serves {path}{}", pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    InUse {
        /// The socket.
        path: PathBuf,
        /// Who, if the kernel knows.
        pid: Option<i32>,
    },
    /// There is a file that is not a socket; it is not ours to remove.
    #[error("{0} exists and is not a socket")]
    NotASocket(PathBuf),
    /// The system said no.
    #[error("cannot {doing}")]
    Io {
        /// What was attempted.
        doing: String,
        /// The cause.
        source: io::Error,
    },
}

/// Who may connect.
#[derive(Debug, Clone)]
pub struct Access {
    /// Name of the group; when it does not exist only root may connect.
    pub group: String,
    /// Mode of the socket.
    pub mode: u32,
}

/// The socket file; removed when dropped, unless another agent has put its own there.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode(&self.path).ok() == Some(self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at `path`. The directory is made 0755 if missing, so that everyone can see who may
/// connect. At no time does the socket exist there with another owner or mode than asked for.
///
/// # Errors
/// See [`Error`].
pub async fn listen(path: &Path, access: &Access) -> Result<(UnixListener, SocketFile), Error> {
    free(path).await?;
    let directory = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let io = |doing: String| move |source| Error::Io { doing, source };
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
        .map_err(io(format!("create {}", directory.display())))?;
    let private = directory.join(format!(".netmon-agent.{}", std::process::id()));
    let _ = fs::remove_dir_all(&private);
    DirBuilder::new()
        .mode(0o700)
        .create(&private)
        .map_err(io(format!("create {}", private.display())))?;
    let made = make(&private, path, access);
    let _ = fs::remove_dir_all(&private);
    made.map_err(io(format!("listen at {}", path.display())))
}

fn make(private: &Path, path: &Path, access: &Access) -> io::Result<(UnixListener, SocketFile)> {
    let hidden = private.join("socket");
    let listener = UnixListener::bind(&hidden)?;
    match group(&access.group) {
        Some(gid) => chown(&hidden, None, Some(gid))?,
        None => tracing::warn!(
            group = access.group,
            "the group does not exist, so only root can connect; make it with: groupadd --system {}",
            access.group
        ),
    }
    fs::set_permissions(&hidden, Permissions::from_mode(access.mode))?;
    let inode = inode(&hidden)?;
    fs::rename(&hidden, path)?;
    Ok((
        listener,
        SocketFile {
            path: path.to_owned(),
            inode,
        },
    ))
}

fn group(name: &str) -> Option<u32> {
    Group::from_name(name)
        .ok()
        .flatten()
        .map(|group| group.gid.as_raw())
}

fn inode(path: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::symlink_metadata(path)?.ino())
}

/// Nothing is at `path`, or the socket of an agent that has ended.
///
/// # Errors
/// [`Error::InUse`], [`Error::NotASocket`].
pub async fn free(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(Error::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Ok(other) => {
            let pid = other.peer_cred().ok().and_then(|peer| peer.pid());
            Err(Error::InUse {
                path: path.to_owned(),
                pid,
            })
        }
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access {
            group: "no-such-group".to_owned(),
            mode: 0o600,
        }
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_a_living_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/agent.sock");
        let (listener, file) = listen(&path, &access()).await.unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let error = listen(&path, &access()).await.unwrap_err();
        assert!(
            matches!(error, Error::InUse { pid: Some(_), .. }),
            "{error}"
        );
        drop(listener);
        std::mem::forget(file);
        let (_listener, file) = listen(&path, &access()).await.unwrap();
        drop(file);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.sock");
        fs::write(&path, "precious").unwrap();
        let error = listen(&path, &access()).await.unwrap_err();
        assert!(matches!(error, Error::NotASocket(_)), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
