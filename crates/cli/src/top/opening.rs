//! From the options and the environment to what the viewer starts with.

use std::env;
use std::time::Duration;

use super::action::Clock;
use super::bindings::Bindings;
use super::columns;
use super::columns::Chosen;
use super::config::Config;
use super::config::Place;
use super::model::filtering::Filtering;
use super::model::filtering::Words;
use super::model::outline::Shape;
use super::model::recall::Recall;
use super::model::screen::Pane;
use super::model::screen::Screen;
use super::model::settings::Average;
use super::model::settings::Charset;
use super::model::settings::Command;
use super::model::settings::Idle;
use super::model::settings::Mouse;
use super::model::settings::Settings;
use super::model::settings::Theme;
use super::model::settings::Zoom;
use super::model::sort::Direction;
use super::model::sort::Sort;
use super::model::sort::SortKey;
use super::model::Coverage;
use super::model::Opening;
use crate::args::global::GlobalArgs;
use crate::args::query::GroupChoice;
use crate::args::selection::SelectionArgs;
use crate::args::shaping::Order;
use crate::args::shaping::SortArg;
use crate::args::top::CharsetChoice;
use crate::args::top::ThemeChoice;
use crate::args::top::TopArgs;
use crate::args::top::ViewChoice;
use crate::failure::Failure;
use crate::filter::Need;
use crate::filter::Selection;
use crate::filter::States;
use crate::query::when;
use crate::session::agent::Agent;
use crate::session::watch::Details;
use crate::session::watch::Follow;
use crate::session::watch::Reconnect;
use crate::units::moment::Moment;
use crate::units::time::TimeFormat;

/// How much of the past is fetched at the start.
const HISTORY: Duration = Duration::from_secs(600);

/// What the user wants to see first.
#[derive(Debug)]
pub struct Wishes {
    screen: Screen,
    sort: Sort,
    settings: Settings,
    selection: Selection,
    words: Option<Words>,
    shape: Shape,
    interval: Duration,
    history: Duration,
    at: Option<Moment>,
    bindings: Bindings,
    filters: Vec<(String, String)>,
    warnings: Vec<String>,
    terminal: CanShow,
}

/// Which characters the terminal shows, as far as it can be told without asking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CanShow {
    Known(Charset),
    Unknown,
}

impl Wishes {
    /// Reads the options and the environment.
    ///
    /// # Errors
    /// A user that does not exist, a sort key that the first view does not have.
    pub fn new(args: &TopArgs, global: &GlobalArgs) -> Result<Self, Failure> {
        // The filter can be changed on the screen, so it is decided here and not by the agent.
        let Selection { needs, .. } = Selection::new(&args.selection)?;
        let words = match &args.selection.filter {
            Some(text) => Words::read(text).map_err(Failure::Usage)?,
            None => None,
        };
        let mut selection = Selection::new(&SelectionArgs {
            filter: None,
            ..args.selection.clone()
        })?;
        selection.needs = needs;
        if args.group.is_some_and(GroupChoice::needs_connections) {
            selection.needs.push(Need::connections("--group"));
        }
        let config = Config::load(&match (&global.config, global.no_config) {
            (_, true) => Place::None,
            (Some(path), false) => Place::Named(path.clone()),
            (None, false) => Place::Usual,
        })?;
        let (ui, mut warnings) = (&config.ui, config.warnings.clone());
        let screen = match args.view {
            // Somebody who asks for ended processes does not want to begin among the others.
            ViewChoice::Live if selection.states == States::Exited => Screen::List(Pane::Exited),
            ViewChoice::Live => Screen::List(Pane::Live),
            ViewChoice::Exited => Screen::List(Pane::Exited),
            ViewChoice::Connections => Screen::Connections,
            ViewChoice::Agent => Screen::Agent,
            ViewChoice::Chart => Screen::Chart,
        };
        let sort = match &args.sort {
            Some(sort) => wanted_sort(sort, screen.pane().unwrap_or(Pane::Live))?,
            None => match ui.sort.as_ref().map(|sort| wanted_sort(sort, Pane::Live)) {
                Some(Ok(sort)) if screen == Screen::List(Pane::Live) => sort,
                Some(Err(failure)) => {
                    warnings.push(format!("[ui] sort: {}", failure.headline()));
                    Sort::default()
                }
                Some(Ok(_)) | None => Sort::default(),
            },
        };
        let terminal = match args.charset.or(ui.charset).unwrap_or_default() {
            CharsetChoice::Unicode => CanShow::Known(Charset::Unicode),
            CharsetChoice::Ascii => CanShow::Known(Charset::Ascii),
            CharsetChoice::Auto => {
                let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
                let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
                guess(
                    &locale.unwrap_or_default(),
                    &set("TERM").unwrap_or_default(),
                )
            }
        };
        let theme = match args.theme.or(ui.theme).unwrap_or_default() {
            _ if !global.color.is_on(true) => Theme::Mono,
            ThemeChoice::Auto | ThemeChoice::Dark => Theme::Dark,
            ThemeChoice::Light => Theme::Light,
            ThemeChoice::Mono => Theme::Mono,
            ThemeChoice::Contrast => Theme::Contrast,
        };
        let settings = Settings {
            units: global.units.or(ui.units).unwrap_or_default(),
            palette: config.palette,
            time: global.time.unwrap_or(TimeFormat::Local),
            scope: selection.scope,
            theme,
            charset: match terminal {
                CanShow::Known(charset) => charset,
                CanShow::Unknown => Charset::Unicode,
            },
            mouse: if args.no_mouse || ui.mouse == Some(false) {
                Mouse::Terminals
            } else {
                Mouse::Ours
            },
            idle: match ui.hide_idle {
                Some(true) => Idle::Hidden,
                _ => Idle::Shown,
            },
            command: match ui.cmdline {
                Some(true) => Command::Line,
                _ => Command::Name,
            },
            average: match ui.avg {
                Some(5) => Average::Seconds5,
                Some(15) => Average::Seconds15,
                _ => Average::Tick,
            },
            zoom: ui.chart_zoom.and_then(Zoom::of).unwrap_or_default(),
            ..Settings::default()
        };
        let mut settings = settings;
        for (names, pane, chosen) in [
            (&ui.columns, Pane::Live, &mut settings.live_columns),
            (
                &ui.exited_columns,
                Pane::Exited,
                &mut settings.exited_columns,
            ),
        ] {
            match columns_of(names.as_deref().unwrap_or_default(), pane, "[ui] columns") {
                Ok(read) => *chosen = read,
                Err(failure) => warnings.push(failure.headline()),
            }
        }
        let pane = screen.pane().unwrap_or(Pane::Live);
        let chosen = columns_of(&args.columns, pane, "--columns")?;
        match pane {
            _ if args.columns.is_empty() => {}
            Pane::Live => settings.live_columns = chosen,
            Pane::Exited => settings.exited_columns = chosen,
        }
        let interval = args
            .interval
            .or(ui.interval)
            .unwrap_or(Duration::from_secs(1));
        if !(Duration::from_millis(200)..=Duration::from_secs(3600)).contains(&interval) {
            return Err(Failure::Usage(
                "--interval must be from 200ms to 1h".to_owned(),
            ));
        }
        Ok(Self {
            screen,
            sort,
            settings,
            selection,
            words,
            shape: match args.group.or(ui.group).unwrap_or_default() {
                GroupChoice::Process => Shape::Flat,
                by => Shape::Groups(by),
            },
            interval,
            history: args.history.unwrap_or(HISTORY),
            at: args.at.clone(),
            bindings: config.bindings,
            filters: config.filters,
            warnings,
            terminal,
        })
    }

    /// Whether only the terminal itself can say which characters it shows.
    pub fn asks_terminal(&self) -> bool {
        self.terminal == CanShow::Unknown
    }

    /// What the agent is asked for.
    pub fn follow(&self) -> Follow {
        Follow {
            filter: self.selection.filter.clone(),
            reconnect: Reconnect::Always,
            details: match self.selection.narrow {
                Some(_) => Details::Connections,
                None => Details::None,
            },
        }
    }

    /// What the agent has to be able to do.
    pub fn needs(&self) -> &[Need] {
        &self.selection.needs
    }

    /// What the viewer starts with. `earlier`: filters of earlier sessions, oldest first.
    pub fn opening(
        &self,
        agent: Agent,
        clock: Clock,
        socket: String,
        earlier: Vec<String>,
    ) -> Opening {
        Opening {
            screen: self.screen,
            sort: self.sort,
            settings: self.settings,
            coverage: if self.selection.is_narrow() {
                Coverage::Selected
            } else {
                Coverage::Everything
            },
            interval: self.interval,
            agent,
            clock,
            socket,
            bindings: self.bindings.clone(),
            warnings: self.warnings.clone(),
            recall: Recall::new(self.history, self.at.clone(), when::boot()),
            narrow: self.selection.narrow.clone(),
            shape: self.shape,
            filtering: Filtering::new(self.words.clone(), earlier).with_saved(self.filters.clone()),
        }
    }
}

fn wanted_sort(wanted: &SortArg, pane: Pane) -> Result<Sort, Failure> {
    let keys = SortKey::of(pane);
    let key = SortKey::of_id(&wanted.key)
        .filter(|key| keys.contains(key))
        .ok_or_else(|| {
            Failure::Usage(format!(
                "--sort: this view has no '{}'",
                crate::text::sanitize(&wanted.key)
            ))
        })?;
    let direction = match wanted.order {
        None => return Ok(Sort::by(key)),
        Some(Order::Ascending) => Direction::Ascending,
        Some(Order::Descending) => Direction::Descending,
    };
    Ok(Sort { key, direction })
}

fn columns_of(names: &[String], pane: Pane, what: &str) -> Result<Chosen, Failure> {
    Chosen::read(names, &columns::all(pane))
        .map_err(|problem| Failure::Usage(format!("{what}: {}", crate::text::sanitize(&problem))))
}

fn guess(locale: &str, term: &str) -> CanShow {
    let locale = locale.to_ascii_lowercase();
    let utf8 = locale.contains("utf-8") || locale.contains("utf8");
    let plain = term == "linux" || term.starts_with("vt") || term == "ansi";
    if utf8 && !plain {
        CanShow::Unknown
    } else {
        CanShow::Known(Charset::Ascii)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_terminals_that_may_show_unicode_are_asked() {
        for (locale, term, asked) in [
            ("C.UTF-8", "xterm-256color", true),
            ("en_US.utf8", "tmux-256color", true),
            ("C", "xterm-256color", false),
            ("", "xterm-256color", false),
            ("C.UTF-8", "linux", false),
            ("C.UTF-8", "vt220", false),
        ] {
            assert_eq!(
                guess(locale, term) == CanShow::Unknown,
                asked,
                "{locale} {term}"
            );
        }
    }
}
