//! `netmon query`: what was, over a window of time, as totals, step by step, or one tick.

pub mod notes;
mod order;
mod step;
mod tick;
pub mod when;

use netmon_api::v1;

use self::order::Ordered;
use self::when::Edges;
use crate::args::global::GlobalArgs;
use crate::args::query::GroupChoice;
use crate::args::query::QueryArgs;
use crate::args::query::StepChoice;
use crate::args::selection::StateChoice;
use crate::failure::Failure;
use crate::filter::Selection;
use crate::filter::States;
use crate::outcome::Outcome;
use crate::outcome::Signals;
use crate::output::block::Reach;
use crate::output::numbers::Known;
use crate::output::past::block::View;
use crate::output::past::Printer;
use crate::output::past::Question;
use crate::output::past::Wish;
use crate::output::sink::Sink;
use crate::output::sink::Written;
use crate::row::decode::wire_time;
use crate::session::history::restrict;
use crate::session::history::History;
use crate::session::Session;
use crate::tell::Tell;

/// What the agent's refusals are about.
const WHAT: &str = "query";

/// Runs the command.
///
/// # Errors
/// The options do not fit, the agent cannot be reached or keeps no history, or the output cannot
/// be written.
pub async fn run(mut args: QueryArgs, global: &GlobalArgs) -> Result<Outcome, Failure> {
    args.selection.state.get_or_insert(StateChoice::All);
    let selection = Selection::new(&args.selection)?;
    let group = args.group.needs_connections().then_some("this --group");
    if let Some(what) = group.or(selection.needs.first().map(|need| need.what)) {
        return Err(Failure::NotKept {
            what: format!("{WHAT} with {what}"),
        });
    }
    let question = match (&args.at, args.step) {
        (Some(_), _) => Question::Tick,
        (None, StepChoice::None) => Question::Totals,
        (None, _) => Question::Steps,
    };
    let wish = Wish {
        global,
        args: &args,
        selection: &selection,
        question,
    };
    let mut printer = wish.printer()?;
    let ordered = Ordered::new(&args.shaping, args.group, question)?;
    let tell = Tell::new(global);
    let mut signals = Signals::catch()?;
    let target = global.target();
    let asking = async {
        let mut session = Session::open(&target).await?;
        let request = request(&args, &selection, &ordered);
        let answer = ask(&mut session, request, &args, tell).await?;
        Ok::<_, Failure>((session, answer))
    };
    let (session, answer) = tokio::select! {
        asked = asking => asked?,
        outcome = signals.next() => return Ok(outcome),
    };
    tell.limits(session.agent(), selection.scope);
    let view = View {
        group: args.group,
        scope: selection.scope,
        reach: if selection.is_narrow() || selection.states != States::All {
            Reach::Selected
        } else {
            Reach::Machine
        },
        idle: question == Question::Tick,
        sort: ordered.sort,
        top: args.shaping.top,
        known: Known::new(&session.agent().capabilities, selection.scope),
    };
    let sink = Sink::open(args.output.output.as_deref())?;
    let mut output = Output {
        sink,
        signals,
        view,
        rows: 0,
    };
    let Answer {
        mut history,
        edges,
        complete,
    } = answer;
    let window = history.window().clone();
    notes::before(&window, &edges, session.agent().tick, tell, global.time);
    match output.print(&mut history, printer.as_mut()).await? {
        End::Read => {}
        End::Unread => return Ok(Outcome::Done),
        End::Signal(outcome) => return Ok(outcome),
    }
    notes::footer(&window, tell, global.time);
    if !args.strict {
        return Ok(Outcome::Done);
    }
    if output.rows == 0 {
        tell.warning("nothing matches in this window");
        return Ok(Outcome::Incomplete);
    }
    Ok(match complete {
        Complete::Yes => Outcome::Done,
        Complete::No => Outcome::Incomplete,
    })
}

/// An answer and what it was an answer to.
struct Answer {
    history: History,
    edges: Edges,
    complete: Complete,
}

// Whether the history reaches as far back as was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Complete {
    Yes,
    No,
}

// Everything but the time.
fn request(args: &QueryArgs, selection: &Selection, ordered: &Ordered) -> v1::QueryHistoryRequest {
    let mut request = v1::QueryHistoryRequest {
        filter: Some(selection.filter_with_states()),
        top: ordered.top,
        ascending: ordered.ascending,
        ..v1::QueryHistoryRequest::default()
    };
    request.set_order(ordered.order);
    request.set_group_by(match args.group {
        GroupChoice::Process => v1::GroupBy::Process,
        GroupChoice::Name => v1::GroupBy::Name,
        GroupChoice::User => v1::GroupBy::User,
        GroupChoice::Unit => v1::GroupBy::Unit,
        GroupChoice::Cgroup => v1::GroupBy::Cgroup,
        GroupChoice::Container => v1::GroupBy::Container,
        GroupChoice::Proto => v1::GroupBy::Proto,
        GroupChoice::Family => v1::GroupBy::Family,
        GroupChoice::State => v1::GroupBy::State,
        // Refused before it comes to this.
        GroupChoice::Remote | GroupChoice::Port | GroupChoice::Interface => {
            v1::GroupBy::Unspecified
        }
    });
    restrict(&mut request, selection.scope);
    request
}

async fn ask(
    session: &mut Session,
    mut request: v1::QueryHistoryRequest,
    args: &QueryArgs,
    tell: Tell,
) -> Result<Answer, Failure> {
    let here = when::here(session.agent());
    if let Some(at) = &args.at {
        let asked = when::place("--at", at, &here, tell)?;
        return tick::ask(session, request, &asked, tell).await;
    }
    let edges = Edges::new(args.since.as_ref(), args.until.as_ref(), &here, tell)?;
    request.since = edges.since().map(wire_time);
    request.until = edges.until.map(wire_time);
    let step = match args.step {
        StepChoice::None => None,
        StepChoice::Every(step) => Some(step),
        StepChoice::Auto => {
            let length = step::length(session, &request, &edges, here.now).await?;
            Some(step::round(length, session.agent().tick))
        }
    };
    request.step_ns = step.map_or(0, |step| u64::try_from(step.as_nanos()).unwrap_or(u64::MAX));
    let history = session.history(request, WHAT).await?;
    let window = history.window();
    if let (Some(asked), Some(used)) = (step, window.step) {
        notes::raised(asked, used, tell);
    }
    let complete = match (edges.since(), window.oldest) {
        (Some(since), Some(oldest)) if since < oldest => Complete::No,
        (_, None) => Complete::No,
        _ => Complete::Yes,
    };
    Ok(Answer {
        history,
        edges,
        complete,
    })
}

struct Output {
    sink: Sink,
    signals: Signals,
    view: View,
    rows: usize,
}

enum End {
    Read,
    Unread,
    Signal(Outcome),
}

impl Output {
    async fn print(
        &mut self,
        history: &mut History,
        printer: &mut dyn Printer,
    ) -> Result<End, Failure> {
        let window = history.window().clone();
        let mut text = String::new();
        printer.begin(&window, &mut text);
        loop {
            let next = tokio::select! {
                next = history.next() => next?,
                outcome = self.signals.next() => return Ok(End::Signal(outcome)),
            };
            match &next {
                Some(step) => {
                    self.rows += step.rows.len();
                    printer.step(&self.view.block(step, &window), &mut text);
                }
                None => printer.end(&mut text),
            }
            let text = std::mem::take(&mut text);
            match self.sink.write_whole(text, &mut self.signals).await? {
                (Written::Unread, _) => return Ok(End::Unread),
                (Written::Whole, Some(outcome)) => return Ok(End::Signal(outcome)),
                (Written::Whole, None) => {}
            }
            if next.is_none() {
                return Ok(End::Read);
            }
        }
    }
}
