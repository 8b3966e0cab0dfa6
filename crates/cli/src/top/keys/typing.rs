//! What keys do while a line is being typed.

use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use crossterm::event::KeyModifiers;

use crate::top::action::Action;
use crate::top::model::input::Edit;
use crate::top::model::screen::Step;

/// What a key means in the prompt; `None`: nothing.
pub fn action(key: &KeyEvent) -> Option<Action> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return Some(match key.code {
            KeyCode::Char('c') => Action::Quit,
            KeyCode::Char('u') => Action::Type(Edit::Clear),
            KeyCode::Char('w') => Action::Type(Edit::DropWord),
            KeyCode::Char('h') => Action::Type(Edit::Backspace),
            KeyCode::Char('a') => Action::Type(Edit::Home),
            KeyCode::Char('e') => Action::Type(Edit::End),
            KeyCode::Char('z') => Action::Suspend,
            KeyCode::Char('l') => Action::Redraw,
            _ => return None,
        });
    }
    // AltGr shows as Alt on some terminals, and types characters on some keyboards.
    Some(match key.code {
        KeyCode::Char(c) => Action::Type(Edit::Insert(c)),
        KeyCode::Backspace => Action::Type(Edit::Backspace),
        KeyCode::Delete => Action::Type(Edit::Delete),
        KeyCode::Left => Action::Type(Edit::Left),
        KeyCode::Right => Action::Type(Edit::Right),
        KeyCode::Home => Action::Type(Edit::Home),
        KeyCode::End => Action::Type(Edit::End),
        KeyCode::Up => Action::Recall(Step::Back),
        KeyCode::Down => Action::Recall(Step::Forward),
        KeyCode::Enter => Action::Accept,
        KeyCode::Esc => Action::Back,
        KeyCode::F(1) => Action::Help,
        _ => return None,
    })
}
