//! The loop: keys, news and time go in, frames come out.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crossterm::event::Event as Input;
use tokio::time::Instant;
use tokio_stream::Stream;
use tokio_stream::StreamExt as _;

use super::action::Action;
use super::action::Clock;
use super::file;
use super::keys;
use super::layout::Size;
use super::model::export::Outgoing;
use super::model::recall::Question;
use super::model::settings::Mouse;
use super::model::stored::Stored;
use super::model::Effect;
use super::model::Model;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::row::Names;
use crate::session::agent::Agent;
use crate::session::watch::Details;
use crate::session::watch::Event;

/// Shortest time between two frames.
const FRAME: Duration = Duration::from_millis(100);
/// How often the model hears what time it is.
const BEAT: Duration = Duration::from_millis(250);

/// Where frames go.
pub trait Display {
    /// Draws one frame.
    ///
    /// # Errors
    /// The terminal is gone.
    fn draw(&mut self, model: &Model) -> io::Result<()>;

    /// Forgets what is on the screen, so that the next frame draws every cell.
    ///
    /// # Errors
    /// The terminal is gone.
    fn clear(&mut self) -> io::Result<()>;

    /// Puts a text into the clipboard of the terminal.
    ///
    /// # Errors
    /// The terminal is gone.
    fn copy(&mut self, text: &str) -> io::Result<()>;

    /// Takes the mouse or gives it back.
    ///
    /// # Errors
    /// The terminal is gone.
    fn mouse(&mut self, mouse: Mouse) -> io::Result<()>;

    /// Stops until the shell says go. Gives the size after that.
    ///
    /// # Errors
    /// The terminal is gone.
    fn suspend(&mut self) -> io::Result<Size>;
}

/// Something from the agent.
#[derive(Debug)]
pub enum News {
    /// On the subscription.
    Event(Event),
    /// An answer about itself.
    Agent(Box<Agent>),
    /// An answer of its history.
    Past(Result<Box<Stored>, Failure>),
}

/// Where news comes from.
pub trait Source {
    /// Waits for news. May be dropped and called again without losing any.
    fn next(&mut self) -> impl Future<Output = News>;

    /// Asks for samples with these details from now on.
    fn want(&self, details: Details);

    /// Ends the wait for the next attempt to connect.
    fn retry(&self);

    /// Asks the agent about itself; the answer is news.
    fn ask_agent(&mut self);

    /// Asks for names of addresses, and gives those that are known by now.
    fn names(&mut self, addresses: Vec<IpAddr>) -> Names;

    /// Asks the agent's history; the answer is news, and comes whatever it is.
    fn ask_past(&mut self, question: Question);
}

/// All that the loop talks to.
#[derive(Debug)]
pub struct Outside<S, K, D, T> {
    /// News.
    pub source: S,
    /// Keys, mouse and sizes.
    pub keys: K,
    /// Frames.
    pub display: D,
    /// What time it is.
    pub clock: T,
}

/// Runs until the user or a signal ends it.
///
/// # Errors
/// The terminal is gone.
pub async fn run<S, K, D, T>(
    model: &mut Model,
    outside: &mut Outside<S, K, D, T>,
    signals: impl Future<Output = Outcome>,
) -> io::Result<Outcome>
where
    S: Source,
    K: Stream<Item = io::Result<Input>> + Unpin,
    D: Display,
    T: Fn() -> Clock,
{
    tokio::pin!(signals);
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut frames = Frames::new();
    loop {
        outside.source.want(model.wants());
        // Keys before news: a flood of ticks must not delay them.
        let action = tokio::select! {
            biased;
            outcome = &mut signals => return Ok(outcome),
            input = outside.keys.next() => match input {
                Some(input) => match keys::action(&input?, model) {
                    Some(action) => action,
                    None => continue,
                },
                // Nobody can press q any more.
                None => return Ok(Outcome::Done),
            },
            () = tokio::time::sleep_until(frames.due()), if frames.wanted() => {
                outside.display.draw(model)?;
                frames.drawn();
                continue;
            }
            news = outside.source.next() => match news {
                News::Event(event) => Action::Feed(event),
                News::Agent(agent) => Action::Agent(agent),
                News::Past(answer) => Action::Past(Box::new(answer)),
            },
            _ = beat.tick() => Action::Clock((outside.clock)()),
        };
        if matches!(action, Action::Feed(_)) {
            model.apply(Action::Clock((outside.clock)()));
        }
        let effect = model.apply(action);
        if let Some(question) = model.next_question() {
            outside.source.ask_past(question);
        }
        if let Some(addresses) = model.unnamed() {
            let names = outside.source.names(addresses);
            if !names.is_empty() {
                model.apply(Action::Names(names));
                frames.want();
            }
        }
        match model.take_outgoing() {
            Some(Outgoing::Copy(text)) => outside.display.copy(&text)?,
            Some(Outgoing::File { path, text, rows }) => {
                let result =
                    file::create(&path, &text).map(|()| format!("wrote {rows} rows to {path}"));
                model.apply(Action::Written(result));
            }
            None => {}
        }
        match effect {
            Effect::Nothing => continue,
            Effect::Quit => return Ok(Outcome::Done),
            Effect::Draw => {}
            Effect::Redraw => outside.display.clear()?,
            Effect::Retry => outside.source.retry(),
            Effect::AskAgent => outside.source.ask_agent(),
            Effect::Mouse(mouse) => outside.display.mouse(mouse)?,
            Effect::Suspend => {
                let size = outside.display.suspend()?;
                model.apply(Action::Resize(size));
            }
        }
        frames.want();
    }
}

// When the next frame is drawn.
struct Frames {
    last: Option<Instant>,
    due: Option<Instant>,
}

impl Frames {
    fn new() -> Self {
        Self {
            last: None,
            due: Some(Instant::now()),
        }
    }

    fn want(&mut self) {
        let now = Instant::now();
        let earliest = self.last.map_or(now, |last| (last + FRAME).max(now));
        self.due = self.due.or(Some(earliest));
    }

    fn wanted(&self) -> bool {
        self.due.is_some()
    }

    fn due(&self) -> Instant {
        self.due.unwrap_or_else(Instant::now)
    }

    fn drawn(&mut self) {
        self.last = Some(Instant::now());
        self.due = None;
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
