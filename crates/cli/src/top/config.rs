//! The config file: what `netmon top` starts with where no option and no variable says it.
//! Nothing in it is fatal; every mistake is a warning with its line.

use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use toml::de::DeTable;
use toml::de::DeValue;
use toml::Spanned;

use super::bindings::Bindings;
use super::model::settings::Ink;
use super::model::settings::Palette;
use crate::args::query::GroupChoice;
use crate::args::shaping::SortArg;
use crate::args::top::CharsetChoice;
use crate::args::top::ThemeChoice;
use crate::failure::Failure;
use crate::text::sanitize;
use crate::units::span;
use crate::units::Units;

/// A larger file is not a config file.
const MOST_BYTES: u64 = 1 << 20;

/// What the file says.
#[derive(Debug, Default)]
pub struct Config {
    /// `[ui]`.
    pub ui: Ui,
    /// `[keys]`.
    pub bindings: Bindings,
    /// `[colors]`.
    pub palette: Palette,
    /// `[filters]`: name and expression, typed as `=name`. Not sanitised.
    pub filters: Vec<(String, String)>,
    /// What is wrong with it, line by line.
    pub warnings: Vec<String>,
}

/// `[ui]`; `None`: not said.
#[derive(Debug, Default)]
pub struct Ui {
    /// Colours.
    pub theme: Option<ThemeChoice>,
    /// Characters.
    pub charset: Option<CharsetChoice>,
    /// How sizes and rates are written.
    pub units: Option<Units>,
    /// Step of the screen.
    pub interval: Option<Duration>,
    /// Whether the mouse is taken.
    pub mouse: Option<bool>,
    /// Columns of the running processes.
    pub columns: Option<Vec<String>>,
    /// Columns of the ended ones.
    pub exited_columns: Option<Vec<String>>,
    /// What processes are put together by.
    pub group: Option<GroupChoice>,
    /// Order of the rows.
    pub sort: Option<SortArg>,
    /// Idle processes are left out.
    pub hide_idle: Option<bool>,
    /// Command lines instead of names.
    pub cmdline: Option<bool>,
    /// Seconds that rates are averaged over.
    pub avg: Option<u64>,
    /// Ticks per column of the waveform.
    pub chart_zoom: Option<u64>,
}

/// Where the file is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nowhere.
    None,
    /// There, and it has to be there.
    Named(PathBuf),
    /// Where users keep such files.
    Usual,
}

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    /// A file that was named cannot be read.
    pub fn load(place: &Place) -> Result<Self, Failure> {
        let (path, named) = match place {
            Place::None => return Ok(Self::default()),
            Place::Named(path) => (path.clone(), true),
            Place::Usual => match usual() {
                Some(path) => (path, false),
                None => return Ok(Self::default()),
            },
        };
        match read(&path) {
            Ok(text) => Ok(Self::read(&text, &path.display().to_string())),
            Err(source) if named => Err(Failure::File {
                what: format!(
                    "cannot read the config file {}",
                    sanitize(&path.display().to_string())
                ),
                source,
            }),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Ok(Self {
                warnings: vec![format!(
                    "{}: {source}",
                    sanitize(&path.display().to_string())
                )],
                ..Self::default()
            }),
        }
    }

    /// Reads a text. `name`: what warnings call it.
    pub fn read(text: &str, name: &str) -> Self {
        let mut reader = Reader {
            text,
            name,
            config: Self::default(),
        };
        match DeTable::parse(text) {
            Ok(table) => reader.tables(table.get_ref()),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                reader.warn(at, error.message());
            }
        }
        reader.config
    }
}

fn usual() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    Some(config?.join("netmon/config.toml"))
}

fn read(path: &Path) -> std::io::Result<String> {
    let file = fs::metadata(path)?;
    if !file.is_file() || file.len() > MOST_BYTES {
        return Err(std::io::Error::other("not a config file"));
    }
    fs::read_to_string(path)
}

struct Reader<'a> {
    text: &'a str,
    name: &'a str,
    config: Config,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl Reader<'_> {
    fn warn(&mut self, at: usize, problem: &str) {
        let before = self.text.as_bytes().iter().take(at);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        self.config.warnings.push(format!(
            "{} line {line}: {}",
            sanitize(self.name),
            sanitize(problem.lines().next().unwrap_or_default())
        ));
    }

    fn tables(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let at = name.span().start;
            let Some(entries) = value.get_ref().as_table() else {
                self.warn(at, &format!("unknown key '{}'", name.get_ref()));
                continue;
            };
            for (key, value) in entries {
                let at = key.span().start;
                let key = key.get_ref().as_ref();
                let read = match name.get_ref().as_ref() {
                    "ui" => self.ui(key, value),
                    "keys" => {
                        text(key, value).and_then(|label| self.config.bindings.bind(key, &label))
                    }
                    "colors" => text(key, value).and_then(|color| self.color(key, &color)),
                    "filters" => text(key, value).map(|filter| {
                        self.config.filters.push((key.to_owned(), filter));
                    }),
                    table => Err(format!("unknown table [{table}]")),
                };
                if let Err(problem) = read {
                    self.warn(at, &problem);
                }
            }
        }
    }

    fn color(&mut self, key: &str, color: &str) -> Result<(), String> {
        let ink = Ink::of_name(color).ok_or_else(|| {
            format!(
                "{key}: unknown colour '{color}'; there are: {}",
                Ink::NAMES.join(" ")
            )
        })?;
        let palette = &mut self.config.palette;
        let place = match key {
            "rx" => &mut palette.rx,
            "tx" => &mut palette.tx,
            "mode" => &mut palette.mode,
            "alarm" => &mut palette.alarm,
            _ => {
                return Err(format!(
                    "unknown key '{key}' in [colors]; there are: rx tx mode alarm"
                ))
            }
        };
        *place = Some(ink);
        Ok(())
    }

    fn ui(&mut self, key: &str, value: &Value<'_>) -> Result<(), String> {
        let ui = &mut self.config.ui;
        match key {
            "theme" => ui.theme = Some(choice(key, value)?),
            "charset" => ui.charset = Some(choice(key, value)?),
            "units" => ui.units = Some(choice(key, value)?),
            "group" => ui.group = Some(choice(key, value)?),
            "interval" => {
                let typed = text(key, value)?;
                let parsed = span::parse_positive(&typed);
                ui.interval = Some(parsed.map_err(|error| format!("{key}: {error}"))?);
            }
            "sort" => {
                let typed = text(key, value)?;
                let parsed = typed.parse::<SortArg>();
                ui.sort = Some(parsed.map_err(|error| format!("{key}: {error}"))?);
            }
            "mouse" => ui.mouse = Some(yes(key, value)?),
            "hide_idle" => ui.hide_idle = Some(yes(key, value)?),
            "cmdline" => ui.cmdline = Some(yes(key, value)?),
            "columns" => ui.columns = Some(list(key, value)?),
            "exited_columns" => ui.exited_columns = Some(list(key, value)?),
            "avg" => ui.avg = Some(one_of(key, value, &[1, 5, 15])?),
            "chart_zoom" => ui.chart_zoom = Some(one_of(key, value, &[1, 2, 5, 10, 30, 60])?),
            _ => return Err(format!("unknown key '{key}' in [ui]")),
        }
        Ok(())
    }
}

fn text(key: &str, value: &Value<'_>) -> Result<String, String> {
    let text = value.get_ref().as_str();
    text.map(str::to_owned)
        .ok_or_else(|| format!("{key}: expected a text in quotes"))
}

fn yes(key: &str, value: &Value<'_>) -> Result<bool, String> {
    let yes = value.get_ref().as_bool();
    yes.ok_or_else(|| format!("{key}: expected true or false"))
}

fn choice<T: ValueEnum>(key: &str, value: &Value<'_>) -> Result<T, String> {
    let text = text(key, value)?;
    T::from_str(&text, false).map_err(|_| {
        let known = T::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value);
        let known: Vec<_> = known.map(|value| value.get_name().to_owned()).collect();
        format!(
            "{key}: unknown value '{text}'; there are: {}",
            known.join(" ")
        )
    })
}

// A list of texts, or one text with commas.
fn list(key: &str, value: &Value<'_>) -> Result<Vec<String>, String> {
    if let Some(text) = value.get_ref().as_str() {
        return Ok(text.split(',').map(|part| part.trim().to_owned()).collect());
    }
    let values = value.get_ref().as_array();
    let values = values.ok_or_else(|| format!("{key}: expected a list of texts"))?;
    values.iter().map(|value| text(key, value)).collect()
}

fn one_of(key: &str, value: &Value<'_>, known: &[u64]) -> Result<u64, String> {
    let number = value
        .get_ref()
        .as_integer()
        .and_then(|number| number.as_str().parse().ok());
    number
        .filter(|number| known.contains(number))
        .ok_or_else(|| {
            let known: Vec<_> = known.iter().map(u64::to_string).collect();
            format!("{key}: expected one of {}", known.join(" "))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_be_said_is_read() {
        let config = Config::read(
            r#"
[ui]
theme = "light"
charset = "ascii"
units = "bits"
interval = "5s"
mouse = false
columns = ["+age", "-user"]
exited_columns = "name,rx,tx"
group = "unit"
sort = "tx:asc"
hide_idle = true
cmdline = true
avg = 5
chart_zoom = 10
[keys]
pause = "p"
[colors]
rx = "green"
[filters]
web = "unit:nginx.service port:443"
"#,
            "config.toml",
        );
        assert_eq!(config.warnings, Vec::<String>::new());
        assert_eq!(config.ui.theme, Some(ThemeChoice::Light));
        assert_eq!(config.ui.interval, Some(Duration::from_secs(5)));
        assert_eq!(config.ui.exited_columns.as_ref().map(Vec::len), Some(3));
        assert_eq!(config.ui.avg, Some(5));
        assert_eq!(config.bindings.label("Space"), "p");
        assert_eq!(config.palette.rx, Ink::of_name("green"));
        assert_eq!(config.filters[0].1, "unit:nginx.service port:443");
    }

    #[test]
    fn mistakes_are_warnings_with_their_line() {
        for (text, expected) in [
            (
                "[ui]\nthem = \"dark\"",
                "c line 2: unknown key 'them' in [ui]",
            ),
            (
                "\n[ui]\nmouse = 1",
                "c line 3: mouse: expected true or false",
            ),
            (
                "[ui]\ntheme = \"pink\"",
                "c line 2: theme: unknown value 'pink'; there are: auto dark light mono contrast",
            ),
            ("[ui]\navg = 7", "c line 2: avg: expected one of 1 5 15"),
            (
                "[keys]\nfly = \"x\"",
                "c line 2: unknown command 'fly' in [keys]",
            ),
            (
                "[colors]\nrx = \"mauve\"",
                "c line 2: rx: unknown colour 'mauve'; there are: ",
            ),
            ("[looks]\na = 1", "c line 2: unknown table [looks]"),
            ("a = 1", "c line 1: unknown key 'a'"),
            ("[ui\nmouse = true", "c line 1: "),
        ] {
            let config = Config::read(text, "c");
            assert_eq!(config.warnings.len(), 1, "{text} {:?}", config.warnings);
            assert!(
                config.warnings[0].starts_with(expected),
                "{:?}",
                config.warnings
            );
        }
        // What is right beside a mistake counts.
        let config = Config::read("[ui]\nx = 1\nmouse = false", "c");
        assert_eq!(config.ui.mouse, Some(false));
    }

    #[test]
    fn what_the_documentation_shows_is_what_is_read() {
        let page = include_str!("../../../../docs/top.md");
        let (_, rest) = page.split_once("```toml").unwrap();
        let (example, rest) = rest.split_once("```").unwrap();
        let config = Config::read(example, "top.md");
        assert_eq!(config.warnings, Vec::<String>::new());
        assert_eq!(config.filters.len(), 1);
        let (_, rest) = rest.split_once("Commands of `[keys]`: `").unwrap();
        let (commands, _) = rest.split_once('`').unwrap();
        let told: Vec<_> = commands.split_whitespace().collect();
        let known = crate::top::bindings::COMMANDS.iter().map(|(name, _)| *name);
        assert_eq!(told, known.collect::<Vec<_>>());
    }

    #[test]
    fn a_file_that_was_named_has_to_be_there() {
        let nowhere = Place::Named("/nonexistent/netmon.toml".into());
        assert!(Config::load(&nowhere).is_err());
        assert!(Config::load(&Place::None).unwrap().warnings.is_empty());
    }
}
