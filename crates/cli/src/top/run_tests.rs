//! The loop with keys, news and a screen that exist only here.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use crossterm::event::Event as Input;
use crossterm::event::KeyCode;
use tokio::time::Instant;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::run;
use super::Display;
use super::News;
use super::Outside;
use super::Source;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::session::watch::Details;
use crate::session::watch::Event;
use crate::top::action::Clock;
use crate::top::fixture;
use crate::top::fixture::NOW;
use crate::top::layout::Size;
use crate::top::model::position::Position;
use crate::top::model::recall::Question;
use crate::top::model::settings::Mouse;
use crate::top::model::Model;

/// Gives its news one per second of running time.
struct Script {
    news: VecDeque<News>,
    wanted: RefCell<Vec<Details>>,
    due: Instant,
}

impl Script {
    fn new(news: impl Into<VecDeque<News>>) -> Self {
        Self {
            news: news.into(),
            wanted: RefCell::default(),
            due: Instant::now() + Duration::from_secs(1),
        }
    }
}

impl Source for Script {
    async fn next(&mut self) -> News {
        tokio::time::sleep_until(self.due).await;
        self.due += Duration::from_secs(1);
        match self.news.pop_front() {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    fn want(&self, details: Details) {
        self.wanted.borrow_mut().push(details);
    }

    fn retry(&self) {}

    fn ask_agent(&mut self) {
        self.news.push_back(News::Agent(Box::new(fixture::agent())));
    }

    fn names(&mut self, _: Vec<std::net::IpAddr>) -> crate::row::Names {
        crate::row::Names::new()
    }

    fn ask_past(&mut self, _: Question) {
        self.news.push_front(News::Past(Ok(Box::default())));
    }
}

#[derive(Default)]
struct Counted {
    draws: Vec<Position>,
    cleared: usize,
    copied: Vec<String>,
}

impl Display for Counted {
    fn draw(&mut self, model: &Model) -> io::Result<()> {
        self.draws.push(model.position);
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.cleared += 1;
        Ok(())
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        self.copied.push(text.to_owned());
        Ok(())
    }

    fn mouse(&mut self, _: Mouse) -> io::Result<()> {
        Ok(())
    }

    fn suspend(&mut self) -> io::Result<Size> {
        Ok(Size {
            width: 50,
            height: 15,
        })
    }
}

type Typed = (Duration, KeyCode);

async fn play(news: Vec<News>, typed: Vec<Typed>) -> (Model, Counted, Outcome) {
    let (sender, keys) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        for (wait, code) in typed {
            tokio::time::sleep(wait).await;
            if sender.send(Ok(Input::Key(code.into()))).is_err() {
                return;
            }
        }
        std::future::pending::<()>().await;
    });
    let started = Instant::now();
    let mut outside = Outside {
        source: Script::new(news),
        keys: UnboundedReceiverStream::new(keys),
        display: Counted::default(),
        clock: move || Clock {
            wall: fixture::time(NOW),
            running: Duration::from_secs(NOW) + started.elapsed(),
        },
    };
    let mut model = fixture::model(80, 24);
    let outcome = run(&mut model, &mut outside, async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Outcome::Terminated
    })
    .await
    .unwrap();
    (model, outside.display, outcome)
}

fn sample(seq: u64) -> News {
    News::Event(Event::Sample(Box::new(fixture::web01(seq))))
}

fn key(ms: u64, c: char) -> Typed {
    (Duration::from_millis(ms), KeyCode::Char(c))
}

#[tokio::test(start_paused = true)]
async fn a_frame_is_drawn_for_every_sample_and_for_nothing_else() {
    let news = (NOW + 1..=NOW + 3).map(sample).collect();
    let (_, display, outcome) = play(news, vec![key(3500, 'q')]).await;
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(display.draws.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn many_keys_make_ten_frames_a_second_at_most() {
    let mut typed: Vec<_> = (0..100).map(|_| key(10, 'j')).collect();
    typed.push(key(500, 'q'));
    let (model, display, _) = play(Vec::new(), typed).await;
    assert!(
        (9..=12).contains(&display.draws.len()),
        "{}",
        display.draws.len()
    );
    assert!(model
        .list(crate::top::model::screen::Pane::Live)
        .selected
        .is_some());
}

#[tokio::test(start_paused = true)]
async fn keys_work_without_an_agent() {
    let lost = Event::Lost {
        why: Failure::Lost {
            socket: "/s".into(),
            reason: "gone".to_owned(),
        },
        retry_in: Some(Duration::from_secs(5)),
    };
    let typed = vec![key(1500, '['), key(3000, 'q')];
    let (model, display, _) = play(vec![News::Event(lost)], typed).await;
    assert!(matches!(model.position, Position::History { .. }));
    // The first frame, the loss, the key, and one per second of the countdown.
    assert!(
        (5..=7).contains(&display.draws.len()),
        "{}",
        display.draws.len()
    );
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_the_loop() {
    let (_, _, outcome) = play(Vec::new(), Vec::new()).await;
    assert_eq!(outcome, Outcome::Terminated);
}

#[tokio::test(start_paused = true)]
async fn scenario_44_coming_back_from_the_shell_asks_for_the_size() {
    let suspend = Input::Key(crossterm::event::KeyEvent::new(
        KeyCode::Char('z'),
        crossterm::event::KeyModifiers::CONTROL,
    ));
    let mut outside = Outside {
        source: Script::new([]),
        keys: tokio_stream::iter([Ok(suspend)]),
        display: Counted::default(),
        clock: || fixture::clock(NOW),
    };
    let mut model = fixture::model(80, 24);
    let outcome = run(&mut model, &mut outside, std::future::pending())
        .await
        .unwrap();
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(
        model.size,
        Size {
            width: 50,
            height: 15
        }
    );
}

#[tokio::test(start_paused = true)]
async fn connections_are_asked_for_when_their_view_opens() {
    let key = |c| Ok(Input::Key(KeyCode::Char(c).into()));
    let mut outside = Outside {
        source: Script::new([]),
        keys: tokio_stream::iter([key('3'), key('q')]),
        display: Counted::default(),
        clock: || fixture::clock(NOW),
    };
    let mut model = fixture::model(80, 24);
    run(&mut model, &mut outside, std::future::pending())
        .await
        .unwrap();
    let wanted = outside.source.wanted.borrow();
    assert_eq!(wanted.first(), Some(&Details::None));
    assert_eq!(wanted.last(), Some(&Details::Connections));
}
