//! The order of the house: a module imports only modules of the floors below it.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// From the ground up.
const FLOORS: [&str; 20] = [
    "text",
    "units",
    "rate",
    "row",
    "target",
    "args",
    "failure",
    "filter",
    "session",
    "outcome",
    "tell",
    "output",
    "watch",
    "processes",
    "status",
    "manual",
    "log",
    "selftest",
    "top",
    "main",
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| *floor == module)
}

// Names of top-level modules that a source uses.
fn imports(source: &str) -> impl Iterator<Item = &str> {
    source.match_indices("crate::").filter_map(|(at, path)| {
        let rest = &source[at + path.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
        Some(&rest[..end])
    })
}

#[test]
fn modules_import_downwards_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        let module = name.split(['/', '.']).next().unwrap_or_default();
        let Some(own) = floor(module) else {
            wrong.push(format!("{name}: {module} has no floor"));
            continue;
        };
        let source = fs::read_to_string(&file).unwrap();
        wrong.extend(
            imports(&source)
                .filter(|import| floor(import).is_some_and(|floor| floor > own))
                .map(|import| format!("{name}: {import} is above {module}")),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
