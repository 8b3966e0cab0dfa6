//! `netmon connections`: who talks to whom, once or again and again.

use crate::args::connections::ConnectionsArgs;
use crate::args::connections::TcpState;
use crate::args::global::GlobalArgs;
use crate::args::selection::StateChoice;
use crate::args::shaping::SortArg;
use crate::args::watch::WatchArgs;
use crate::failure::Failure;
use crate::filter::Need;
use crate::filter::Selection;
use crate::outcome::Outcome;
use crate::outcome::Signals;
use crate::output::connections::Wish;
use crate::output::sink::Sink;
use crate::output::Pace;
use crate::output::Printer as _;
use crate::session::watch::Details;
use crate::session::Session;
use crate::tell::Tell;
use crate::watch;

/// Runs the command.
///
/// # Errors
/// The options do not fit, the agent cannot be reached or knows no connections, or the output
/// cannot be written.
pub async fn run(mut args: ConnectionsArgs, global: &GlobalArgs) -> Result<Outcome, Failure> {
    args.selection.state.get_or_insert(StateChoice::All);
    let mut selection = Selection::new(&args.selection)?;
    if !args.state_tcp.is_empty() {
        let states: Vec<_> = args.state_tcp.iter().copied().map(TcpState::name).collect();
        selection.and(&format!("proto:tcp state:{}", states.join(",")))?;
    }
    selection.needs.insert(0, Need::connections("connections"));
    let wish = Wish {
        global,
        args: &args,
        selection: &selection,
        pace: if args.interval.is_some() {
            Pace::Stream
        } else {
            Pace::Once
        },
    };
    let mut printer = wish.printer()?;
    if wish.pace == Pace::Stream {
        let args = repeating(args);
        let printer = Box::new(printer);
        return watch::stream(&args, global, selection, printer, Details::Connections).await;
    }
    let mut signals = Signals::catch()?;
    let list = async {
        let mut session = Session::open(&global.target()).await?;
        session.agent().require(&selection.needs)?;
        let filter = selection.filter_with_states();
        let sample = session.connections(filter, args.closed).await?;
        Ok::<_, Failure>((session, sample))
    };
    let (session, sample) = tokio::select! {
        list = list => list?,
        outcome = signals.next() => return Ok(outcome),
    };
    Tell::new(global).limits(session.agent(), selection.scope);
    let mut text = String::new();
    let view = watch::view(
        &selection,
        watch::sort(&SortArg::default())?,
        None,
        session.agent(),
    );
    printer.begin(session.agent(), &mut text);
    printer.sample(&view.block(&sample), &mut text);
    printer.end("done", &mut text);
    let mut sink = Sink::open(args.output.output.as_deref())?;
    tokio::select! {
        written = sink.write(text) => written.map(|_| Outcome::Done),
        outcome = signals.next() => Ok(outcome),
    }
}

fn repeating(args: ConnectionsArgs) -> WatchArgs {
    WatchArgs {
        interval: args.interval,
        count: args.count,
        idle: true,
        selection: args.selection,
        output: args.output,
        ..WatchArgs::default()
    }
}
