//! `netmon watch`: samples of the agent as text, CSV or JSON lines, until told to stop.

mod endings;
mod past;
mod stream;

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use netmon_api::filter::Filter;
use netmon_api::v1;

use self::past::Past;
use self::stream::Limits;
use self::stream::Stream;
use crate::args::global::GlobalArgs;
use crate::args::query::GroupChoice;
use crate::args::shaping::SortArg;
use crate::args::watch::WatchArgs;
use crate::failure::Failure;
use crate::filter::Need;
use crate::filter::Selection;
use crate::filter::States;
use crate::outcome::Outcome;
use crate::outcome::Signals;
use crate::output::block::Idle;
use crate::output::block::Reach;
use crate::output::block::Sort;
use crate::output::block::View;
use crate::output::columns;
use crate::output::connections;
use crate::output::connections::block::View as ConnectionView;
use crate::output::numbers::Known;
use crate::output::sink::Sink;
use crate::output::Events;
use crate::output::Pace;
use crate::output::Printer;
use crate::output::Wish;
use crate::query::when;
use crate::query::when::Edges;
use crate::session::agent::Agent;
use crate::session::merge::Merge;
use crate::session::watch::Details;
use crate::session::watch::Follow;
use crate::session::watch::Reconnect;
use crate::session::Session;
use crate::tell::Tell;
use crate::units::span;

/// Runs the command.
///
/// # Errors
/// The options do not fit, the agent cannot be reached, or the output cannot be written.
pub async fn run(args: &WatchArgs, global: &GlobalArgs) -> Result<Outcome, Failure> {
    let selection = Selection::new(&args.selection)?;
    let events = if args.events {
        Events::Wanted
    } else {
        Events::Usual
    };
    let wish = Wish {
        global,
        shaping: &args.shaping,
        output: &args.output,
        selection: &selection,
        pace: Pace::Stream,
        events,
        group: args.group,
        details: args.details,
        idle: shows_idle(args, &selection),
    };
    let printer = wish.printer()?;
    let mut selection = selection;
    let details = wanted_details(args.group, args.details, &mut selection);
    stream(args, global, selection, printer, details).await
}

/// Streams samples into `printer`; of the options for forms and columns only the file counts.
///
/// # Errors
/// As [`run`].
pub async fn stream(
    args: &WatchArgs,
    global: &GlobalArgs,
    selection: Selection,
    printer: Box<dyn Printer>,
    details: Details,
) -> Result<Outcome, Failure> {
    let sort = match args.group {
        GroupChoice::Process => sort(&args.shaping.sort)?,
        // Groups are put in order by their printer.
        _ => self::sort(&SortArg::default())?,
    };
    let tell = Tell::new(global);
    let mut signals = Signals::catch()?;
    let target = global.target();
    let mut session = tokio::select! {
        session = Session::open(&target) => session?,
        outcome = signals.next() => return Ok(outcome),
    };
    session.agent().require(&selection.needs)?;
    let ticks = ticks(args.interval, session.agent().tick)?;
    find_pids(&mut session, &selection.filter.pids, tell).await?;
    tell.limits(session.agent(), selection.scope);
    let grouped = args.group != GroupChoice::Process;
    // A group is made of all its processes.
    let top = args.shaping.top.filter(|_| !grouped);
    let mut view = view(&selection, sort, top, session.agent());
    if !grouped {
        view.idle = shows_idle(args, &selection);
    }
    if args.details {
        view.details = Some(details_view(&selection, session.agent()));
    }
    if let (Some(_), Some(need)) = (&args.since, selection.needs.first()) {
        return Err(Failure::NotKept {
            what: format!("--since with {}", need.what),
        });
    }
    let stream = Stream {
        printer,
        view,
        merge: Merge::new(ticks),
        narrow: selection.narrow.clone(),
        sink: Sink::open(args.output.output.as_deref())?,
        signals,
        tell,
        limits: Limits {
            count: args.count,
            duration: args.duration,
        },
        end: None,
        printed: 0,
    };
    let past = match &args.since {
        None => None,
        Some(since) => {
            let here = when::here(session.agent());
            let edges = Edges::new(Some(since), None, &here, tell)?;
            Some(Past::new(&session, &selection.filter, edges, global.time))
        }
    };
    let reconnect = if args.no_reconnect {
        Reconnect::Never
    } else {
        Reconnect::Always
    };
    let follow = Follow {
        filter: selection.filter,
        reconnect,
        details,
    };
    stream.run(session, follow, past).await
}

/// How to look at samples of `agent`; idle rows are shown.
pub fn view(selection: &Selection, sort: Sort, top: Option<usize>, agent: &Agent) -> View {
    View {
        scope: selection.scope,
        states: selection.states,
        reach: if selection.is_narrow() {
            Reach::Selected
        } else {
            Reach::Machine
        },
        idle: Idle::Shown,
        sort,
        top,
        known: Known {
            // Connections that are gone took their numbers with them.
            totals: selection.narrow.is_none(),
            ..Known::new(&agent.capabilities, selection.scope)
        },
        details: None,
    }
}

/// How to look at the connections below each process.
pub fn details_view(selection: &Selection, agent: &Agent) -> ConnectionView {
    ConnectionView {
        scope: selection.scope,
        states: States::All,
        // Words about processes have chosen processes already.
        words: selection.words.clone().filter(Filter::uses_connections),
        sort: connections::by_rate(),
        top: None,
        known: Some(Known::new(&agent.capabilities, selection.scope)),
    }
}

/// What has to be asked for besides processes; adds to what the agent has to be able to do.
pub fn wanted_details(group: GroupChoice, details: bool, selection: &mut Selection) -> Details {
    if group.needs_connections() {
        selection.needs.push(Need::connections("this --group"));
    }
    if group == GroupChoice::Interface {
        selection.needs.push(Need::interface("--group interface"));
    }
    if details {
        selection.needs.push(Need::connections("--details"));
    }
    if details || group.needs_connections() || selection.narrow.is_some() {
        Details::Connections
    } else {
        Details::None
    }
}

// Whether rows without traffic are printed.
fn shows_idle(args: &WatchArgs, selection: &Selection) -> Idle {
    let everything =
        args.idle || !selection.filter.pids.is_empty() || selection.states != States::Live;
    if everything {
        Idle::Shown
    } else {
        Idle::Hidden
    }
}

/// Looks up the column to sort by.
///
/// # Errors
/// There is no such column.
pub fn sort(wanted: &SortArg) -> Result<Sort, Failure> {
    let column = columns::find(&wanted.key)?;
    Ok(Sort {
        column,
        order: wanted.order.unwrap_or(column.first),
    })
}

// How many ticks of the agent make one sample.
fn ticks(interval: Option<Duration>, tick: Duration) -> Result<u32, Failure> {
    let Some(interval) = interval else {
        // A second, or the next longer step.
        let ticks = Duration::from_secs(1)
            .as_nanos()
            .div_ceil(tick.as_nanos().max(1));
        return Ok(u32::try_from(ticks).unwrap_or(u32::MAX).max(1));
    };
    let (wanted, step) = (interval.as_nanos(), tick.as_nanos().max(1));
    if wanted % step != 0 {
        return Err(Failure::Usage(format!(
            "--interval {} is not a multiple of the agent's tick ({})",
            span::exact(interval),
            span::exact(tick)
        )));
    }
    u32::try_from(wanted / step).map_err(|_| Failure::Usage("--interval is too long".to_owned()))
}

/// Warns of those of `pids` that neither the agent nor this machine has. A process that has moved no
/// bytes yet is not known to the agent, but will be.
///
/// # Errors
/// There is none of them, or the agent is gone.
pub async fn find_pids(session: &mut Session, pids: &[u32], tell: Tell) -> Result<(), Failure> {
    if pids.is_empty() {
        return Ok(());
    }
    let filter = v1::Filter {
        pids: pids.to_vec(),
        ..v1::Filter::default()
    };
    let known = session.processes(filter).await?;
    let known: HashSet<u32> = known.rows.iter().map(|row| row.facts.id.pid).collect();
    let runs = |pid: &u32| Path::new("/proc").join(pid.to_string()).exists();
    let unknown: Vec<_> = pids
        .iter()
        .filter(|pid| !known.contains(pid) && !runs(pid))
        .collect();
    let since = match session.agent().counting_for() {
        Some(span) => format!("in the last {}", span::format(span)),
        None => "since it counts".to_owned(),
    };
    let text = |pid: &u32| format!("no process {pid} (never seen by the agent {since})");
    if unknown.len() == pids.len() {
        return Err(Failure::NotFound(text(unknown[0])));
    }
    for pid in unknown {
        tell.warning(&text(pid));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_whole_number_of_ticks() {
        let ms = Duration::from_millis;
        for (interval, tick, expected) in [
            (None, 1000, Some(1)),
            (None, 100, Some(10)),
            (None, 300, Some(4)),
            (None, 10_000, Some(1)),
            (Some(10_000), 1000, Some(10)),
            (Some(1500), 1000, None),
            (Some(500), 1000, None),
        ] {
            assert_eq!(
                ticks(interval.map(ms), ms(tick)).ok(),
                expected,
                "{interval:?} {tick}"
            );
        }
    }
}
