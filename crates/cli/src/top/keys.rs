//! What keys and mouse do on the current screen.

mod typing;

use crossterm::event::Event;
use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use crossterm::event::KeyEventKind;
use crossterm::event::KeyModifiers;
use crossterm::event::MouseButton;
use crossterm::event::MouseEvent;
use crossterm::event::MouseEventKind;

use super::action::Action;
use super::action::Motion;
use super::action::Switch;
use super::action::Travel;
use super::action::Zooming;
use super::columns;
use super::columns::sockets;
use super::columns::sockets::Holder;
use super::layout::Area;
use super::layout::Size;
use super::model::arrange::CHOICES;
use super::model::export::Field;
use super::model::past::Towards;
use super::model::prompt::Purpose;
use super::model::screen::Pane;
use super::model::screen::Popup;
use super::model::screen::Screen;
use super::model::screen::Step;
use super::model::sort::SortKey;
use super::model::Model;

/// What an event of the terminal means; `None`: nothing.
pub fn action(event: &Event, model: &Model) -> Option<Action> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => pressed(key, model),
        Event::Mouse(mouse) => pointed(mouse, model),
        Event::Resize(width, height) => Some(Action::Resize(Size {
            width: *width,
            height: *height,
        })),
        _ => None,
    }
}

fn pressed(key: &KeyEvent, model: &Model) -> Option<Action> {
    if model.asked().is_some() {
        return typing::action(key);
    }
    let key = &match model.popup {
        // Its letters are of the menu, not of the view.
        Popup::Copy | Popup::GroupMenu { .. } => *key,
        _ => model.bindings.usual(key)?,
    };
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return controlled(key.code);
    }
    if key
        .modifiers
        .intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META)
    {
        return None;
    }
    if model.popup == Popup::Copy {
        return field(key.code);
    }
    if let Some(action) = anywhere(key.code) {
        return Some(action);
    }
    match model.popup {
        Popup::SortMenu { .. } => in_menu(key.code),
        Popup::Copy => field(key.code),
        Popup::Help { .. } | Popup::Syntax { .. } | Popup::Messages { .. } => {
            motion(key.code).map(Action::Move)
        }
        Popup::ColumnMenu { .. } => match key.code {
            KeyCode::Char(' ') => Some(Action::Accept),
            KeyCode::Char('C') => Some(Action::Back),
            code => in_menu(code),
        },
        Popup::GroupMenu { .. } => in_group_menu(key.code),
        Popup::Prompt(_) => None,
        Popup::None => on_view(key, model.screen),
    }
}

fn controlled(code: KeyCode) -> Option<Action> {
    Some(match code {
        KeyCode::Char('c') => Action::Quit,
        KeyCode::Char('z') => Action::Suspend,
        KeyCode::Char('l') => Action::Redraw,
        KeyCode::Char('r') => Action::Reset,
        KeyCode::Char('f') => Action::Move(Motion::Pages(1)),
        KeyCode::Char('b') => Action::Move(Motion::Pages(-1)),
        KeyCode::Char('d') => Action::Move(Motion::HalfPages(1)),
        KeyCode::Char('u') => Action::Move(Motion::HalfPages(-1)),
        _ => return None,
    })
}

fn anywhere(code: KeyCode) -> Option<Action> {
    Some(match code {
        KeyCode::Char('q') | KeyCode::F(10) => Action::Quit,
        KeyCode::Char('?' | 'h') | KeyCode::F(1) => Action::Help,
        KeyCode::Char('!') => Action::Messages,
        KeyCode::Char('@') => Action::Prompt(Purpose::Moment),
        KeyCode::Char('/' | '\\') | KeyCode::F(4) => Action::Prompt(Purpose::Filter),
        KeyCode::Char('R') => Action::Retry,
        KeyCode::Char('T') => Action::Switch(Switch::Theme),
        KeyCode::Char('M') => Action::Switch(Switch::Mouse),
        KeyCode::Esc => Action::Back,
        _ => return None,
    })
}

// Any other key leaves the menu, as it is one key away from being open again.
fn field(code: KeyCode) -> Option<Action> {
    Some(match code {
        KeyCode::Char('p') => Action::Copy(Field::Pid),
        KeyCode::Char('c') => Action::Copy(Field::CommandLine),
        KeyCode::Char('a') => Action::Copy(Field::Remote),
        KeyCode::Char('r') => Action::Copy(Field::Row),
        KeyCode::Char('j') => Action::Copy(Field::Json),
        _ => Action::Back,
    })
}

fn in_menu(code: KeyCode) -> Option<Action> {
    match code {
        KeyCode::Enter => Some(Action::Accept),
        KeyCode::Char('S') | KeyCode::F(6) => Some(Action::Back),
        _ => motion(code).map(Action::Move),
    }
}

fn in_group_menu(code: KeyCode) -> Option<Action> {
    let KeyCode::Char(letter) = code else {
        return in_menu(code);
    };
    let choice = CHOICES.iter().find(|(_, known, _)| *known == letter);
    match choice {
        Some((by, ..)) => Some(Action::GroupBy(*by)),
        None if letter == 'b' => Some(Action::Back),
        None => motion(code).map(Action::Move),
    }
}

fn motion(code: KeyCode) -> Option<Motion> {
    Some(match code {
        KeyCode::Up | KeyCode::Char('k') => Motion::Lines(-1),
        KeyCode::Down | KeyCode::Char('j') => Motion::Lines(1),
        KeyCode::PageUp => Motion::Pages(-1),
        KeyCode::PageDown => Motion::Pages(1),
        KeyCode::Home | KeyCode::Char('g') => Motion::First,
        KeyCode::End | KeyCode::Char('G') => Motion::Last,
        _ => return None,
    })
}

fn on_view(key: &KeyEvent, screen: Screen) -> Option<Action> {
    let code = key.code;
    if let Some(action) = views(code).or_else(|| time(key)).or_else(|| switches(code)) {
        return Some(action);
    }
    let pane = match screen {
        Screen::List(pane) => Some(pane),
        Screen::Connections => Some(Pane::Live),
        Screen::Agent | Screen::Chart => None,
    };
    motion(code)
        .map(Action::Move)
        .or_else(|| sorting(code, pane?))
}

fn views(code: KeyCode) -> Option<Action> {
    match code {
        KeyCode::Tab => Some(Action::ShowNeighbour(Step::Forward)),
        KeyCode::BackTab => Some(Action::ShowNeighbour(Step::Back)),
        KeyCode::Enter => Some(Action::Open),
        KeyCode::Char('d') => Some(Action::Details),
        KeyCode::Char('b') => Some(Action::GroupMenu),
        KeyCode::Char('B') => Some(Action::GroupNext),
        KeyCode::Char('t') | KeyCode::F(5) => Some(Action::Tree),
        KeyCode::Char('e') => Some(Action::Expand),
        KeyCode::Char('E') => Some(Action::ExpandAll),
        KeyCode::Char(digit) => Screen::of_digit(digit).map(Action::Show),
        _ => None,
    }
}

fn time(key: &KeyEvent) -> Option<Action> {
    let far = key.modifiers.contains(KeyModifiers::SHIFT);
    let travel = match key.code {
        KeyCode::Char(' ') => return Some(Action::Pause),
        KeyCode::Left if far => Travel::Seconds(10, Towards::Older),
        KeyCode::Right if far => Travel::Seconds(10, Towards::Newer),
        KeyCode::Left => Travel::Tick(Towards::Older),
        KeyCode::Right => Travel::Tick(Towards::Newer),
        KeyCode::Char('[') => Travel::Seconds(10, Towards::Older),
        KeyCode::Char(']') => Travel::Seconds(10, Towards::Newer),
        KeyCode::Char('{') => Travel::Seconds(60, Towards::Older),
        KeyCode::Char('}') => Travel::Seconds(60, Towards::Newer),
        KeyCode::Char('L') => Travel::Live,
        KeyCode::Char('P') => Travel::Peak,
        _ => return None,
    };
    Some(Action::Travel(travel))
}

fn switches(code: KeyCode) -> Option<Action> {
    let KeyCode::Char(c) = code else { return None };
    Some(match c {
        '+' => Action::Zoom(Zooming::Closer),
        '-' => Action::Zoom(Zooming::Wider),
        '=' => Action::Zoom(Zooming::Reset),
        'i' => Action::Switch(Switch::Idle),
        'H' => Action::Switch(Switch::Hosts),
        'x' => Action::Switch(Switch::Mix),
        'V' => Action::Switch(Switch::Subject),
        'o' => Action::Switch(Switch::Loopback),
        'u' => Action::Switch(Switch::Bits),
        'U' => Action::Switch(Switch::Base),
        'm' => Action::Switch(Switch::Numbers),
        'w' => Action::Switch(Switch::Span),
        'l' => Action::Switch(Switch::Command),
        'v' => Action::Switch(Switch::Scaling),
        'z' => Action::SetZero,
        _ => return None,
    })
}

fn sorting(code: KeyCode, pane: Pane) -> Option<Action> {
    let key = match code {
        KeyCode::Char('S') | KeyCode::F(6) => return Some(Action::SortMenu),
        KeyCode::Char('<') => return Some(Action::SortNeighbour(Step::Back)),
        KeyCode::Char('>') => return Some(Action::SortNeighbour(Step::Forward)),
        KeyCode::Char('I') => return Some(Action::SortReverse),
        KeyCode::Char('f') => return Some(Action::Freeze),
        KeyCode::Char('F') => return Some(Action::Follow),
        KeyCode::Char('C') => return Some(Action::ColumnMenu),
        KeyCode::Char('y') => return Some(Action::CopyMenu),
        KeyCode::Char('W') => return Some(Action::Prompt(Purpose::File)),
        KeyCode::Char('c') => SortKey::Rate,
        KeyCode::Char('r') => SortKey::Rx,
        KeyCode::Char('s') => SortKey::Tx,
        // What an ended process moved is its total.
        KeyCode::Char('a') if pane == Pane::Exited => SortKey::Rate,
        KeyCode::Char('a') => SortKey::Total,
        KeyCode::Char('K') => SortKey::Peak,
        KeyCode::Char('n') => SortKey::Name,
        KeyCode::Char('p') => SortKey::Pid,
        KeyCode::Char('N') if pane == Pane::Live => SortKey::Connections,
        _ => return None,
    };
    Some(Action::SortBy(key))
}

// `area`: the header of the list and its lines.
fn on_sockets(
    mouse: &MouseEvent,
    holder: Holder,
    area: Area,
    wheel: Option<isize>,
) -> Option<Action> {
    if let Some(by) = wheel {
        return Some(Action::WheelSockets { holder, by });
    }
    if matches!(mouse.kind, MouseEventKind::Drag(_)) {
        return None;
    }
    match usize::from(mouse.row - area.y).checked_sub(1) {
        Some(row) => Some(Action::ClickSocket { holder, row }),
        None => {
            let id = sockets::id_at(holder, area.width, mouse.column - area.x)?;
            Some(Action::ClickSocketHeader { holder, id })
        }
    }
}

fn pointed(mouse: &MouseEvent, model: &Model) -> Option<Action> {
    const WHEEL_ROWS: isize = 3;
    let wheel = match mouse.kind {
        MouseEventKind::ScrollDown => Some(WHEEL_ROWS),
        MouseEventKind::ScrollUp => Some(-WHEEL_ROWS),
        MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left) => None,
        _ => return None,
    };
    if model.popup != Popup::None {
        return wheel.map(|by| Action::Move(Motion::Lines(by.signum())));
    }
    let plan = model.plan();
    let (x, y) = (mouse.column, mouse.row);
    if let Some(column) = plan.charts.and_then(|charts| charts.column_at(x, y)) {
        return Some(match wheel {
            None => Action::ClickChart { column },
            Some(by) if by < 0 => Action::Zoom(Zooming::Closer),
            Some(_) => Action::Zoom(Zooming::Wider),
        });
    }
    if plan.body.contains(x, y) {
        return wheel.map(|by| Action::Move(Motion::Lines(by)));
    }
    for (holder, area) in model.socket_areas() {
        if area.contains(x, y) {
            return on_sockets(mouse, holder, area, wheel);
        }
    }
    let panel = plan
        .panels
        .iter()
        .find(|panel| panel.area.inner().contains(x, y))?;
    let pane = panel.pane;
    if let Some(by) = wheel {
        return Some(Action::Wheel { pane, by });
    }
    // A drag over a list is somebody trying to mark text; it must not move the selection along.
    if matches!(mouse.kind, MouseEventKind::Drag(_)) {
        return None;
    }
    match usize::from(y - panel.area.inner().y).checked_sub(1) {
        Some(row) => Some(Action::ClickRow { pane, row }),
        None => columns::key_at(pane, model.chosen(pane), panel.area, x)
            .map(|key| Action::ClickHeader { pane, key }),
    }
}
