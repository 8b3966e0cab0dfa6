//! The result as a table or as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::ValueEnum;
use serde::Serialize;

use super::compare::Comparison;
use super::compare::Verdict;
use super::crowd::Crowd;
use super::crowd::Group;
use super::losses;
use super::losses::Losses;
use super::plan::Run;
use super::truth::Bytes;
use super::truth::Cell;
use super::truth::Family;
use super::truth::Place;
use super::truth::Transport;

/// What came out of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Truth and counts of every process.
    Compared(Vec<Comparison>),
    /// The same for a case under load.
    Crowd(Crowd),
    /// Not possible here, and why.
    Skipped(String),
    /// Could not be carried out though it should, and why.
    Failed(String),
}

/// Runs and their findings, pairwise.
pub type Findings = Vec<(Run, Finding)>;

/// How many runs came out which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// All runs.
    pub cases: usize,
    /// Everything agreed to the byte.
    pub exact: usize,
    /// Something did not agree.
    pub off: usize,
    /// Not possible here.
    pub skipped: usize,
    /// Could not be carried out.
    pub failed: usize,
}

impl Summary {
    /// Counts the findings.
    pub fn of(findings: &Findings) -> Self {
        let mut summary = Self {
            cases: findings.len(),
            ..Self::default()
        };
        for (_, finding) in findings {
            let count = match finding {
                Finding::Skipped(_) => &mut summary.skipped,
                Finding::Failed(_) => &mut summary.failed,
                Finding::Compared(lines) if lines.iter().all(is_exact) => &mut summary.exact,
                Finding::Crowd(crowd) if crowd.is_exact() => &mut summary.exact,
                Finding::Compared(_) | Finding::Crowd(_) => &mut summary.off,
            };
            *count += 1;
        }
        summary
    }

    /// Whether nothing is wrong.
    pub fn is_clean(self) -> bool {
        self.off + self.failed == 0
    }
}

fn is_exact(line: &Comparison) -> bool {
    line.verdict == Verdict::Exact
}

const HEADER: [&str; 9] = [
    "CASE", "PATH", "FAMILY", "PROCESS", "SENT", "COUNTED", "RECEIVED", "COUNTED", "RESULT",
];
const NUMBERS: std::ops::RangeInclusive<usize> = 4..=7;
/// From this many alike on, exact lines of processes with the same part become one.
const FOLD: usize = 3;
/// As many lines that are not exact are shown of a case under load, in the table and in JSON.
const SHOWN: [usize; 2] = [5, 20];

/// The table, its header first.
pub fn table(findings: &Findings) -> String {
    let mut rows = vec![HEADER.map(str::to_owned)];
    rows.extend(
        findings
            .iter()
            .flat_map(|(run, finding)| rows_of(run, finding)),
    );
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; 9] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            // Writing to a String cannot fail.
            let _ = match NUMBERS.contains(&column) {
                true => write!(line, "{cell:>width$}  "),
                false => write!(line, "{cell:<width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The last lines. `losses` is what the agent lost over all cases; `None`: no agent was asked.
pub fn summary(findings: &Findings, losses: Option<&Losses>) -> String {
    let Summary {
        cases,
        exact,
        off,
        skipped,
        failed,
    } = Summary::of(findings);
    let failed = if failed > 0 {
        format!(", {failed} failed")
    } else {
        String::new()
    };
    let lost = losses.map_or_else(String::new, |losses| {
        format!("lost events: {}\n", list(losses))
    });
    format!("{lost}{cases} cases, {exact} exact, {off} off, {skipped} skipped{failed}\n")
}

/// `none`, or the causes with their events.
fn list(losses: &Losses) -> String {
    if losses.is_empty() {
        return "none".to_owned();
    }
    let causes = losses
        .iter()
        .map(|(cause, events)| format!("{cause} {events}"));
    causes.collect::<Vec<_>>().join(", ")
}

fn rows_of(run: &Run, finding: &Finding) -> Vec<[String; 9]> {
    let row = |process: &str, numbers: [String; 4], result: String| {
        let [sent, sent_counted, received, received_counted] = numbers;
        [
            run.case.name.to_owned(),
            name_of(&run.path),
            name_of(&run.variant),
            process.to_owned(),
            sent,
            sent_counted,
            received,
            received_counted,
            result,
        ]
    };
    let nothing = || std::array::from_fn(|_| "-".to_owned());
    match finding {
        Finding::Skipped(why) => vec![row("-", nothing(), format!("skipped: {why}"))],
        Finding::Failed(why) => vec![row("-", nothing(), format!("failed: {why}"))],
        Finding::Compared(lines) => folded(lines)
            .iter()
            .map(|line| {
                row(
                    &line.process,
                    numbers(line.truth, line.counted),
                    result(line),
                )
            })
            .collect(),
        Finding::Crowd(crowd) => {
            let groups = crowd.groups.iter().map(|group| {
                let numbers = numbers(group.truth, group.counted);
                let kind = group.cell.filter(|_| group.processes > 1).map(kind);
                let kind = kind.map_or_else(String::new, |kind| format!(" ({kind})"));
                row(&group.label(), numbers, group.result() + &kind)
            });
            let wrong = crowd.wrong.iter().take(SHOWN[0]).map(|line| {
                let numbers = numbers(line.truth, line.counted);
                row(&line.process, numbers, result(line))
            });
            let lost = crowd.losses.iter().filter(|losses| !losses.is_empty());
            let lost =
                lost.map(|losses| row("-", nothing(), format!("lost meanwhile: {}", list(losses))));
            groups.chain(wrong).chain(lost).collect()
        }
    }
}

/// Joins exact lines of many processes with the same part.
fn folded(lines: &[Comparison]) -> Vec<Comparison> {
    let mut folded: Vec<Comparison> = Vec::new();
    for line in lines {
        let alike = |other: &&Comparison| {
            is_exact(other)
                && (&other.process, other.cell) == (&line.process, line.cell)
                && other.counted.is_some() == line.counted.is_some()
        };
        let group: Vec<&Comparison> = lines.iter().filter(alike).collect();
        let Some(first) = group
            .first()
            .filter(|_| is_exact(line) && group.len() >= FOLD)
        else {
            folded.push(line.clone());
            continue;
        };
        if std::ptr::eq(*first, line) {
            let add = |sum: Bytes, more: Bytes| Bytes {
                rx: sum.rx + more.rx,
                tx: sum.tx + more.tx,
            };
            let truths = group.iter().map(|line| line.truth);
            let counts = group.iter().filter_map(|line| line.counted);
            folded.push(Comparison {
                process: format!("{} (x{})", line.process, group.len()),
                truth: truths.fold(Bytes::default(), add),
                counted: line.counted.map(|_| counts.fold(Bytes::default(), add)),
                ..line.clone()
            });
        }
    }
    folded
}

fn numbers(truth: Bytes, counted: Option<Bytes>) -> [String; 4] {
    let counted = |pick: fn(Bytes) -> u64| {
        counted.map_or_else(|| "n/a".to_owned(), |bytes| pick(bytes).to_string())
    };
    [
        truth.tx.to_string(),
        counted(|bytes| bytes.tx),
        truth.rx.to_string(),
        counted(|bytes| bytes.rx),
    ]
}

fn result(line: &Comparison) -> String {
    match (&line.verdict, line.cell) {
        (Verdict::Off { .. }, Some(cell)) => format!("{} ({})", line.verdict, kind(cell)),
        (verdict, _) => verdict.to_string(),
    }
}

fn kind(cell: Cell) -> String {
    let transport = match cell.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    let family = match cell.family {
        Family::V4 => "ipv4",
        Family::V6 => "ipv6",
    };
    let place = match cell.place {
        Place::Loopback => "loopback",
        Place::External => "external",
    };
    format!("{transport} {family} {place}")
}

fn name_of(value: &impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

#[derive(Serialize)]
struct Document {
    r#type: &'static str,
    v: u32,
    cases: Vec<CaseObject>,
    /// Of the whole test; null: no agent was asked.
    lost_events: Option<u64>,
    losses: Option<BTreeMap<String, u64>>,
    summary: Summary,
}

#[derive(Serialize)]
struct CaseObject {
    case: &'static str,
    path: String,
    family: String,
    result: &'static str,
    reason: Option<String>,
    processes: Vec<ProcessObject>,
    #[serde(flatten)]
    crowd: Option<CrowdObject>,
}

/// What a case under load has besides. Its `processes` are the first of those that are not exact.
#[derive(Serialize)]
struct CrowdObject {
    groups: Vec<GroupObject>,
    lost_events: Option<u64>,
    losses: Option<BTreeMap<String, u64>>,
}

#[derive(Serialize)]
struct GroupObject {
    process: String,
    kind: Option<Cell>,
    processes: usize,
    exact: usize,
    missing: usize,
    off: usize,
    tx_bytes: u64,
    tx_bytes_counted: Option<u64>,
    rx_bytes: u64,
    rx_bytes_counted: Option<u64>,
}

#[derive(Serialize)]
struct ProcessObject {
    process: String,
    pid: u32,
    kind: Option<Cell>,
    tx_bytes: u64,
    tx_bytes_counted: Option<u64>,
    rx_bytes: u64,
    rx_bytes_counted: Option<u64>,
    result: String,
}

/// One JSON document, with every process by itself; of cases under load the counts.
pub fn json(findings: &Findings, losses: Option<&Losses>) -> String {
    let document = Document {
        r#type: "selftest",
        v: 1,
        cases: findings
            .iter()
            .map(|(run, finding)| object(run, finding))
            .collect(),
        lost_events: losses.map(|losses| losses::sum(losses)),
        losses: losses.map(by_cause),
        summary: Summary::of(findings),
    };
    serde_json::to_string_pretty(&document)
        .map(|text| text + "\n")
        .unwrap_or_default()
}

fn by_cause(losses: &Losses) -> BTreeMap<String, u64> {
    losses.iter().cloned().collect()
}

fn object(run: &Run, finding: &Finding) -> CaseObject {
    let (result, reason, lines) = match finding {
        Finding::Skipped(why) => ("skipped", Some(why.clone()), &[][..]),
        Finding::Failed(why) => ("failed", Some(why.clone()), &[][..]),
        Finding::Compared(lines) if lines.iter().all(is_exact) => ("exact", None, &lines[..]),
        Finding::Compared(lines) => ("off", None, &lines[..]),
        Finding::Crowd(crowd) if crowd.is_exact() => ("exact", None, &[][..]),
        Finding::Crowd(crowd) => {
            let shown = crowd.wrong.len().min(SHOWN[1]);
            ("off", None, crowd.wrong.get(..shown).unwrap_or_default())
        }
    };
    let process = |line: &Comparison| ProcessObject {
        process: line.process.clone(),
        pid: line.pid,
        kind: line.cell,
        tx_bytes: line.truth.tx,
        tx_bytes_counted: line.counted.map(|bytes| bytes.tx),
        rx_bytes: line.truth.rx,
        rx_bytes_counted: line.counted.map(|bytes| bytes.rx),
        result: line.verdict.to_string(),
    };
    let crowd = match finding {
        Finding::Crowd(crowd) => Some(CrowdObject {
            groups: crowd.groups.iter().map(group).collect(),
            lost_events: crowd.losses.as_ref().map(|losses| losses::sum(losses)),
            losses: crowd.losses.as_ref().map(by_cause),
        }),
        Finding::Compared(_) | Finding::Skipped(_) | Finding::Failed(_) => None,
    };
    CaseObject {
        case: run.case.name,
        path: name_of(&run.path),
        family: name_of(&run.variant),
        result,
        reason,
        processes: lines.iter().map(process).collect(),
        crowd,
    }
}

fn group(group: &Group) -> GroupObject {
    GroupObject {
        process: group.process.clone(),
        kind: group.cell,
        processes: group.processes,
        exact: group.exact,
        missing: group.missing,
        off: group.off(),
        tx_bytes: group.truth.tx,
        tx_bytes_counted: group.counted.map(|bytes| bytes.tx),
        rx_bytes: group.truth.rx,
        rx_bytes_counted: group.counted.map(|bytes| bytes.rx),
    }
}
