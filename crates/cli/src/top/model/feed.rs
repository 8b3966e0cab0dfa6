//! What the model does with news: samples, gaps, losses, and the passing of time.

mod steps;

use std::time::Duration;

use jiff::Timestamp;

use super::heights::Climb;
use super::link::Link;
use super::past::Slot;
use super::past::TickNumber;
use super::recall::FIRST;
use super::screen::Screen;
use super::tick::Connections;
use super::tick::Origin;
use super::tick::Quality;
use super::tick::Tick;
use super::Change;
use super::Effect;
use super::Model;
use crate::failure::Failure;
use crate::group::narrow;
use crate::row::Flows;
use crate::row::Sample;
use crate::session::agent::Agent;
use crate::session::merge::Merge;
use crate::session::watch::Details;
use crate::session::watch::Event;
use crate::session::watch::Gap;
use crate::session::watch::GapReason;
use crate::top::action::Clock;

/// How often the agent is asked about itself while its view is open.
const AGENT_REFRESH: Duration = Duration::from_secs(5);

/// Where the feed stands.
#[derive(Debug)]
pub struct State {
    last_seq: Option<u64>,
    last_heard: Duration,
    last_asked: Duration,
    gap: Option<Gap>,
    /// What samples have besides processes.
    pub details: Details,
    /// When connections were last needed, on the clock of the viewer.
    pub needed: Duration,
    /// Instance of the agent before the connection was lost.
    lost_instance: Option<String>,
    /// Totals count from here although processes may be older.
    pub counting_since: Option<Timestamp>,
}

impl State {
    /// Nothing heard yet.
    pub fn new(now: Duration) -> Self {
        Self {
            last_seq: None,
            last_heard: now,
            last_asked: now,
            gap: None,
            details: Details::None,
            needed: Duration::ZERO,
            lost_instance: None,
            counting_since: None,
        }
    }

    /// How long nothing has come.
    pub fn silence(&self, now: Duration) -> Duration {
        now.saturating_sub(self.last_heard)
    }
}

impl Model {
    pub(super) fn hear(&mut self, event: Event) -> Change {
        match event {
            Event::Sample(sample) => {
                self.feed.last_heard = self.clock.running;
                let mut sample = *sample;
                self.narrow(&mut sample);
                if self.step() > self.agent.tick {
                    self.climb.note(&sample, self.settings.scope, self.coverage);
                }
                match self.merge.push(sample) {
                    Some(step) => self.in_the_present(|model| model.add(step)),
                    None => Change::None,
                }
            }
            Event::Gap(gap) => {
                self.feed.gap = Some(gap);
                Change::None
            }
            Event::Details { details, again } => {
                self.feed.details = details;
                let shown = self.past.last().map(|tick| tick.time);
                match again {
                    Some(mut sample) if shown == Some(sample.time) => {
                        self.narrow(&mut sample);
                        self.remember(&mut sample);
                        Change::View
                    }
                    _ => Change::None,
                }
            }
            Event::Lost { why, retry_in } => self.lose(why, retry_in),
            Event::Back(agent) => {
                self.feed.lost_instance = Some(self.agent.instance.clone());
                self.feed.last_heard = self.clock.running;
                self.link = Link::Online;
                self.meet(*agent);
                Change::Paint
            }
        }
    }

    /// Takes over what an agent says about itself.
    pub(super) fn meet(&mut self, agent: Agent) {
        if agent.tick != self.agent.tick {
            let ticks = self
                .interval
                .as_nanos()
                .div_ceil(agent.tick.as_nanos().max(1));
            self.merge = Merge::new(u32::try_from(ticks).unwrap_or(u32::MAX));
            self.climb = Climb::default();
        }
        self.agent = agent;
    }

    /// One message at the start about what cannot be counted here.
    pub(super) fn announce_limits(&mut self) {
        let missing: Vec<_> = self
            .agent
            .capabilities
            .missing()
            .filter_map(|capability| subject(&capability.name))
            .collect();
        let what = match missing.as_slice() {
            [] => return,
            [one] => (*one).to_owned(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        self.tell(format!(
            "{what} cannot be counted on this kernel: shown as n/a (4 = details)"
        ));
    }

    pub(super) fn tell(&mut self, text: String) {
        self.notices.add(self.clock.wall, self.clock.running, text);
    }

    pub(super) fn pass_time(&mut self, clock: Clock) -> (Change, Effect) {
        let before = std::mem::replace(&mut self.clock, clock);
        let new_second = before.running.as_secs() != clock.running.as_secs();
        let counting = self.link.offline().is_some() || self.no_data_for().is_some();
        let expired = self.notices.expire(clock.running);
        let change = if expired || (counting && new_second) {
            Change::Paint
        } else {
            Change::None
        };
        let ask = self.screen == Screen::Agent
            && clock.running.saturating_sub(self.feed.last_asked) >= AGENT_REFRESH;
        if ask {
            self.feed.last_asked = clock.running;
        }
        (
            change,
            if ask {
                Effect::AskAgent
            } else {
                Effect::Nothing
            },
        )
    }

    fn lose(&mut self, why: Failure, retry_in: Option<Duration>) -> Change {
        let retry_at = retry_in.map(|wait| self.clock.running + wait);
        let link = std::mem::replace(&mut self.link, Link::Online);
        let first = link.offline().is_none();
        self.link = link.failed(self.clock.wall, why, retry_at);
        if let (true, Some(offline)) = (first, self.link.offline()) {
            let text = offline.reason();
            self.tell(text);
        }
        Change::Paint
    }

    // What the options leave of a sample.
    fn narrow(&self, sample: &mut Sample) {
        if let Some(filter) = &self.narrow {
            if self.feed.details == Details::Connections {
                narrow::narrow(sample, filter);
            }
        }
    }

    fn remember(&mut self, sample: &mut Sample) {
        if self.feed.details == Details::Connections {
            let connections = std::mem::take(&mut sample.connections);
            self.sockets.remember(Sample {
                rows: Vec::new(),
                connections,
                ..*sample
            });
        }
    }

    fn add(&mut self, mut sample: Sample) -> Change {
        self.remember(&mut sample);
        let missing = self.missing_before(&sample);
        let lost = self.reconnected(&sample).then(|| self.hole_length(missing));
        let gap = self.explain(&sample, missing);
        self.notice_clock_step(&sample, missing);
        self.feed.last_seq = Some(sample.seq);
        let mut shown = Flows::default();
        for row in &sample.rows {
            shown.add_ticks(&row.flows);
        }
        let was_bound = self
            .past
            .last()
            .is_some_and(|tick| tick.quality == Quality::LowerBound);
        if sample.lower_bound && !was_bound {
            self.tell("the agent lost events: numbers are lower bounds".to_owned());
        }
        // Its number, unless so many are missing that not all of them are kept.
        let long = self.steps_held_up(&sample, missing);
        let at = self.past.newest().map_or(FIRST + long as u64, |newest| {
            newest + 1 + (missing.min(self.past.most()) + long) as u64
        });
        let tick = Tick {
            seq: sample.seq,
            time: sample.time,
            length: sample.length,
            quality: if sample.lower_bound {
                Quality::LowerBound
            } else {
                Quality::Exact
            },
            origin: Origin::Watched,
            host: Some(sample.flows),
            shown,
            unattributed: sample.unattributed.tick,
            unattributed_total: Some(sample.unattributed.total),
            processes: Some(sample.processes),
            active: Some(sample.processes_active),
            connections: Connections {
                tcp: sample.tcp_connections,
                udp: sample.udp_connections,
            },
            changes: self.roster.replace(at, sample.rows),
            heights: self.climb.take(),
        };
        let before = self.past.newest();
        self.past.push_missing(missing, gap);
        self.past.push_long(long, tick);
        self.roster.forget(self.past.oldest());
        match before {
            None => self.ask_for_the_beginning(),
            Some(before) if missing > 0 => self.fill_or_tell(before, lost),
            Some(_) => {}
        }
        self.ask_again();
        Change::Tick
    }

    fn hole_length(&self, missing: usize) -> Duration {
        self.step()
            .saturating_mul(u32::try_from(missing).unwrap_or(u32::MAX))
    }

    // The connection was lost before this tick, and the agent is the same.
    fn reconnected(&self, sample: &Sample) -> bool {
        let gap = self.feed.gap.as_ref();
        self.feed.lost_instance.as_ref() == Some(&self.agent.instance)
            && gap.is_none_or(|gap| gap.reason != GapReason::AgentRestart)
            && self.feed.last_seq.is_some_and(|last| last < sample.seq)
    }

    // `lost`: how long a connection was lost.
    fn fill_or_tell(&mut self, before: TickNumber, lost: Option<Duration>) {
        let asked = self.ask_for_the_hole(before, lost.is_some());
        if let (false, Some(span)) = (asked, lost) {
            self.tell(format!(
                "reconnected; {} without rates",
                crate::units::span::format(span)
            ));
        }
    }

    // What the hole before this tick was, also in words.
    fn explain(&mut self, sample: &Sample, missing: usize) -> Slot {
        let gap = self.feed.gap.take();
        let lost_instance = self.feed.lost_instance.take();
        let restarted = match (&gap, &lost_instance) {
            (Some(gap), _) => gap.reason == GapReason::AgentRestart,
            (None, Some(instance)) => *instance != self.agent.instance,
            (None, None) => return Slot::Missing,
        };
        let span = gap.as_ref().and_then(Gap::span);
        let span = crate::units::span::format(span.unwrap_or_else(|| self.hole_length(missing)));
        let kept = gap.as_ref().is_none_or(|gap| gap.counters_kept);
        let text = match (restarted, kept) {
            (true, kept) => {
                let time = self.clock_time(self.agent.started.unwrap_or(sample.time));
                match kept {
                    true => format!("agent restarted {time}; counters kept, {span} without rates"),
                    false => {
                        self.feed.counting_since = Some(sample.time);
                        format!("agent restarted {time}; counters start at zero")
                    }
                }
            }
            // What has become of the hole is said when the history has been asked.
            (false, _) if lost_instance.is_some() && missing > 0 => return Slot::Missing,
            (false, _) if lost_instance.is_some() => "reconnected".to_owned(),
            (false, _) => format!("viewer is slow: {} samples merged", missing + 1),
        };
        self.tell(text);
        if restarted {
            Slot::Start
        } else {
            Slot::Missing
        }
    }

    fn notice_clock_step(&mut self, sample: &Sample, missing: usize) {
        let (Some(last), Some(length), 0) = (self.past.last(), sample.length, missing) else {
            return;
        };
        let passed = sample.time.duration_since(last.time).as_millis();
        let expected = i128::try_from(length.as_millis()).unwrap_or(i128::MAX);
        let moved = passed.saturating_sub(expected);
        if moved.abs() >= 2000 {
            self.tell(format!("clock moved by {:+}s", moved / 1000));
        }
    }
}

fn subject(capability: &str) -> Option<&'static str> {
    Some(match capability {
        "tcp_rx" => "TCP receive",
        "tcp_tx" => "TCP send",
        "udp_rx" => "UDP receive",
        "udp_tx" => "UDP send",
        "ipv6" => "IPv6",
        "loopback" => "loopback traffic",
        "exit" => "the end of processes",
        "connections" => "connections",
        _ => return None,
    })
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
