//! Steps that stand for several ticks are as high as the highest of them.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::KeyCode;

use super::Climb;
use super::Height;
use super::Heights;
use crate::row::past::PastRow;
use crate::row::past::Step;
use crate::row::past::Who;
use crate::row::Bytes;
use crate::row::Counter;
use crate::row::Flows;
use crate::row::Loopback;
use crate::row::Peaks;
use crate::row::ProcessRow;
use crate::row::Sample;
use crate::row::Scope;
use crate::top::action::Action;
use crate::top::fixture;
use crate::top::fixture::hands::code;
use crate::top::fixture::hands::press;
use crate::top::fixture::history;
use crate::top::fixture::NOW;
use crate::top::layout::Size;
use crate::top::model::chart::Column;
use crate::top::model::charted::Lane;
use crate::top::model::stored::Builder;
use crate::top::model::stored::Sums;
use crate::top::model::Coverage;
use crate::top::model::Model;
use crate::top::model::Opening;

const MIB: u64 = 1 << 20;

// A process that has received so much in the tick, of it on the machine itself.
fn row(pid: u32, rx: u64, local: u64) -> ProcessRow {
    let mut row = fixture::row(&fixture::Process(pid, "alice", "curl", 1, rx, 0, 0, 0));
    row.flows.loopback[0][0].tick.rx = local;
    row
}

// Two processes of which each has a burst of its own in ten seconds, and a third that has none.
fn bursts(seq: u64) -> Sample {
    let burst = |second: u64, high: u64| match seq % 10 == second {
        true => high * MIB,
        false => 1000,
    };
    let rows = vec![
        row(7, burst(3, 30), 0),
        row(8, burst(6, 20), burst(6, 50)),
        row(9, 0, 0),
    ];
    fixture::sample(seq, rows)
}

fn received(model: &Model) -> Vec<u64> {
    let rates = |column: &Column| match column {
        Column::Rates(rate) => Some(rate.rx),
        _ => None,
    };
    let columns = model.chart().unwrap().columns;
    columns.iter().filter_map(rates).collect()
}

fn opened(opening: Opening) -> Model {
    let mut model = Model::new(opening);
    model.apply(Action::Resize(Size {
        width: 100,
        height: 30,
    }));
    model
}

// What the agent keeps of ten seconds of that: no height of the sum where it is old.
fn step(begin: u64, side: Loopback, sum: bool) -> Step {
    let scope = Scope {
        loopback: side,
        ..Scope::default()
    };
    let ticks: Vec<Sample> = (begin + 1..=begin + 10).map(bursts).collect();
    let last = ticks.last().unwrap().clone();
    let peaks = |get: &dyn Fn(&Sample) -> u64| {
        let rx = ticks.iter().map(get).max().unwrap();
        Some(Peaks {
            rx_per_s: rx,
            sum_per_s: rx,
            ..Peaks::default()
        })
    };
    let mut flows = Flows::default();
    let mut moved: Vec<Flows> = vec![Flows::default(); 3];
    for tick in &ticks {
        flows.add_ticks(&tick.flows);
        for (sum, row) in moved.iter_mut().zip(&tick.rows) {
            sum.add_ticks(&row.flows);
        }
    }
    let rows = last
        .rows
        .iter()
        .enumerate()
        .take(2)
        .map(|(at, row)| PastRow {
            who: Who::Process(Arc::clone(&row.facts)),
            flows: moved[at],
            peaks: peaks(&|tick| tick.rows[at].flows.sum(scope).tick.rx),
            active: None,
        });
    Step {
        length: Some(Duration::from_secs(10)),
        ticks: 10,
        flows,
        peaks: peaks(&|tick| tick.flows.sum(scope).tick.rx).filter(|_| sum),
        rows: rows.collect(),
        ..history::step(&last)
    }
}

#[test]
fn ticks_that_are_put_together_keep_their_highest() {
    let mut climb = Climb::default();
    for seq in 0..10 {
        climb.note(&bursts(seq), Scope::default(), Coverage::Everything);
    }
    let heights = climb.take();
    let id = |at: usize| bursts(0).rows[at].facts.id;
    let rx = |height: Option<Height>| height.map(|height| (height.rx, height.sum));
    for (loopback, all, each) in [
        (Loopback::Exclude, 30 * MIB + 1000, [30 * MIB, 20 * MIB]),
        (Loopback::Include, 70 * MIB + 1000, [30 * MIB, 70 * MIB]),
    ] {
        assert_eq!(rx(heights.all(loopback)), Some((all, all)));
        for (at, height) in each.into_iter().enumerate() {
            assert_eq!(rx(heights.of(id(at), loopback)), Some((height, height)));
        }
    }
    assert_eq!(heights.all(Loopback::Only), None);
    assert_eq!(heights.of(id(2), Loopback::Exclude), None);
    assert!(climb.take().is_empty());
}

#[test]
fn a_longer_interval_keeps_bursts_in_the_waveform() {
    let mut model = opened(Opening {
        interval: Duration::from_secs(10),
        ..fixture::opening(0)
    });
    for seq in 1..=20 {
        fixture::feed(&mut model, bursts(seq));
    }
    assert_eq!(received(&model), [30 * MIB + 1000; 2]);
    let chart = model.chart().unwrap();
    assert_eq!(chart.rx_peak.map(|peak| peak.rate), Some(30 * MIB + 1000));
    assert!(model.scale_tops()[0] >= 30 * MIB);
    // The list has the rate of the whole step.
    let line = &model.list(crate::top::model::screen::Pane::Live).lines()[0];
    assert_eq!(line.rx, Some((30 * MIB + 9000) / 10));
    assert_eq!(model.lane(line.id, Lane::Sum)[0], Some(30 * MIB));
    press(&mut model, "/pid:8");
    code(&mut model, KeyCode::Enter);
    assert_eq!(received(&model), [20 * MIB; 2]);
    press(&mut model, "o");
    assert_eq!(received(&model), [70 * MIB; 2]);
}

#[test]
fn old_steps_are_as_high_as_the_highest_tick_that_is_known() {
    for (sum, expected) in [(true, 30 * MIB + 1000), (false, 30 * MIB)] {
        let mut model = opened(Opening {
            agent: history::agent(0),
            ..fixture::opening(NOW)
        });
        fixture::feed(&mut model, fixture::sample(NOW, vec![row(7, 1000, 0)]));
        while model.next_question().is_some() {
            let mut builder = Builder::new(Sums::Machine);
            for begin in (NOW - 61..NOW - 1).step_by(10) {
                let sides = [Loopback::Exclude, Loopback::Include];
                let [without, with] = sides.map(|side| step(begin, side, sum));
                builder.add(with.clone(), Heights::stored([Some(&without), Some(&with)]));
            }
            let stored = Box::new(builder.finish(std::iter::empty()));
            model.apply(Action::Past(Box::new(Ok(stored))));
        }
        let columns = received(&model);
        // 41 columns: ten of each step, and the tick that was seen.
        assert!(
            columns.len() == 41 && columns[..40].iter().all(|rx| *rx == expected),
            "{columns:?}"
        );
        let peak = model.chart().unwrap().rx_peak.unwrap();
        assert_eq!(peak.rate, expected);
        // The marker, and the key that leads to it, are at the end of a step, one step at a time.
        let mut visited = Vec::new();
        for _ in 0..3 {
            press(&mut model, "P");
            visited.push(model.position.cursor().unwrap());
        }
        assert_eq!(visited[0], peak.tick);
        assert_eq!([visited[0] - visited[1], visited[1] - visited[2]], [10, 10]);
        assert_eq!(model.coarse_step(), Some(Duration::from_secs(10)));
    }
}

#[test]
fn what_is_not_known_to_be_higher_is_as_high_as_its_mean() {
    let whole = step(0, Loopback::Include, true);
    let heights = Heights::stored([None, Some(&whole)]);
    assert_eq!(heights.all(Loopback::Exclude), None);
    assert!(heights.all(Loopback::Include).is_some());
    let unknown = Step {
        peaks: None,
        rows: Vec::new(),
        ..whole
    };
    assert!(Heights::stored([Some(&unknown), Some(&unknown)]).is_empty());
    let mut model = opened(Opening {
        interval: Duration::from_secs(10),
        ..fixture::opening(0)
    });
    for seq in 1..=10 {
        let mut sample = bursts(seq);
        sample.unattributed = Counter {
            tick: Bytes { rx: MIB, tx: 0 },
            total: Bytes { rx: MIB, tx: 0 },
        };
        fixture::feed(&mut model, sample);
    }
    assert_eq!(received(&model), [31 * MIB + 1000]);
}
