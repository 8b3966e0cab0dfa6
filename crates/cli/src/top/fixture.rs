//! Sample data for tests: the host web-01 with its twelve running and seven ended processes.

mod agent;
mod facts;
pub mod hands;
pub mod history;
mod processes;
mod samples;
pub mod sockets;

use std::time::Duration;

use jiff::Timestamp;

pub use self::agent::agent;
pub use self::processes::exited;
pub use self::processes::row;
pub use self::processes::Process;
pub use self::processes::LIVE;
pub use self::samples::sample;
pub use self::samples::web01;
use super::action::Action;
use super::action::Clock;
use super::bindings::Bindings;
use super::layout::Size;
use super::model::filtering::Filtering;
use super::model::heights::Heights;
use super::model::recall::Recall;
use super::model::screen::Pane;
use super::model::screen::Screen;
use super::model::settings::Settings;
use super::model::sort::Sort;
use super::model::tick::Changes;
use super::model::tick::Connections;
use super::model::tick::Origin;
use super::model::tick::Quality;
use super::model::tick::Tick;
use super::model::Coverage;
use super::model::Effect;
use super::model::Model;
use super::model::Opening;
use crate::row::Bytes;
use crate::row::Flows;
use crate::row::Sample;
use crate::session::watch::Details;
use crate::session::watch::Event;
use crate::units::time::TimeFormat;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Number of the sample at 17:56:05.
pub const NOW: u64 = 600;

/// The end of a tick; tick [`NOW`] ends at 17:56:05.
pub fn time(seq: u64) -> Timestamp {
    let now: Timestamp = "2026-11-20T17:56:05Z".parse().unwrap();
    let seconds = i64::try_from(seq).unwrap() - i64::try_from(NOW).unwrap();
    Timestamp::from_second(now.as_second() + seconds).unwrap()
}

/// A tick without traffic.
pub fn tick(seq: usize) -> Tick {
    Tick {
        seq: seq as u64,
        time: time(seq as u64),
        length: Some(Duration::from_secs(1)),
        quality: Quality::Exact,
        origin: Origin::Watched,
        host: Some(Flows::default()),
        shown: Flows::default(),
        unattributed: Bytes::default(),
        unattributed_total: Some(Bytes::default()),
        processes: Some(0),
        active: Some(0),
        connections: Connections::default(),
        changes: Changes::default(),
        heights: Heights::default(),
    }
}

/// A model of the given size that has seen the same ticks, the last forty with connections.
pub fn watched(width: u16, height: u16) -> Model {
    let mut model = empty(width, height);
    for seq in NOW - 120..=NOW {
        if seq == NOW - 40 {
            model.apply(Action::Feed(Event::Details {
                details: Details::Connections,
                again: None,
            }));
        }
        feed(&mut model, web01(seq));
    }
    model
}

/// A model of the given size that has seen the ticks of the sample host up to now.
pub fn model(width: u16, height: u16) -> Model {
    let mut model = empty(width, height);
    for seq in NOW - 120..=NOW {
        feed(&mut model, web01(seq));
    }
    model
}

/// A model of the given size that has seen nothing.
pub fn empty(width: u16, height: u16) -> Model {
    let mut model = Model::new(opening(NOW - 121));
    model.apply(Action::Resize(Size { width, height }));
    model
}

/// What a viewer starts with that is started at a tick.
pub fn opening(seq: u64) -> Opening {
    Opening {
        screen: Screen::List(Pane::Live),
        sort: Sort::default(),
        settings: Settings {
            time: TimeFormat::Utc,
            ..Settings::default()
        },
        coverage: Coverage::Everything,
        interval: Duration::from_secs(1),
        agent: agent(),
        clock: clock(seq),
        socket: "/run/netmon/agent.sock".to_owned(),
        recall: Recall::new(Duration::from_secs(600), None, None),
        bindings: Bindings::default(),
        warnings: Vec::new(),
        filtering: Filtering::default(),
        narrow: None,
        shape: crate::top::model::outline::Shape::Flat,
    }
}

/// The time of the viewer at the end of a tick.
pub fn clock(seq: u64) -> Clock {
    Clock {
        wall: time(seq),
        running: Duration::from_secs(seq),
    }
}

/// Lets a sample arrive in time.
pub fn feed(model: &mut Model, sample: Sample) -> Effect {
    model.apply(Action::Clock(clock(sample.seq)));
    model.apply(Action::Feed(Event::Sample(Box::new(sample))))
}
