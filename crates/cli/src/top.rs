//! `netmon top`: the full screen, from the options to the last frame.

pub mod action;
pub mod bindings;
pub mod clipboard;
pub mod columns;
pub mod config;
pub mod file;
#[cfg(test)]
pub mod fixture;
pub mod hangup;
pub mod help;
pub mod keys;
pub mod layout;
pub mod model;
pub mod opening;
pub mod run;
pub mod source;
pub mod state;
pub mod terminal;
pub mod view;

use std::io;
use std::time::Instant;

use crossterm::event::EventStream;
use jiff::Timestamp;
use tokio::signal::unix::signal;
use tokio::signal::unix::SignalKind;

use self::action::Action;
use self::action::Clock;
use self::model::link::Link;
use self::model::Model;
use self::opening::Wishes;
use self::run::Outside;
use self::source::Feed;
use self::terminal::Screen;
use crate::args::global::GlobalArgs;
use crate::args::top::TopArgs;
use crate::failure;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::outcome::Signals;
use crate::session::Session;

/// Shows the screen until the user leaves it. Connects before it takes the terminal, so that a
/// failure to connect stays readable.
///
/// # Errors
/// No terminal, no agent, options that contradict each other; or, after leaving, an agent of
/// another API.
pub async fn run(args: &TopArgs, global: &GlobalArgs) -> Result<Outcome, Failure> {
    failure::terminal::check()?;
    let wishes = Wishes::new(args, global)?;
    let target = global.target();
    let mut signals = Signals::catch()?;
    let session = Session::open(&target).await?;
    session.agent().require(wishes.needs())?;
    let started = Instant::now();
    // Times on the screen are the agent's, also those of messages.
    let ahead = session
        .agent()
        .now
        .map(|now| now.duration_since(Timestamp::now()));
    let clock = move || Clock {
        wall: Timestamp::now()
            .checked_add(ahead.unwrap_or_default())
            .unwrap_or_else(|_| Timestamp::now()),
        running: started.elapsed(),
    };
    let socket = target.socket.display().to_string();
    let state = state::path();
    let earlier = state.as_deref().map(state::load).unwrap_or_default();
    let agent = session.agent().clone();
    let mut opening = wishes.opening(agent, clock(), socket, earlier);

    hangup::end_with_the_terminal().map_err(broken)?;
    let mut display = Screen::take(opening.settings.mouse).map_err(broken)?;
    if wishes.asks_terminal() {
        opening.settings.charset = display.probe();
    }
    let mut model = Model::new(opening);
    model.apply(Action::Resize(display.size().map_err(broken)?));
    let watch = session.watch(wishes.follow());
    let mut outside = Outside {
        source: Feed::new(watch, target, wishes.follow().filter),
        keys: EventStream::new(),
        display,
        clock,
    };
    let mut hangup = signal(SignalKind::hangup()).map_err(broken)?;
    let ended = run::run(&mut model, &mut outside, async {
        tokio::select! {
            outcome = signals.next() => match outcome {
                // Ctrl-C is how people leave a screen, whoever sends it.
                Outcome::Interrupted => Outcome::Done,
                other => other,
            },
            _ = hangup.recv() => Outcome::Terminated,
        }
    })
    .await;
    // The terminal comes back before anything is printed.
    drop(outside);
    if let Some(path) = state {
        // The filters of this session are lost then; nothing that was asked for is.
        if let Err(error) = state::save(&path, model.earlier_filters()) {
            tracing::warn!(%error, path = %path.display(), "cannot keep the filters");
        }
    }
    let outcome = ended.map_err(broken)?;
    match model.link {
        Link::Offline(offline) if matches!(offline.why, Failure::Version { .. }) => {
            Err(offline.why)
        }
        _ => Ok(outcome),
    }
}

fn broken(source: io::Error) -> Failure {
    Failure::File {
        what: "cannot use the terminal".to_owned(),
        source,
    }
}
