//! `netmon selftest`: traffic of known size through every socket path, and what the agent made
//! of it.

pub mod ask;
pub mod cases;
pub mod compare;
pub mod crowd;
pub mod ends;
pub mod harness;
pub mod limits;
pub mod losses;
pub mod namespaces;
pub mod peer;
pub mod plan;
pub mod report;
pub mod side;
pub mod socket;
pub mod syscalls;
pub mod truth;
pub mod uring;

#[cfg(test)]
mod compare_tests;
#[cfg(test)]
mod report_tests;
#[cfg(test)]
mod tests;

use std::io;
use std::io::Write as _;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Duration;

use self::compare::compare;
use self::compare::unasked;
use self::compare::Counted;
use self::crowd::Crowd;
use self::ends::Path;
use self::harness::Ending;
use self::harness::Harness;
use self::harness::Launcher;
use self::losses::Losses;
use self::namespaces::Namespaces;
use self::plan::Run;
use self::report::Finding;
use self::report::Findings;
use self::report::Summary;
use self::truth::Account;
use crate::args::global::GlobalArgs;
use crate::args::selftest::SelftestArgs;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::outcome::Signals;
use crate::session::Session;

pub use self::peer::peer;
pub use self::peer::PeerArgs;

/// Name of the hidden command that [`peer`] serves.
pub const PEER_COMMAND: &str = "selftest-peer";

/// Runs the selected cases and prints the result. Ends degraded if anything is off.
///
/// # Errors
/// There is no usable agent, no case matches, or the result cannot be printed.
pub async fn run(args: &SelftestArgs, global: &GlobalArgs) -> Result<Outcome, Failure> {
    if args.list {
        return print(&list()).map(|()| Outcome::Done);
    }
    let paths: &[Path] = if args.loopback_only {
        &[Path::Lo]
    } else {
        &[Path::Lo, Path::Veth]
    };
    let runs = plan::runs(&args.pattern, paths, args.load);
    if runs.is_empty() {
        let pattern = &args.pattern;
        return Err(Failure::Usage(format!(
            "no case matches '{pattern}'\n  netmon selftest --list names them."
        )));
    }
    let mut session = match args.dry_run {
        true => None,
        false => Some(Session::open(&global.target()).await?),
    };
    let obstacles = runs
        .iter()
        .map(|run| ask::obstacle(session.as_ref()?.agent(), run));
    let obstacles: Vec<Option<String>> = obstacles.collect();
    let possible = obstacles.iter().filter(|why| why.is_none()).count();
    eprintln!("running {possible} cases");
    let launcher = Launcher {
        program: std::env::current_exe().map_err(|source| unable("find this program", source))?,
        arguments: vec![PEER_COMMAND.to_owned()],
    };
    let mut obstacles = obstacles.into_iter();
    let mut findings = Findings::new();
    let mut lost = session.as_ref().map(|_| Losses::new());
    for batch in plan::batches(&runs) {
        let obstacles: Vec<Option<String>> = obstacles.by_ref().take(batch.len()).collect();
        let open = batch
            .iter()
            .zip(&obstacles)
            .filter(|(_, why)| why.is_none());
        let possible: Vec<Run> = open.map(|(run, _)| *run).collect();
        let endings = match traffic(&launcher, possible, args.timeout).await? {
            Traffic::Made(endings) => endings,
            Traffic::Interrupted(outcome) => return Ok(outcome),
        };
        let answer = match &mut session {
            Some(session) => Some(question(session, &endings).await?),
            None => None,
        };
        if let (Some(lost), Some(answer)) = (&mut lost, &answer) {
            losses::add(lost, &answer.losses);
        }
        let mut endings = endings.into_iter();
        for (&run, obstacle) in batch.iter().zip(obstacles) {
            let ending = match obstacle {
                Some(why) => Ending::Skipped(why),
                None => endings
                    .next()
                    .unwrap_or_else(|| Ending::Failed("was not run".to_owned())),
            };
            findings.push((run, find(run, ending, answer.as_ref())));
        }
    }
    let events = lost.as_ref().map_or(0, |lost| losses::sum(lost));
    if events > 0 {
        eprintln!("the agent reports {events} lost events since the start of this test");
    }
    match args.json {
        true => print(&report::json(&findings, lost.as_ref()))?,
        false => print(&(report::table(&findings) + &report::summary(&findings, lost.as_ref())))?,
    }
    Ok(match Summary::of(&findings).is_clean() {
        true => Outcome::Done,
        false => Outcome::Degraded,
    })
}

/// How making the traffic ended.
enum Traffic {
    Made(Vec<Ending>),
    Interrupted(Outcome),
}

/// Makes the traffic beside the runtime, so that a signal ends it in order.
async fn traffic(launcher: &Launcher, runs: Vec<Run>, limit: Duration) -> Result<Traffic, Failure> {
    let mut signals = Signals::catch()?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut made = tokio::task::spawn_blocking({
        let (stop, launcher) = (Arc::clone(&stop), launcher.clone());
        move || make(launcher, &runs, limit, &stop)
    });
    let outcome = tokio::select! {
        endings = &mut made => {
            let endings = endings.map_err(|error| unable("make traffic", error.into()))?;
            return Ok(Traffic::Made(endings));
        }
        outcome = signals.next() => outcome,
    };
    stop.store(true, Ordering::Relaxed);
    // Children are ended and namespaces removed before this returns.
    made.await
        .map_err(|error| unable("make traffic", error.into()))?;
    Ok(Traffic::Interrupted(outcome))
}

/// What the agent has after a batch of runs.
#[derive(Debug)]
struct Answer {
    counted: Vec<Counted>,
    /// Since the answer before, or since the session was opened.
    losses: Losses,
}

async fn question(session: &mut Session, endings: &[Ending]) -> Result<Answer, Failure> {
    let before = session.agent().losses.clone();
    let counted = ask::ask(session, &accounts(endings)).await?;
    let losses = losses::between(&before, &session.refresh().await?.losses);
    Ok(Answer { counted, losses })
}

fn make(launcher: Launcher, runs: &[Run], limit: Duration, stop: &AtomicBool) -> Vec<Ending> {
    let wanted = runs.iter().any(|run| run.path == Path::Veth);
    let namespaces = match wanted {
        true => Namespaces::make(),
        false => Err("not needed".to_owned()),
    };
    Harness {
        launcher,
        namespaces,
        limit,
        stop,
    }
    .execute(runs)
}

fn accounts(endings: &[Ending]) -> Vec<&Account> {
    let done = endings.iter().filter_map(|ending| match ending {
        Ending::Done(accounts) => Some(accounts),
        Ending::Skipped(_) | Ending::Failed(_) => None,
    });
    done.flatten().collect()
}

fn find(run: Run, ending: Ending, answer: Option<&Answer>) -> Finding {
    let accounts = match ending {
        Ending::Skipped(why) => return Finding::Skipped(why),
        Ending::Failed(why) => return Finding::Failed(why),
        Ending::Done(accounts) => accounts,
    };
    if let Some(fault) = run.case.balance.fault(&accounts) {
        return Finding::Failed(fault);
    }
    let compared = accounts.iter().flat_map(|account| match answer {
        Some(answer) => compare(account, &answer.counted, side::ticks_per_second()),
        None => unasked(account),
    });
    let compared = compared.collect();
    match run.case.load {
        Some(_) => Finding::Crowd(Crowd::of(
            compared,
            answer.map(|answer| answer.losses.clone()),
        )),
        None => Finding::Compared(compared),
    }
}

fn list() -> String {
    cases::all()
        .map(|case| format!("{:<18} {}\n", case.name, case.about))
        .collect()
}

fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads it has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(|source| unable("write the result", source)),
    }
}

fn unable(what: &str, source: io::Error) -> Failure {
    Failure::File {
        what: format!("cannot {what}"),
        source,
    }
}
