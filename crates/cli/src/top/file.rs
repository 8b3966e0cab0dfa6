//! Files that the user asks for.

use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;

/// Makes a file with `text` in it. One that is there already is never touched.
///
/// # Errors
/// Why there is none, for the user.
pub fn create(path: &str, text: &str) -> Result<(), String> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{path} exists: type another name"),
        io::ErrorKind::NotFound => format!("{path}: there is no such directory"),
        io::ErrorKind::PermissionDenied => format!("{path}: permission denied"),
        _ => format!("{path}: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::create;

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.csv").display().to_string();
        create(&path, "one").unwrap();
        let problem = create(&path, "two").unwrap_err();
        assert!(problem.ends_with("exists: type another name"), "{problem}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
        let nowhere = directory.path().join("no/a.csv").display().to_string();
        assert!(create(&nowhere, "")
            .unwrap_err()
            .contains("no such directory"));
    }
}
