//! `netmon selftest`: traffic of known size through every socket path, and what the agent made
//! of it.

pub mod ask;
pub mod cases;
pub mod compare;
pub mod ends;
pub mod harness;
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
use self::ends::Path;
use self::harness::Ending;
use self::harness::Harness;
use self::harness::Launcher;
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
    let runs = plan::runs(&args.pattern, paths);
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
    let obstacles = session
        .as_ref()
        .map(|session| &session.agent().capabilities);
    let obstacles: Vec<Option<String>> = runs
        .iter()
        .map(|run| ask::obstacle(obstacles?, run))
        .collect();
    let possible: Vec<Run> = runs
        .iter()
        .zip(&obstacles)
        .filter(|(_, why)| why.is_none())
        .map(|(run, _)| *run)
        .collect();
    eprintln!("running {} cases", possible.len());
    let launcher = Launcher {
        program: std::env::current_exe().map_err(|source| unable("find this program", source))?,
        arguments: vec![PEER_COMMAND.to_owned()],
    };
    let endings = match traffic(launcher, possible, args.timeout).await? {
        Traffic::Made(endings) => endings,
        Traffic::Interrupted(outcome) => return Ok(outcome),
    };
    let counted = match &mut session {
        Some(session) => Some(question(session, &endings).await?),
        None => None,
    };
    let mut endings = endings.into_iter();
    let findings = runs.into_iter().zip(obstacles).map(|(run, obstacle)| {
        let ending = match obstacle {
            Some(why) => Ending::Skipped(why),
            None => endings
                .next()
                .unwrap_or_else(|| Ending::Failed("was not run".to_owned())),
        };
        (run, find(run, ending, counted.as_deref()))
    });
    let findings: Findings = findings.collect();
    match args.json {
        true => print(&report::json(&findings))?,
        false => print(&(report::table(&findings) + &report::summary(&findings)))?,
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
async fn traffic(launcher: Launcher, runs: Vec<Run>, limit: Duration) -> Result<Traffic, Failure> {
    let mut signals = Signals::catch()?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut made = tokio::task::spawn_blocking({
        let stop = Arc::clone(&stop);
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

async fn question(session: &mut Session, endings: &[Ending]) -> Result<Vec<Counted>, Failure> {
    let lost_before = session.agent().lost_events();
    let counted = ask::ask(session, &accounts(endings)).await?;
    let lost = session
        .refresh()
        .await?
        .lost_events()
        .saturating_sub(lost_before);
    if lost > 0 {
        eprintln!("the agent reports {lost} lost events since the start of this test");
    }
    Ok(counted)
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

fn find(run: Run, ending: Ending, counted: Option<&[Counted]>) -> Finding {
    let accounts = match ending {
        Ending::Skipped(why) => return Finding::Skipped(why),
        Ending::Failed(why) => return Finding::Failed(why),
        Ending::Done(accounts) => accounts,
    };
    if let Some(fault) = run.case.balance.fault(&accounts) {
        return Finding::Failed(fault);
    }
    let compared = accounts.iter().flat_map(|account| match counted {
        Some(counted) => compare(account, counted, side::ticks_per_second()),
        None => unasked(account),
    });
    Finding::Compared(compared.collect())
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
