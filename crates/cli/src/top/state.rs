//! What outlives a session: the filters that were typed, one a line, oldest first.

use std::env;
use std::fs;
use std::fs::DirBuilder;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

/// Filters kept.
const MOST: usize = 100;
/// A larger file is not ours.
const MOST_BYTES: u64 = 1 << 20;

/// Where it is; `None`: this user has no place for it.
pub fn path() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    Some(state?.join("netmon/history"))
}

/// The filters of earlier sessions; none when there is no file or it cannot be read.
pub fn load(path: &Path) -> Vec<String> {
    let small = fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= MOST_BYTES);
    let text = match small {
        true => fs::read_to_string(path).unwrap_or_default(),
        false => String::new(),
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

/// Adds the filters of this session behind those that other sessions have kept meanwhile.
///
/// # Errors
/// The file cannot be written.
pub fn save(path: &Path, filters: &[String]) -> io::Result<()> {
    let known = load(path);
    if known == filters || filters.is_empty() {
        return Ok(());
    }
    let mut all: Vec<&String> = known
        .iter()
        .filter(|known| !filters.contains(known))
        .collect();
    all.extend(filters);
    let over = all.len().saturating_sub(MOST);
    let mut text = String::new();
    for line in &all[over..] {
        text.push_str(line);
        text.push('\n');
    }
    if let Some(directory) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
    }
    // What one looked for may be nobody else's business. Written aside first, so that a full disk
    // leaves the old file.
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_of_two_sessions_are_both_kept() {
        let directory = env::temp_dir().join(format!("netmon-state-{}", std::process::id()));
        let path = directory.join("netmon/history");
        let some = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(load(&path), some(&[]));
        save(&path, &some(&["a", "b"])).unwrap();
        // Another session started before and knows nothing of these two.
        save(&path, &some(&["c", "a"])).unwrap();
        assert_eq!(load(&path), some(&["b", "c", "a"]));
        let many: Vec<_> = (0..300).map(|n| n.to_string()).collect();
        save(&path, &many).unwrap();
        assert_eq!(load(&path), many[200..]);
        fs::remove_dir_all(directory).unwrap();
    }
}
