//! The state of the viewer. Pure: actions go in, a screen can be read off, nothing else happens.

pub mod arrange;
pub mod chart;
pub mod charted;
pub mod column_menu;
pub mod cursor;
pub mod details;
pub mod export;
pub mod feed;
pub mod filtering;
pub mod goto;
pub mod heights;
pub mod hosts;
pub mod input;
pub mod line;
pub mod link;
pub mod list;
pub mod moment;
pub mod notices;
pub mod outline;
pub mod past;
pub mod position;
pub mod prompt;
pub mod read;
pub mod recall;
pub mod report;
pub mod roster;
pub mod scale;
pub mod screen;
pub mod settings;
pub mod socket_list;
pub mod sockets;
pub mod sort;
pub mod steer;
pub mod steer_sockets;
pub mod stored;
pub mod subject;
pub mod switch;
pub mod tick;

use std::time::Duration;

use self::export::Outgoing;
use netmon_api::filter::Filter;

use self::details::Details;
use self::filtering::Filtering;
use self::heights::Climb;
use self::hosts::HostNames;
use self::line::Line;
use self::link::Link;
use self::list::List;
use self::moment::Zero;
use self::notices::Notices;
use self::outline::Outline;
use self::outline::Part;
use self::outline::Shape;
use self::past::Past;
use self::past::TickNumber;
use self::position::Position;
use self::prompt::Prompt;
use self::recall::Recall;
use self::recall::Stretch;
use self::roster::Roster;
use self::scale::Scale;
use self::screen::Pane;
use self::screen::Popup;
use self::screen::Screen;
use self::settings::Mouse;
use self::settings::Settings;
use self::socket_list::SocketList;
use self::sockets::Sockets;
use self::sort::Sort;
use super::action::Action;
use super::action::Clock;
use super::bindings::Bindings;
use super::layout::Size;
use crate::session::agent::Agent;
use crate::session::merge::Merge;

/// What the loop around the model has to do after an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: the screen is the same.
    Nothing,
    /// Draw.
    Draw,
    /// Draw every cell, also those that seem right.
    Redraw,
    /// Draw, and try to reach the agent now.
    Retry,
    /// Draw, and ask the agent about itself.
    AskAgent,
    /// Draw, and take the mouse or give it back.
    Mouse(Mouse),
    /// Stop until the shell says go.
    Suspend,
    /// Leave.
    Quit,
}

/// Which processes the agent was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// All of them.
    Everything,
    /// Some: the waveform shows their sum.
    Selected,
}

/// What the viewer starts with.
#[derive(Debug)]
pub struct Opening {
    /// First view.
    pub screen: Screen,
    /// Order of the list in that view.
    pub sort: Sort,
    /// How things are shown.
    pub settings: Settings,
    /// Which processes there are.
    pub coverage: Coverage,
    /// Length of a step; shorter than the agent's tick: the tick.
    pub interval: Duration,
    /// What the agent said when the connection was made.
    pub agent: Agent,
    /// The time of the start.
    pub clock: Clock,
    /// Where the agent listens. Not sanitised.
    pub socket: String,
    /// What is wanted of the past.
    pub recall: Recall,
    /// Keys that are not the usual ones.
    pub bindings: Bindings,
    /// What to say first.
    pub warnings: Vec<String>,
    /// Which rows are shown, and the filters of earlier sessions.
    pub filtering: Filtering,
    /// The options that leave connections out: the numbers are of the others alone. `None`: none
    /// do.
    pub narrow: Option<Filter>,
    /// How running processes are arranged.
    pub shape: Shape,
}

/// The state of the viewer.
#[derive(Debug)]
pub struct Model {
    /// Cells of the terminal.
    pub size: Size,
    /// The view.
    pub screen: Screen,
    /// What lies over it.
    pub popup: Popup,
    /// How things are shown.
    pub settings: Settings,
    /// Which moment is shown.
    pub position: Position,
    /// How the viewer stands to the agent.
    pub link: Link,
    /// What the agent last said about itself.
    pub agent: Agent,
    /// First line of the agent's report that is shown.
    pub report_from: usize,
    /// Keys that are not the usual ones.
    pub bindings: Bindings,
    /// Messages.
    pub notices: Notices,
    /// The time.
    pub clock: Clock,
    /// Where the agent listens. Not sanitised.
    pub socket: String,
    /// What is being typed into the last row.
    pub prompt: Prompt,
    coverage: Coverage,
    first_settings: Settings,
    live: List,
    exited: List,
    roster: Roster,
    past: Past,
    /// The stretch of time that goes on growing, while another one is on screen.
    aside: Option<Stretch>,
    recall: Recall,
    zero: Option<Zero>,
    filtering: Filtering,
    /// The options that leave connections out; `None`: none do.
    narrow: Option<Filter>,
    sockets: Sockets,
    connections: SocketList,
    details: Details,
    outline: Outline,
    /// The parts of all processes in groups.
    members: Vec<Part>,
    scales: [Scale; 2],
    visited_peaks: Vec<TickNumber>,
    outgoing: Option<Outgoing>,
    hosts: HostNames,
    interval: Duration,
    merge: Merge,
    climb: Climb,
    feed: feed::State,
}

/// What of the state behind the screen an action has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Nothing that shows.
    None,
    /// Something that is read as it is.
    Paint,
    /// The lists.
    Lists,
    /// A new tick: the lists and the waveform.
    Tick,
    /// Another part of the past, another unit, another size: all of it.
    View,
}

impl Model {
    /// The viewer before its first tick.
    pub fn new(opening: Opening) -> Self {
        let mut model = Self {
            size: Size::default(),
            screen: opening.screen,
            popup: Popup::None,
            settings: opening.settings,
            position: Position::Live,
            link: Link::Online,
            report_from: 0,
            bindings: opening.bindings,
            notices: Notices::default(),
            clock: opening.clock,
            socket: opening.socket,
            prompt: Prompt::default(),
            coverage: opening.coverage,
            first_settings: opening.settings,
            live: List::default(),
            exited: List::default(),
            roster: Roster::default(),
            past: Past::default(),
            aside: None,
            recall: opening.recall,
            zero: None,
            filtering: opening.filtering,
            narrow: opening.narrow,
            sockets: Sockets::default(),
            connections: SocketList::new("rate"),
            details: Details::default(),
            outline: Outline::new(opening.shape),
            members: Vec::new(),
            scales: [Scale::default(); 2],
            visited_peaks: Vec::new(),
            outgoing: None,
            hosts: HostNames::default(),
            interval: opening.interval,
            merge: Merge::new(1),
            climb: Climb::default(),
            feed: feed::State::new(opening.clock.running),
            agent: Agent::default(),
        };
        if let Some(pane) = model.screen.pane() {
            model.list_mut(pane).sort = opening.sort;
        }
        if model.narrow.is_some() {
            model.feed.details = crate::session::watch::Details::Connections;
        }
        model.meet(opening.agent);
        model.past = Past::new(recall::FIRST, model.recall.room(model.step()));
        model.announce_limits();
        for warning in opening.warnings {
            model.tell(warning);
        }
        model
    }

    /// Lets something happen.
    pub fn apply(&mut self, action: Action) -> Effect {
        let (change, effect) = self.take(action);
        if self.position == Position::Live {
            self.return_to_present();
        }
        match change {
            Change::None | Change::Paint => {}
            // What is over stays as it was, unless it has to make room.
            Change::Tick if self.is_away() => {}
            Change::Tick if self.position != Position::Live => {
                if self.position != self.position.kept(&self.past) {
                    self.fill_lists();
                }
            }
            Change::Lists => self.fill_lists(),
            Change::Tick => {
                self.fill_lists();
                self.follow_scale();
            }
            Change::View => {
                self.fill_lists();
                self.fit_scale();
            }
        }
        if self.needs_connections() {
            self.feed.needed = self.clock.running;
        }
        match (change, effect) {
            (Change::None, effect) => effect,
            (_, Effect::Nothing) => Effect::Draw,
            (_, effect) => effect,
        }
    }

    fn take(&mut self, action: Action) -> (Change, Effect) {
        let effect = match action {
            Action::Quit => Effect::Quit,
            Action::Suspend => Effect::Suspend,
            Action::Redraw => Effect::Redraw,
            Action::Retry if self.link.offline().is_some() => Effect::Retry,
            Action::Retry => Effect::AskAgent,
            Action::Clock(clock) => return self.pass_time(clock),
            Action::Show(screen) => return self.show(screen),
            Action::ShowNeighbour(step) => return self.step_focus(step),
            Action::Open => return self.open(),
            Action::Details => return self.toggle_details(),
            Action::Switch(switch) => return self.switch(switch),
            Action::Names(names) => {
                self.learn_names(names);
                return (Change::View, Effect::Nothing);
            }
            Action::Past(answer) => return (self.recalled(*answer), Effect::Nothing),
            Action::Feed(event) => return (self.hear(event), Effect::Nothing),
            Action::Agent(agent) => {
                self.meet(*agent);
                return (Change::Paint, Effect::Nothing);
            }
            other => return (self.steer(other), Effect::Nothing),
        };
        (Change::None, effect)
    }

    fn show(&mut self, screen: Screen) -> (Change, Effect) {
        self.screen = screen;
        self.popup = Popup::None;
        match screen {
            Screen::Agent => (Change::View, Effect::AskAgent),
            Screen::List(_) | Screen::Connections | Screen::Chart => {
                (Change::View, Effect::Nothing)
            }
        }
    }

    fn list_mut(&mut self, pane: Pane) -> &mut List {
        match pane {
            Pane::Live => &mut self.live,
            Pane::Exited => &mut self.exited,
        }
    }

    fn fill_lists(&mut self) {
        self.position = self.position.kept(&self.past);
        self.sum_filtered();
        let rows = [self.rows(Pane::Live), self.rows(Pane::Exited)];
        let selected = self.live.selected;
        let lens = moment::Lens {
            settings: &self.settings,
            capabilities: &self.agent.capabilities,
            zero: self.zero.as_ref(),
        };
        let Some(moment) = self
            .position
            .tick(&self.past)
            .and_then(|tick| moment::Moment::at(&self.past, &self.roster, tick, lens))
        else {
            return;
        };
        let (mut live, mut exited) = (
            moment.lines(Pane::Live, selected),
            moment.lines(Pane::Exited, None),
        );
        let rates = live.iter().filter_map(|line| line.rate);
        let rate = rates.fold(0, u64::saturating_add);
        self.filtering.count([live.len(), exited.len()], rate);
        if self.narrow.is_some() {
            // Connections that are gone are not kept, so what they moved is not known.
            for line in live.iter_mut().chain(&mut exited) {
                line.forget_totals(self.settings.numbers);
            }
        }
        if let Some(words) = &self.filtering.words {
            let sockets = self.sockets.at(moment.time());
            let taken = |line: &Line| moment.takes(&words.filter, line, sockets);
            live.retain(taken);
            exited.retain(taken);
        }
        let parts = match self.outline.shape {
            Shape::Groups(by) => Self::parts(by, &live, &moment, self.sockets.at(moment.time())),
            Shape::Flat | Shape::Tree => Vec::new(),
        };
        let arranged = match self.outline.shape {
            Shape::Tree => live.clone(),
            Shape::Flat | Shape::Groups(_) => Vec::new(),
        };
        self.live.fill(live, rows[0], |id| self.roster.get(id));
        self.exited.fill(exited, rows[1], |id| self.roster.get(id));
        self.fill_outline(arranged, parts);
        self.fill_sockets();
        self.fill_details();
    }
}

#[cfg(test)]
#[path = "any_key_tests.rs"]
mod any_key_tests;
#[cfg(test)]
#[path = "settings_tests.rs"]
mod settings_tests;
#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
