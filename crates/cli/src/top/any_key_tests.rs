//! Whatever keys are pressed and whatever news comes between them: nothing breaks.

use std::time::Duration;

use crossterm::event::Event as Input;
use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use crossterm::event::KeyModifiers;
use crossterm::event::MouseButton;
use crossterm::event::MouseEvent;
use crossterm::event::MouseEventKind;
use proptest::prelude::*;
use ratatui::backend::TestBackend;
use ratatui::Terminal;

use crate::failure::Failure;
use crate::session::watch::Event;
use crate::top::action::Action;
use crate::top::fixture;
use crate::top::fixture::feed;
use crate::top::fixture::hands::event;
use crate::top::fixture::history;
use crate::top::fixture::web01;
use crate::top::fixture::NOW;
use crate::top::layout::Size;
use crate::top::model::Model;
use crate::top::view;

#[derive(Debug, Clone)]
enum Happening {
    Input(Input),
    Ticks(u64),
    Gap(u64),
    Lost,
    Back,
    History,
}

fn any_key() -> impl Strategy<Value = Input> {
    let code = prop_oneof![
        20 => proptest::char::range(' ', '~').prop_map(KeyCode::Char),
        1 => any::<char>().prop_map(KeyCode::Char),
        6 => prop::sample::select(vec![
            KeyCode::Up, KeyCode::Down, KeyCode::Left, KeyCode::Right, KeyCode::PageUp,
            KeyCode::PageDown, KeyCode::Home, KeyCode::End, KeyCode::Enter, KeyCode::Esc,
            KeyCode::Tab, KeyCode::BackTab, KeyCode::Backspace, KeyCode::Delete, KeyCode::F(1),
            KeyCode::F(4), KeyCode::F(5), KeyCode::F(6),
        ]),
    ];
    let modifiers = prop_oneof![
        8 => Just(KeyModifiers::NONE),
        1 => Just(KeyModifiers::CONTROL),
        1 => Just(KeyModifiers::SHIFT),
    ];
    (code, modifiers).prop_map(|(code, modifiers)| Input::Key(KeyEvent::new(code, modifiers)))
}

fn any_mouse() -> impl Strategy<Value = Input> {
    let kind = prop::sample::select(vec![
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Drag(MouseButton::Left),
        MouseEventKind::ScrollUp,
        MouseEventKind::ScrollDown,
    ]);
    (kind, 0_u16..170, 0_u16..60).prop_map(|(kind, column, row)| {
        Input::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        })
    })
}

fn anything() -> impl Strategy<Value = Happening> {
    prop_oneof![
        30 => any_key().prop_map(Happening::Input),
        4 => any_mouse().prop_map(Happening::Input),
        2 => (1_u16..170, 1_u16..60).prop_map(|(w, h)| Happening::Input(Input::Resize(w, h))),
        3 => (1_u64..4).prop_map(Happening::Ticks),
        1 => (2_u64..30).prop_map(Happening::Gap),
        1 => Just(Happening::Lost),
        1 => Just(Happening::Back),
        3 => Just(Happening::History),
    ]
}

fn happen(model: &mut Model, happening: Happening, now: &mut u64) {
    match happening {
        Happening::Input(input) => {
            event(model, input);
        }
        Happening::Ticks(count) => {
            for _ in 0..count {
                *now += 1;
                feed(model, web01(*now));
            }
        }
        Happening::Gap(count) => {
            *now += count;
            feed(model, web01(*now));
        }
        Happening::Lost => {
            let why = Failure::Lost {
                socket: "/s".into(),
                reason: "gone".to_owned(),
            };
            let retry_in = Some(Duration::from_secs(1));
            model.apply(Action::Feed(Event::Lost { why, retry_in }));
        }
        Happening::Back => {
            let agent = Box::new(history::agent(NOW - 300));
            model.apply(Action::Feed(Event::Back(agent)));
        }
        Happening::History => {
            let kept: Vec<_> = (NOW - 40..=*now).map(web01).collect();
            history::serve(model, &kept);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn no_sequence_of_keys_breaks_the_viewer(
        happenings in proptest::collection::vec(anything(), 1..60),
    ) {
        let mut opening = fixture::opening(NOW - 5);
        opening.agent = history::agent(NOW - 300);
        let mut model = Model::new(opening);
        model.apply(Action::Resize(Size { width: 100, height: 30 }));
        let mut now = NOW - 5;
        feed(&mut model, web01(now));
        let mut terminal = Terminal::new(TestBackend::new(170, 60)).unwrap();
        for happening in happenings {
            happen(&mut model, happening, &mut now);
            let _ = model.take_outgoing();
            terminal.draw(|frame| view::render(&model, frame)).unwrap();
        }
        // Whatever it was: back to the present is some steps away.
        for _ in 0..6 {
            event(&mut model, Input::Key(KeyCode::Esc.into()));
        }
        now += 1;
        feed(&mut model, web01(now));
        prop_assert_eq!(model.newest().map(|tick| tick.time), Some(fixture::time(now)));
        prop_assert_eq!(model.tick().map(|tick| tick.time), Some(fixture::time(now)));
    }
}
