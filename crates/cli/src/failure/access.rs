//! Why this user may not open the agent's socket, and who could change that.

use std::ffi::CString;
use std::fmt;
use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;

use nix::unistd;
use nix::unistd::Gid;
use nix::unistd::Group;
use nix::unistd::Uid;
use nix::unistd::User;

/// What is there, who owns it, and how the user stands to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Access {
    /// The socket, or the directory that cannot be entered.
    pub path: PathBuf,
    /// Which of the two.
    pub barrier: Barrier,
    /// Owner, group and permission bits; `None`: not even that can be seen.
    pub rights: Option<Rights>,
    /// Name of the user.
    pub user: String,
    /// How the user stands to the group.
    pub membership: Membership,
}

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barrier {
    /// The socket itself.
    Socket,
    /// A directory above it.
    Directory,
}

/// Owner and mode of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// Name of the owner, or the number.
    pub owner: String,
    /// Name of the group, or the number.
    pub group: String,
    /// Permission bits.
    pub mode: u32,
}

/// How a user stands to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// Not a member.
    Outside,
    /// A member by the group database, but not in this login.
    NotYet,
    /// A member in this login.
    Inside,
}

impl Access {
    /// Looks at `socket` and the directories above it.
    pub fn examine(socket: PathBuf) -> Self {
        let (path, barrier) = match closed_directory(&socket) {
            Some(directory) => (directory, Barrier::Directory),
            None => (socket, Barrier::Socket),
        };
        let meta = fs::metadata(&path).ok();
        let user = User::from_uid(unistd::geteuid()).ok().flatten();
        let membership = match &meta {
            Some(meta) => membership(user.as_ref(), Gid::from_raw(meta.gid())),
            None => Membership::Outside,
        };
        Self {
            path,
            barrier,
            rights: meta.map(|meta| Rights {
                owner: user_name(meta.uid()),
                group: group_name(meta.gid()),
                mode: meta.mode() & 0o7777,
            }),
            user: user.map_or_else(|| unistd::geteuid().to_string(), |user| user.name),
            membership,
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.barrier {
            Barrier::Socket => write!(f, "no permission for {}", self.path.display())?,
            Barrier::Directory => write!(f, "no permission to enter {}", self.path.display())?,
        }
        let Some(Rights { owner, group, mode }) = &self.rights else {
            return Ok(());
        };
        writeln!(f, " (owner {owner}, group {group}, mode {mode:04o})")?;
        let user = &self.user;
        let group_may = match self.barrier {
            Barrier::Socket => mode & 0o020 != 0,
            Barrier::Directory => mode & 0o010 != 0,
        };
        if !group_may {
            return write!(
                f,
                "  You are {user}; only {owner} may enter with this mode."
            );
        }
        if self.membership == Membership::Inside {
            return write!(
                f,
                "  The mode lets group '{group}' in, and you are a member: something else forbids \
                 it, such as\n  a security module or the mode of a link."
            );
        }
        if self.membership == Membership::NotYet {
            return write!(
                f,
                "  You are in group '{group}', but this login does not know it yet. Log in again, \
                 or for this shell:\n      newgrp {group}"
            );
        }
        write!(
            f,
            "  You are {user}; only members of group '{group}' may connect. Ask an administrator \
             for:\n      sudo usermod -aG {group} {user}\n  then log out and in again."
        )
    }
}

// The topmost directory above `socket` that this user cannot search.
fn closed_directory(socket: &Path) -> Option<PathBuf> {
    let parents: Vec<_> = socket.ancestors().skip(1).collect();
    parents
        .into_iter()
        .rev()
        .filter(|directory| !directory.as_os_str().is_empty())
        .find(|directory| unistd::access(*directory, unistd::AccessFlags::X_OK).is_err())
        .map(Path::to_path_buf)
}

fn membership(user: Option<&User>, group: Gid) -> Membership {
    let in_login = unistd::getegid() == group
        || unistd::getgroups().is_ok_and(|groups| groups.contains(&group));
    if in_login {
        return Membership::Inside;
    }
    let in_database = user.is_some_and(|user| {
        CString::new(user.name.as_str())
            .ok()
            .and_then(|name| unistd::getgrouplist(&name, user.gid).ok())
            .is_some_and(|groups| groups.contains(&group))
    });
    if in_database {
        Membership::NotYet
    } else {
        Membership::Outside
    }
}

fn user_name(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}

fn group_name(gid: u32) -> String {
    let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    group.map_or_else(|| gid.to_string(), |group| group.name)
}

/// What `path` is, in words; `None`: a socket, or it cannot be seen.
pub fn kind(path: &Path) -> Option<&'static str> {
    let kind = fs::metadata(path).ok()?.file_type();
    if kind.is_socket() {
        None
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_file() {
        Some("a regular file")
    } else {
        Some("a device or pipe")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(mode: u32, membership: Membership) -> Access {
        Access {
            path: PathBuf::from("/run/netmon/agent.sock"),
            barrier: Barrier::Socket,
            rights: Some(Rights {
                owner: "root".to_owned(),
                group: "netmon".to_owned(),
                mode,
            }),
            user: "alice".to_owned(),
            membership,
        }
    }

    #[test]
    fn the_way_in_depends_on_the_membership() {
        for (mode, membership, expected) in [
            (
                0o660,
                Membership::Outside,
                "      sudo usermod -aG netmon alice\n",
            ),
            (
                0o660,
                Membership::NotYet,
                "does not know it yet. Log in again, or for this shell:\n      newgrp netmon",
            ),
            (0o660, Membership::Inside, "something else forbids it"),
            (
                0o600,
                Membership::Inside,
                "only root may enter with this mode.",
            ),
            (
                0o600,
                Membership::Outside,
                "only root may enter with this mode.",
            ),
        ] {
            let text = access(mode, membership).to_string();
            assert!(text.contains(expected), "{text}");
            assert!(text.lines().count() <= 5, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_not_guessed() {
        let blind = Access {
            rights: None,
            ..access(0, Membership::Outside)
        };
        assert_eq!(
            blind.to_string(),
            "no permission for /run/netmon/agent.sock"
        );
    }
}
