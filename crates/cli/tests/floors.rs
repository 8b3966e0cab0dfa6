//! The order of the house: a module imports only modules of the floors below it.

// Helpers of tests may panic as tests may.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// The crates and their floors, from the ground up.
const HOUSES: [(&str, &[&str]); 3] = [
    (
        "bpf",
        &[
            "skeleton",
            "trace_skeleton",
            "hook_set",
            "error",
            "abi",
            "digest",
            "memory",
            "unpreempted",
            "standstill",
            "batch",
            "ring",
            "connection",
            "support",
            "preemption",
            "plan",
            "layout",
            "object",
            "seeder",
            "lister",
            "pins",
            "sockets",
            "traffic",
            "trace",
            "cgroup",
            "interfaces",
            "lib",
        ],
    ),
    (
        "agent",
        &[
            "causes",
            "clock",
            "names",
            "cgroup",
            "containers",
            "process",
            "rate",
            "connection",
            "frame",
            "history",
            "config",
            "ground",
            "past",
            "roster",
            "connections",
            "ledger",
            "interest",
            "collector",
            "hub",
            "simulate",
            "source",
            "capabilities",
            "subject",
            "selection",
            "sieve",
            "grouping",
            "trace",
            "wire",
            "status",
            "viewer",
            "service",
            "socket",
            "server",
            "check",
            "failure",
            "lib",
            "main",
        ],
    ),
    (
        "cli",
        &[
            "text",
            "units",
            "rate",
            "row",
            "matching",
            "resolve",
            "target",
            "args",
            "group",
            "failure",
            "filter",
            "session",
            "outcome",
            "tell",
            "output",
            "query",
            "watch",
            "processes",
            "connections",
            "trace",
            "status",
            "manual",
            "log",
            "selftest",
            "top",
            "bench",
            "main",
        ],
    ),
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

/// `lib` and `main` name the floors; `plan_tests` belongs to `plan`.
fn floor(floors: &[&str], module: &str) -> Option<usize> {
    let module = module.strip_suffix("_tests").unwrap_or(module);
    floors.iter().position(|floor| *floor == module)
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
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut wrong = Vec::new();
    for (house, floors) in HOUSES {
        let root = crates.join(house).join("src");
        let mut files = Vec::new();
        sources(&root, &mut files);
        assert!(!files.is_empty(), "{house}");
        for file in files {
            let name = file.strip_prefix(&root).unwrap().display().to_string();
            let module = name.split(['/', '.']).next().unwrap_or_default();
            let Some(own) = floor(floors, module) else {
                wrong.push(format!("{house}/{name}: {module} has no floor"));
                continue;
            };
            let source = fs::read_to_string(&file).unwrap();
            // Tests may look at the whole house.
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            if name.ends_with("_tests.rs") {
                continue;
            }
            wrong.extend(
                imports(source)
                    .filter(|import| floor(floors, import).is_some_and(|floor| floor > own))
                    .map(|import| format!("{house}/{name}: {import} is above {module}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
