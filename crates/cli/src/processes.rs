//! `netmon processes`: who moves how much, once.

use crate::args::global::GlobalArgs;
use crate::args::query::GroupChoice;
use crate::args::shaping::SortArg;
use crate::args::watch::ProcessesArgs;
use crate::args::watch::WatchArgs;
use crate::failure::Failure;
use crate::filter::Selection;
use crate::group::narrow::narrow;
use crate::outcome::Outcome;
use crate::outcome::Signals;
use crate::output::block::Idle;
use crate::output::sink::Sink;
use crate::output::Events;
use crate::output::Pace;
use crate::output::Wish;
use crate::session::watch::Details;
use crate::session::Session;
use crate::tell::Tell;
use crate::watch;

/// Runs the command; with an interval it is `watch` with idle rows.
///
/// # Errors
/// The options do not fit, the agent cannot be reached, or the output cannot be written.
pub async fn run(args: ProcessesArgs, global: &GlobalArgs) -> Result<Outcome, Failure> {
    if args.interval.is_some() {
        return watch::run(&repeating(args), global).await;
    }
    let selected = Selection::new(&args.selection)?;
    let mut selection = selected.clone();
    let wish = Wish {
        global,
        shaping: &args.shaping,
        output: &args.output,
        selection: &selected,
        pace: Pace::Once,
        events: Events::Usual,
        group: args.group,
        details: args.details,
        idle: Idle::Shown,
    };
    let mut printer = wish.printer()?;
    let grouped = args.group != GroupChoice::Process;
    // Groups are put in order by their printer.
    let usual = SortArg::default();
    let sort = watch::sort(if grouped { &usual } else { &args.shaping.sort })?;
    let top = args.shaping.top.filter(|_| !grouped);
    let details = watch::wanted_details(args.group, args.details, &mut selection);
    let mut signals = Signals::catch()?;
    let list = async {
        let mut session = Session::open(&global.target()).await?;
        session.agent().require(&selection.needs)?;
        let sample = match details {
            Details::None => session.processes(selection.filter_with_states()).await?,
            Details::Connections => session.snapshot(selection.filter_with_states()).await?,
        };
        Ok::<_, Failure>((session, sample))
    };
    let (session, mut sample) = tokio::select! {
        list = list => list?,
        outcome = signals.next() => return Ok(outcome),
    };
    Tell::new(global).limits(session.agent(), selection.scope);
    if let Some(filter) = &selection.narrow {
        narrow(&mut sample, filter);
    }
    let mut view = watch::view(&selection, sort, top, session.agent());
    if args.details {
        view.details = Some(watch::details_view(&selection, session.agent()));
    }
    let mut text = String::new();
    printer.begin(session.agent(), &mut text);
    printer.sample(&view.block(&sample), &mut text);
    printer.end("done", &mut text);
    let mut sink = Sink::open(args.output.output.as_deref())?;
    tokio::select! {
        written = sink.write(text) => written.map(|_| Outcome::Done),
        outcome = signals.next() => Ok(outcome),
    }
}

fn repeating(args: ProcessesArgs) -> WatchArgs {
    WatchArgs {
        interval: args.interval,
        idle: true,
        group: args.group,
        details: args.details,
        selection: args.selection,
        shaping: args.shaping,
        output: args.output,
        ..WatchArgs::default()
    }
}
