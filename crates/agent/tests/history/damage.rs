//! Damaged files: what is whole is read, what is not is left out and counted, nothing is made up.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use netmon_agent::history::tiers;
use netmon_agent::history::Header;
use netmon_agent::history::Options;
use netmon_agent::history::Query;
use netmon_agent::history::Subject;

use crate::world::answered;
use crate::world::expected;
use crate::world::open;
use crate::world::options;
use crate::world::wait_for;
use crate::world::Sums;
use crate::world::World;
use crate::world::SECOND;

/// Many files are made: in memory, where there is such a place.
pub fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

fn one_tier(directory: &Path) -> Options {
    Options {
        tiers: tiers("1d@1s").unwrap(),
        ..options(Some(directory), 1)
    }
}

/// A sealed segment of seven ticks and a growing one of six.
fn written(directory: &Path) -> World {
    let mut world = World::new(1);
    let (history, _) = open(&one_tier(directory));
    for n in 0..13u64 {
        let ends: &[u32] = if n == 9 { &[2] } else { &[] };
        let moves = [
            (1, 0, n + 1, 1000 + n),
            (2, 5, n * n, 3),
            (3 + n as u32 / 5, 2, 7, n),
        ];
        let (frame, moment) = world.tick(&moves, ends);
        history.append(&frame, moment);
    }
    drop(history);
    world
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.join("1000ms")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Bytes by tick.
type Ticks = BTreeMap<u64, Sums>;

/// What is read from a directory: over all, by tick, and the header.
fn read(directory: &Path) -> (Sums, Ticks, Header, u64) {
    let (history, _) = open(&one_tier(directory));
    let damaged = history.status().damaged;
    let snapshot = history.snapshot();
    let answer = snapshot.answer(Query::default());
    let header = answer.header.clone();
    let whole: Vec<_> = answer.collect();
    let by_tick = Query {
        step: SECOND,
        ..Query::default()
    };
    let mut ticks = Ticks::new();
    for step in snapshot.answer(by_tick) {
        for row in &step.rows {
            assert!(matches!(row.subject, Subject::Process(..)));
        }
        assert!(
            ticks.insert(step.seq, answered([&step])).is_none(),
            "a tick told twice"
        );
    }
    (answered(&whole), ticks, header, damaged)
}

/// Whether it is true, and complete but for so many ticks.
fn check(world: &World, directory: &Path, lost: usize, what: &str) {
    let (whole, ticks, header, damaged) = read(directory);
    let mut missing = 0;
    for told in &world.told {
        let Some(read) = ticks.get(&told.seq) else {
            missing += 1;
            continue;
        };
        let truth = expected([told]);
        for (key, sum) in read {
            assert_eq!(truth.get(key), Some(sum), "{what}: tick {}", told.seq);
        }
    }
    assert!(ticks.len() <= world.told.len(), "{what}");
    assert!(missing <= lost, "{what}: {missing} ticks are lost");
    let truth = expected(&world.told);
    for (key, sum) in &whole {
        let most = truth[key];
        assert!(sum.0 <= most.0 && sum.1 <= most.1, "{what}: {key:?}");
    }
    if whole != truth {
        assert!(
            header.damaged + damaged + header.missing > 0,
            "{what}: nothing is said"
        );
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("1000ms")).unwrap();
    for old in files(to) {
        fs::remove_file(old).unwrap();
    }
    for file in files(from) {
        fs::copy(&file, to.join("1000ms").join(file.file_name().unwrap())).unwrap();
    }
}

#[test]
fn a_flipped_bit_costs_what_it_hits() {
    let (original, broken) = (scratch(), scratch());
    let world = written(original.path());
    assert_eq!(read(original.path()).0, expected(&world.told));
    // Opened once more: what grew is sealed by now.
    let kept = scratch();
    let world_too = written(kept.path());
    assert_eq!(world_too.told.len(), world.told.len());
    let names: Vec<PathBuf> = files(kept.path());
    assert_eq!(names.len(), 2, "{names:?}");
    for file in names {
        let bytes = fs::read(&file).unwrap();
        let name = file.file_name().unwrap();
        for at in 0..bytes.len() {
            copy(kept.path(), broken.path());
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(broken.path().join("1000ms").join(name), &bytes).unwrap();
            // Of a sealed segment no tick is lost as a whole; of a growing one the one that is hit.
            check(
                &world,
                broken.path(),
                1,
                &format!("{} byte {at}", name.display()),
            );
        }
    }
}

#[test]
fn a_file_cut_short_costs_its_end() {
    let (kept, broken) = (scratch(), scratch());
    let world = written(kept.path());
    let rows = files(kept.path()).pop().unwrap();
    let bytes = fs::read(&rows).unwrap();
    let target = broken.path().join("1000ms").join(rows.file_name().unwrap());
    let mut before = 0;
    for length in 0..=bytes.len() {
        copy(kept.path(), broken.path());
        fs::write(&target, &bytes[..length]).unwrap();
        let (_, ticks, ..) = read(broken.path());
        for told in world.told.iter().take(ticks.len()) {
            assert_eq!(ticks[&told.seq], expected([told]), "cut at {length}");
        }
        assert!(ticks.len() >= before.max(7), "cut at {length}");
        before = ticks.len();
    }
    assert_eq!(before, world.told.len());
}

#[test]
fn a_crash_while_sealing_loses_and_doubles_nothing() {
    let (kept, sealed) = (scratch(), scratch());
    let world = written(kept.path());
    copy(kept.path(), sealed.path());
    let (history, _) = open(&one_tier(sealed.path()));
    wait_for("sealed", || {
        files(sealed.path())
            .iter()
            .all(|f| f.extension().unwrap() == "sealed1")
    });
    drop(history);
    let whole = fs::read(files(sealed.path()).pop().unwrap()).unwrap();
    let rows = files(kept.path()).pop().unwrap();
    let stem = rows.file_stem().unwrap().to_owned();
    let truth = expected(&world.told);
    // Not finished, at any length; finished beside the rows; finished.
    for (length, end, keep_rows) in (0..whole.len())
        .step_by(13)
        .map(|length| (length, "tmp", true))
        .chain([
            (whole.len(), "sealed1", true),
            (whole.len(), "sealed1", false),
        ])
    {
        let broken = scratch();
        copy(kept.path(), broken.path());
        let tier = broken.path().join("1000ms");
        let name = format!("{}.{end}", stem.display());
        fs::write(tier.join(name), &whole[..length]).unwrap();
        if !keep_rows {
            fs::remove_file(tier.join(rows.file_name().unwrap())).unwrap();
        }
        assert_eq!(read(broken.path()).0, truth, "{length} bytes of .{end}");
        assert!(files(broken.path())
            .iter()
            .all(|f| f.extension().unwrap() != "tmp"));
    }
}

#[test]
fn files_of_another_version_are_left_alone_and_told() {
    let kept = scratch();
    let world = written(kept.path());
    let strange = kept.path().join("1000ms/0000000000000001.sealed9");
    fs::write(&strange, "something").unwrap();
    let (history, past) = open(&one_tier(kept.path()));
    assert!(
        past.notes.iter().any(|note| note.contains("1 files")),
        "{:?}",
        past.notes
    );
    assert_eq!(crate::world::whole(&history), expected(&world.told));
    assert!(strange.exists());
}
