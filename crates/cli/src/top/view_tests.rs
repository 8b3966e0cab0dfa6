//! What the screens look like.

#[path = "view/details_tests.rs"]
mod details_tests;
#[path = "view/filter_tests.rs"]
mod filter_tests;
#[path = "view/outline_tests.rs"]
mod outline_tests;

use proptest::prelude::*;
use ratatui::backend::TestBackend;
use ratatui::style::Modifier;
use ratatui::Terminal;
use std::sync::Arc;

use super::render;
use crate::row::connection::Connection;
use crate::row::ProcessRow;
use crate::session::watch::Details;
use crate::session::watch::Event;
use crate::top::action::Action;
use crate::top::action::Motion;
use crate::top::action::Switch;
use crate::top::action::Travel;
use crate::top::fixture;
use crate::top::fixture::NOW;
use crate::top::layout::Size;
use crate::top::model::screen::Pane;
use crate::top::model::screen::Popup;
use crate::top::model::screen::Screen;
use crate::top::model::settings::Charset;
use crate::top::model::settings::Theme;
use crate::top::model::Model;

fn draw(model: &Model) -> Terminal<TestBackend> {
    let Size { width, height } = model.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| render(model, frame)).unwrap();
    terminal
}

fn text(model: &Model) -> String {
    let terminal = draw(model);
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut skip = 0;
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            if skip == 0 {
                text.push_str(symbol);
                skip = crate::text::width(symbol).max(1);
            }
            skip -= 1;
        }
        text.push('\n');
    }
    text
}

fn at(width: u16, height: u16, actions: impl IntoIterator<Item = Action>) -> String {
    let mut model = fixture::model(width, height);
    for action in actions {
        model.apply(action);
    }
    text(&model)
}

fn select(lines: isize) -> Action {
    Action::Move(Motion::Lines(lines))
}

#[test]
fn scenario_01_the_live_view_fits_every_size_cell_by_cell() {
    for (width, height) in [(160, 45), (100, 30), (80, 24), (50, 15), (40, 10), (36, 8)] {
        let mut model = fixture::watched(width, height);
        if width == 160 {
            // Frame A has a process selected.
            model.apply(select(1));
            model.apply(select(1));
        }
        let screen = text(&model);
        for line in screen.lines() {
            assert_eq!(crate::text::width(line), usize::from(width), "{line}");
        }
        assert_eq!(screen.lines().count(), usize::from(height));
        insta::assert_snapshot!(format!("live_{width}x{height}"), screen);
    }
}

#[test]
fn scenario_05_the_title_names_an_order_whose_column_is_hidden() {
    let mut model = fixture::model(50, 15);
    fixture::hands::press(&mut model, "N");
    let screen = text(&model);
    assert!(screen.contains("1 Live · by CONN"), "{screen}");
    assert!(!screen.contains(['▼', '▲']), "{screen}");
    let sockets: Vec<_> = model
        .list(Pane::Live)
        .lines()
        .iter()
        .map(|line| line.connections.unwrap())
        .collect();
    assert!(sockets.is_sorted_by(|a, b| a >= b), "{sockets:?}");
    assert_eq!(fixture::hands::pids(&model)[0], 1187);
}

#[test]
fn the_screens_look_as_promised() {
    let exited = || Action::Show(Screen::List(Pane::Exited));
    insta::assert_snapshot!("exited_80x24", at(80, 24, [exited(), select(1)]));
    insta::assert_snapshot!("exited_50x15", at(50, 15, [exited(), select(1)]));
    let chart = [Action::Show(Screen::Chart), Action::Travel(Travel::Peak)];
    insta::assert_snapshot!("chart_50x15", at(50, 15, chart));
    let peak = [Action::Travel(Travel::Peak), select(1)];
    insta::assert_snapshot!("history_100x30", at(100, 30, peak));
    insta::assert_snapshot!("agent_80x24", at(80, 24, [Action::Show(Screen::Agent)]));
    insta::assert_snapshot!("help_80x24", at(80, 24, [Action::Help]));
    insta::assert_snapshot!("help_50x15", at(50, 15, [Action::Help]));
    insta::assert_snapshot!("sort_menu_80x24", at(80, 24, [Action::SortMenu]));
}

#[test]
fn an_offline_screen_keeps_its_data() {
    let mut model = fixture::model(80, 24);
    lose(&mut model, NOW + 1);
    model.apply(Action::Clock(fixture::clock(NOW + 9)));
    insta::assert_snapshot!("offline_80x24", text(&model));
}

#[test]
fn an_empty_screen_says_what_to_do() {
    let mut model = fixture::empty(80, 24);
    model.agent.started = Some(fixture::time(NOW - 4));
    model.agent.counting_since = model.agent.started;
    fixture::feed(&mut model, fixture::sample(NOW, Vec::new()));
    insta::assert_snapshot!("empty_80x24", text(&model));
}

#[test]
fn scenario_32_the_ascii_screen_is_ascii() {
    let mut model = fixture::model(80, 24);
    model.settings.charset = Charset::Ascii;
    model.apply(select(2));
    insta::assert_snapshot!("ascii_80x24", text(&model));
    let screens = Screen::ALL.map(Action::Show).into_iter();
    let popups = [Action::Help, Action::SortMenu, Action::Messages];
    for action in screens
        .chain(popups)
        .chain([Action::Pause, Action::Travel(Travel::Peak)])
    {
        model.apply(action);
        assert!(text(&model).is_ascii(), "{}", text(&model));
    }
    let mut bound = fixture::web01(NOW + 1);
    bound.lower_bound = true;
    model.apply(Action::Reset);
    model.apply(Action::Show(Screen::List(Pane::Live)));
    fixture::feed(&mut model, bound);
    assert!(text(&model).contains(">=2.31GiB") || text(&model).contains(">=2.3GiB"));
    assert!(text(&model).is_ascii());
}

#[test]
fn scenario_30_unknown_and_incomplete_numbers_are_marked() {
    let mut model = fixture::model(80, 24);
    let mut sample = fixture::web01(NOW + 1);
    sample.lower_bound = true;
    sample.unattributed.tick.rx = 2048;
    sample.unattributed.total.rx = 4096;
    sample.rows[1].tcp_connections = None;
    fixture::feed(&mut model, sample);
    let screen = text(&model);
    for expected in [
        "≥2.31GiB",
        "(unattributed)",
        "≥2.00KiB",
        "n/a",
        "lower bounds",
    ] {
        assert!(screen.contains(expected), "{expected} in\n{screen}");
    }
    // The total is that of the rows and of what belongs to nobody.
    let rows: u64 = model
        .list(Pane::Live)
        .lines()
        .iter()
        .map(|line| line.rx.unwrap())
        .sum();
    let total = screen
        .lines()
        .find(|line| line.contains("TOTAL  "))
        .unwrap();
    let expected = format!("≥{}", model.settings.units.rate(rows + 2048));
    assert!(total.contains(&expected), "{expected} in\n{total}");
}

#[test]
fn scenario_33_hostile_names_stay_in_their_cells() {
    let mut model = fixture::empty(80, 24);
    let mut sample = fixture::web01(NOW);
    for (row, name) in sample.rows.iter_mut().zip([
        "a\x1b[31mb\u{202e}c".to_owned(),
        "网络监控".to_owned(),
        "x".repeat(200),
        "\u{1f980}\u{200d}\u{1f980} a\u{301}".to_owned(),
        "tab\tnew\nline".to_owned(),
    ]) {
        Arc::make_mut(&mut row.facts).user = Some(name.clone());
        Arc::make_mut(&mut row.facts).unit = Some(name.clone());
        Arc::make_mut(&mut row.facts).args = vec![name.clone()];
        Arc::make_mut(&mut row.facts).name = name;
    }
    fixture::feed(&mut model, sample);
    hostile_everywhere(&model);
    let terminal = draw(&model);
    let buffer = terminal.backend().buffer();
    for y in 7..20 {
        assert_eq!(buffer[(0, y)].symbol(), "┃", "row {y}");
        assert_eq!(buffer[(79, y)].symbol(), "┃", "row {y}");
    }
    let screen = text(&model);
    assert!(screen.contains(r"a\x1b[31mb\u{202e…"), "{screen}");
    assert!(
        screen.contains("网络监控  ") && screen.contains("xxxx…"),
        "{screen}"
    );
    // Numbers end in the same column whatever stands before them.
    for y in 8..20 {
        let tail: String = (70..79).map(|x| buffer[(x, y)].symbol()).collect();
        assert!(tail.trim_end().ends_with('B'), "row {y}: {tail}");
    }
}

// The same names in groups, details and connections, at other sizes.
fn hostile_everywhere(model: &Model) {
    let sample = |seq| {
        let mut sample = fixture::web01(seq);
        for row in &mut sample.rows {
            if let Some(known) = model.row(row.facts.id) {
                row.facts = known.facts.clone();
            }
        }
        sample
    };
    for (width, height) in [(160, 45), (100, 30), (80, 24), (50, 15), (40, 10)] {
        for keys in ["d", "3", "bsE", "bnE", "t", "dd", "2d"] {
            let mut model = fixture::watched(width, height);
            fixture::feed(&mut model, sample(NOW + 1));
            fixture::hands::press(&mut model, keys);
            fixture::hands::code(&mut model, crossterm::event::KeyCode::Enter);
            let screen = text(&model);
            for line in screen.lines() {
                assert_eq!(
                    crate::text::width(line),
                    usize::from(width),
                    "{keys}\n{screen}"
                );
                assert!(!line.contains(['\x1b', '\u{202e}', '\t']), "{line}");
            }
        }
    }
}

#[test]
fn scenario_31_a_screen_without_colours_still_shows_what_is_selected() {
    let mut model = fixture::model(80, 24);
    model.settings.theme = Theme::Mono;
    model.apply(select(1));
    let terminal = draw(&model);
    let buffer = terminal.backend().buffer();
    let reset = ratatui::style::Color::Reset;
    assert!(buffer
        .content
        .iter()
        .all(|cell| cell.fg == reset && cell.bg == reset));
    for y in [0, 8, 23] {
        assert!(
            (1..79).all(|x| buffer[(x, y)].modifier.contains(Modifier::REVERSED)),
            "row {y}"
        );
    }
    assert_eq!(buffer[(1, 8)].symbol(), ">");
}

#[test]
fn every_state_that_changes_the_numbers_is_a_word() {
    for (action, word) in [
        (Action::Pause, "PAUSED"),
        (Action::Travel(Travel::Peak), "HISTORY"),
        (Action::Switch(Switch::Bits), "bits"),
        (Action::Switch(Switch::Loopback), "lo "),
        (Action::Switch(Switch::Span), "avg 5s"),
        (Action::SetZero, "since 17:56:05"),
        (Action::Freeze, "ORDER FROZEN"),
        (Action::Switch(Switch::Idle), "IDLE HIDDEN"),
    ] {
        let screen = at(80, 24, [action]);
        assert!(screen.contains(word), "{word} in\n{screen}");
    }
}

fn lose(model: &mut Model, seq: u64) {
    use crate::failure::Failure;
    model.apply(Action::Clock(fixture::clock(seq)));
    model.apply(Action::Feed(crate::session::watch::Event::Lost {
        why: Failure::Lost {
            socket: "/run/netmon/agent.sock".into(),
            reason: "socket closed".to_owned(),
        },
        retry_in: Some(std::time::Duration::from_secs(10)),
    }));
}

#[derive(Debug, Clone)]
struct Wild {
    size: Size,
    rows: Vec<(u32, u64, u64, u64, String)>,
    keys: Vec<crossterm::event::KeyCode>,
    ascii: bool,
}

fn wild() -> impl Strategy<Value = Wild> {
    use crossterm::event::KeyCode;
    let key = prop_oneof![
        proptest::char::range(' ', '~')
            .prop_filter("leaves", |c| *c != 'q')
            .prop_map(KeyCode::Char),
        Just(KeyCode::Esc),
        Just(KeyCode::Down),
        Just(KeyCode::Left),
        Just(KeyCode::Right),
        Just(KeyCode::PageDown),
        Just(KeyCode::End),
        Just(KeyCode::Tab),
        Just(KeyCode::Enter),
        Just(KeyCode::F(1)),
        Just(KeyCode::F(5)),
        Just(KeyCode::Backspace),
    ];
    let row = (
        any::<u32>(),
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        any::<String>(),
    );
    (
        (1_u16..220, 1_u16..70),
        proptest::collection::vec(row, 0..40),
        proptest::collection::vec(key, 0..12),
        any::<bool>(),
    )
        .prop_map(|((width, height), rows, keys, ascii)| Wild {
            size: Size { width, height },
            rows,
            keys,
            ascii,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn scenario_45_no_size_no_row_and_no_key_breaks_the_screen(wild in wild()) {
        let mut model = fixture::empty(wild.size.width, wild.size.height);
        if wild.ascii {
            model.settings.charset = Charset::Ascii;
        }
        let mut rows: Vec<_> = wild
            .rows
            .iter()
            .map(|(pid, rx, tx, total, name)| {
                let process = fixture::Process(*pid, "u", "n", *pid, *rx, *tx, *total, *total);
                let mut row = fixture::row(&process);
                Arc::make_mut(&mut row.facts).name = name.clone();
                Arc::make_mut(&mut row.facts).unit = Some(name.clone()).filter(|_| pid % 2 == 0);
                Arc::make_mut(&mut row.facts).parent_pid = Some(pid / 2);
                Arc::make_mut(&mut row.facts).args = vec![name.clone(); (pid % 3) as usize];
                row
            })
            .collect();
        rows.sort_by_key(|row| row.facts.id);
        rows.dedup_by_key(|row| row.facts.id);
        rows.extend(fixture::exited());
        for seq in [NOW - 3, NOW - 2, NOW] {
            let mut sample = fixture::sample(seq, rows.clone());
            sample.connections = wild_connections(&rows);
            fixture::feed(&mut model, sample);
            model.apply(Action::Feed(Event::Details {
                details: Details::Connections,
                again: None,
            }));
        }
        for screen in [None].into_iter().chain(Screen::ALL.map(Some)) {
            if let Some(screen) = screen {
                model.apply(Action::Show(screen));
            }
            check(&model)?;
            for key in &wild.keys {
                let event = crossterm::event::Event::Key((*key).into());
                if let Some(action) = crate::top::keys::action(&event, &model) {
                    model.apply(action);
                    check(&model)?;
                }
            }
            model.apply(Action::Back);
        }
    }
}

// One of some shape for every process.
fn wild_connections(rows: &[ProcessRow]) -> Vec<Connection> {
    let known = fixture::web01(NOW).connections;
    let shapes = known.iter().cycle();
    rows.iter()
        .zip(shapes)
        .zip(0..)
        .map(|((row, shape), id)| Connection {
            id,
            process: row.facts.id,
            interface: Some(row.facts.name.clone()),
            local: shape.local.filter(|_| id % 3 != 0),
            remote: shape.remote.filter(|_| id % 5 != 0),
            counter: row.flows.sum(crate::row::Scope::default()),
            ..shape.clone()
        })
        .collect()
}

fn check(model: &Model) -> Result<(), TestCaseError> {
    let terminal = draw(model);
    let buffer = terminal.backend().buffer();
    if crate::top::layout::too_small(model.size) {
        return Ok(());
    }
    let bottom = model.size.height - 1;
    for y in [0, bottom] {
        prop_assert!(buffer[(0, y)].modifier.contains(Modifier::REVERSED));
        let row: String = (0..model.size.width)
            .map(|x| buffer[(x, y)].symbol())
            .collect();
        prop_assert!(!row.trim().is_empty());
    }
    if model.settings.charset == Charset::Ascii {
        prop_assert!(buffer.content.iter().all(|cell| cell.symbol().is_ascii()));
    }
    let plan = model.plan();
    if model.popup == Popup::None {
        let panels = plan.panels.iter().map(|panel| panel.area);
        for area in panels.chain(plan.sockets).chain(plan.details) {
            let corner = buffer[(area.x + area.width - 1, area.y + area.height - 1)].symbol();
            prop_assert!(["┛", "┘", "+"].contains(&corner), "{corner}");
        }
    }
    Ok(())
}
