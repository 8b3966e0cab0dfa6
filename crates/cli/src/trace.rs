//! `netmon trace`: packets on their way through the kernel, point by point, as long as it runs.

mod follow;
pub mod points;
mod request;

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use self::follow::Follow;
use self::follow::Goal;
use crate::args::global::GlobalArgs;
use crate::args::trace::TraceArgs;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::outcome::Signals;
use crate::output::sink::Sink;
use crate::output::trace;
use crate::row::packet::Point;
use crate::session::Session;
use crate::tell::Tell;
use crate::text::sanitize;
use crate::watch;

// After so long people ask themselves what they wait for.
const SOON: Duration = Duration::from_secs(1);

/// Runs the command.
///
/// # Errors
/// The options do not fit, the agent cannot trace or be reached, or the output cannot be written.
pub async fn run(args: TraceArgs, global: &GlobalArgs) -> Result<Outcome, Failure> {
    let request = request::request(&args)?;
    let printer = trace::printer(&args, global, request::is_ipv6(&request))?;
    let (place, goal) = goal(&args)?;
    let tell = Tell::new(global);
    let mut signals = Signals::catch()?;
    let target = global.target();
    let mut session = tokio::select! {
        session = Session::open(&target) => session?,
        outcome = signals.next() => return Ok(outcome),
    };
    watch::find_pids(&mut session, &args.pids, tell).await?;
    let known = session.agent().trace_points.clone();
    let start = session.trace(request);
    tokio::pin!(start);
    let late = tokio::time::sleep(SOON);
    tokio::pin!(late);
    let mut said = false;
    let trace = loop {
        tokio::select! {
            trace = &mut start => break trace.map_err(|failure| explain(failure, &known))?,
            outcome = signals.next() => return Ok(outcome),
            () = &mut late, if !said => {
                tell.line("netmon: the agent puts its programs into the kernel; this may take some seconds");
                said = true;
            }
        }
    };
    // After the agent has agreed: what is there is not replaced for nothing.
    let sink = Sink::open(place)?;
    tell_missing(trace.points(), tell, global.verbose > 0);
    Follow::new(printer, sink, signals, tell, &args, goal)
        .run(trace)
        .await
}

// Where the output goes, and what it is.
fn goal(args: &TraceArgs) -> Result<(Option<&Path>, Goal), Failure> {
    let Some(file) = args.pcapng.as_deref() else {
        let goal = if args.stats {
            Goal::Counts
        } else {
            Goal::Packets
        };
        return Ok((args.output.as_deref(), goal));
    };
    if file != Path::new("-") {
        let name = sanitize(&file.to_string_lossy()).into_owned();
        return Ok((Some(file), Goal::Capture(name)));
    }
    if std::io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "--pcapng - writes binary data, and stdout is a terminal. Use a file or a pipe:\n      \
             netmon trace --pcapng - | tshark -r -"
                .to_owned(),
        ));
    }
    Ok((None, Goal::Capture("stdout".to_owned())))
}

// Adds what this kernel could do.
fn explain(failure: Failure, points: &[Point]) -> Failure {
    match failure {
        Failure::Impossible { what, reason }
            if points.iter().any(|point| point.refused.is_none()) =>
        {
            let reason = format!(
                "{reason}\n  This kernel allows {}.",
                points::allowed(points)
            );
            Failure::Impossible { what, reason }
        }
        other => other,
    }
}

// Once, which points are not there.
fn tell_missing(points: &[Point], tell: Tell, verbose: bool) {
    let missing = points::missing(points);
    if missing.is_empty() {
        return;
    }
    let share = points::share(points);
    if verbose {
        tell.warning(&format!("this kernel allows {share}"));
        for group in missing {
            tell.line(&format!("  not {}", group.text()));
        }
        return;
    }
    let names: Vec<_> = missing
        .iter()
        .flat_map(|group| group.names.iter().copied())
        .collect();
    tell.warning(&format!(
        "this kernel allows {share}, not {} (-v says why)",
        sanitize(&names.join(", "))
    ));
}
