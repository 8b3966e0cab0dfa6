//! Which keys do what: the usual ones, and those that the config file puts in their place.

use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use crossterm::event::KeyModifiers;

/// Every command that another key can be given to, and its usual key as the help shows it.
pub const COMMANDS: &[(&str, &str)] = &[
    ("quit", "q"),
    ("help", "?"),
    ("messages", "!"),
    ("retry", "R"),
    ("theme", "T"),
    ("mouse", "M"),
    ("pause", "Space"),
    ("back_10s", "["),
    ("forward_10s", "]"),
    ("back_60s", "{"),
    ("forward_60s", "}"),
    ("go_to", "@"),
    ("peak", "P"),
    ("live", "L"),
    ("zoom_in", "+"),
    ("zoom_out", "-"),
    ("zoom_reset", "="),
    ("scale", "v"),
    ("chart_row", "V"),
    ("filter", "/"),
    ("group", "b"),
    ("group_next", "B"),
    ("expand", "e"),
    ("expand_all", "E"),
    ("tree", "t"),
    ("details", "d"),
    ("sort_rate", "c"),
    ("sort_rx", "r"),
    ("sort_tx", "s"),
    ("sort_total", "a"),
    ("sort_peak", "K"),
    ("sort_name", "n"),
    ("sort_pid", "p"),
    ("sort_conns", "N"),
    ("sort_menu", "S"),
    ("sort_left", "<"),
    ("sort_right", ">"),
    ("sort_reverse", "I"),
    ("freeze", "f"),
    ("follow", "F"),
    ("idle", "i"),
    ("exited", "x"),
    ("loopback", "o"),
    ("totals", "m"),
    ("zero", "z"),
    ("bits", "u"),
    ("si", "U"),
    ("average", "w"),
    ("command_line", "l"),
    ("columns", "C"),
    ("host_names", "H"),
    ("copy", "y"),
    ("write", "W"),
];

/// A key that was given to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Binding {
    pressed: (KeyCode, KeyModifiers),
    label: String,
    usual: &'static str,
}

/// The keys that are not the usual ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bindings(Vec<Binding>);

impl Bindings {
    /// Gives a key to a command, which then is no longer on its usual one.
    ///
    /// # Errors
    /// There is no such command or key, or another command has it already. Not sanitised.
    pub fn bind(&mut self, command: &str, key: &str) -> Result<(), String> {
        let (_, usual) = COMMANDS
            .iter()
            .find(|(name, _)| *name == command)
            .ok_or_else(|| format!("unknown command '{command}' in [keys]"))?;
        let (code, modifiers) =
            parse(key).ok_or_else(|| format!("{command}: '{key}' is not a key"))?;
        if (code, modifiers) == (KeyCode::Char('c'), KeyModifiers::CONTROL) || code == KeyCode::Esc
        {
            return Err(format!("{command}: '{key}' always means the same"));
        }
        if self
            .0
            .iter()
            .any(|binding| binding.pressed == (code, modifiers))
        {
            return Err(format!("{command}: another command has '{key}' already"));
        }
        self.0.retain(|binding| binding.usual != *usual);
        if parse(usual) != Some((code, modifiers)) {
            self.0.push(Binding {
                pressed: (code, modifiers),
                label: key.to_owned(),
                usual,
            });
        }
        Ok(())
    }

    /// The usual key for the one that was pressed; `None`: it does nothing any more.
    pub fn usual(&self, key: &KeyEvent) -> Option<KeyEvent> {
        let modifiers = key.modifiers - KeyModifiers::SHIFT;
        let same = |pressed: &(KeyCode, KeyModifiers)| *pressed == (key.code, modifiers);
        if let Some(binding) = self.0.iter().find(|binding| same(&binding.pressed)) {
            let (code, modifiers) = parse(binding.usual)?;
            return Some(KeyEvent::new(code, modifiers));
        }
        let taken = self
            .0
            .iter()
            .any(|binding| parse(binding.usual).as_ref().is_some_and(same));
        (!taken).then_some(*key)
    }

    /// Keys of the help, with those really in force.
    pub fn label(&self, keys: &str) -> String {
        let mut text = String::new();
        for part in keys.split_inclusive(' ') {
            let key = part.trim_end();
            let bound = self.0.iter().find(|binding| binding.usual == key);
            text.push_str(bound.map_or(key, |binding| binding.label.as_str()));
            text.push_str(&part[key.len()..]);
        }
        text
    }
}

fn parse(key: &str) -> Option<(KeyCode, KeyModifiers)> {
    let mut chars = key.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return (!c.is_control() && c != ' ').then_some((KeyCode::Char(c), KeyModifiers::NONE));
    }
    let lower = key.to_ascii_lowercase();
    if let Some(letter) = lower.strip_prefix("ctrl-") {
        let mut letters = letter.chars();
        let (Some(c), None) = (letters.next(), letters.next()) else {
            return None;
        };
        return c
            .is_ascii_lowercase()
            .then_some((KeyCode::Char(c), KeyModifiers::CONTROL));
    }
    let function = lower.strip_prefix('f').and_then(|n| n.parse().ok());
    let code = match (lower.as_str(), function) {
        (_, Some(n @ 1..=12)) => KeyCode::F(n),
        ("space", _) => KeyCode::Char(' '),
        ("tab", _) => KeyCode::Tab,
        ("enter", _) => KeyCode::Enter,
        ("esc", _) => KeyCode::Esc,
        ("backspace", _) => KeyCode::Backspace,
        ("delete", _) => KeyCode::Delete,
        ("insert", _) => KeyCode::Insert,
        ("home", _) => KeyCode::Home,
        ("end", _) => KeyCode::End,
        ("pgup", _) => KeyCode::PageUp,
        ("pgdn", _) => KeyCode::PageDown,
        _ => return None,
    };
    Some((code, KeyModifiers::NONE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(bindings: &Bindings, code: KeyCode) -> Option<KeyCode> {
        bindings.usual(&code.into()).map(|key| key.code)
    }

    #[test]
    fn a_command_moves_to_the_key_it_was_given() {
        let mut bindings = Bindings::default();
        bindings.bind("pause", "p").unwrap();
        bindings.bind("sort_pid", "F8").unwrap();
        bindings.bind("live", "ctrl-x").unwrap();
        let space = KeyCode::Char(' ');
        assert_eq!(press(&bindings, KeyCode::Char('p')), Some(space));
        assert_eq!(press(&bindings, space), None);
        assert_eq!(press(&bindings, KeyCode::F(8)), Some(KeyCode::Char('p')));
        assert_eq!(
            press(&bindings, KeyCode::Char('q')),
            Some(KeyCode::Char('q'))
        );
        let control = KeyEvent::new(KeyCode::Char('x'), KeyModifiers::CONTROL);
        assert_eq!(bindings.usual(&control), Some(KeyCode::Char('L').into()));
        assert_eq!(bindings.label("n p N"), "n F8 N");
        assert_eq!(bindings.label("Space"), "p");
    }

    #[test]
    fn mistakes_are_told_and_change_nothing() {
        let mut bindings = Bindings::default();
        for (command, key) in [
            ("nothing", "p"),
            ("pause", "hyper-x"),
            ("pause", ""),
            ("pause", "esc"),
            ("pause", "ctrl-c"),
        ] {
            assert!(bindings.bind(command, key).is_err(), "{command} {key}");
        }
        assert_eq!(bindings, Bindings::default());
        bindings.bind("pause", "p").unwrap();
        assert!(bindings.bind("zero", "p").is_err());
    }

    #[test]
    fn every_usual_key_can_be_read_and_is_there_once() {
        let mut keys = std::collections::HashSet::new();
        for (command, key) in COMMANDS {
            assert!(keys.insert(parse(key).unwrap()), "{command}");
        }
    }
}
