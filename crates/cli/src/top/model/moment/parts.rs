//! What a process has in each group, when groups divide processes.

use super::both;
use super::Moment;
use crate::args::query::GroupChoice;
use crate::group;
use crate::group::Group;
use crate::rate;
use crate::row::connection::Connection;
use crate::row::scope;
use crate::row::Bytes;
use crate::row::Counter;
use crate::row::Family;
use crate::row::ProcessRow;
use crate::row::Transport;
use crate::session::capabilities::Direction;
use crate::top::model::line::Activity;
use crate::top::model::line::Line;
use crate::top::model::outline::Part;
use crate::top::model::roster;
use crate::top::model::settings::Numbers;

impl Moment<'_> {
    /// The parts of a process in the groups that divide it. `connections`: its own, of the tick.
    pub fn parts(&self, by: GroupChoice, line: &Line, connections: &[Connection]) -> Vec<Part> {
        let Some(row) = self.roster.get(line.id) else {
            return Vec::new();
        };
        let by_connections = by.needs_connections();
        // Connections are known of the tick alone, whatever rates are taken over.
        let moved = match by_connections {
            false => self.moved.get(&line.id).copied().unwrap_or_default(),
            true => {
                let change = self.tick.changes.of(line.id);
                change.map(|change| change.flows()).unwrap_or_default()
            }
        };
        let mut flows = self.flows(row);
        flows.rest();
        flows.add_ticks(&moved);
        if let Some(zero) = self.lens.zero.and_then(|zero| zero.totals.get(&line.id)) {
            let mut zero = *zero;
            zero.rest();
            flows.each(&zero, Counter::less);
        }
        let counts = self
            .earlier
            .get(&line.id)
            .map(|earlier| earlier.connections);
        let counts = counts.unwrap_or_else(|| roster::connections(row));
        let row = ProcessRow {
            flows,
            tcp_connections: counts.tcp,
            udp_connections: counts.udp,
            ..row.clone()
        };
        let groups = group::group(by, std::iter::once(&row), connections).into_iter();
        groups
            .filter(|group| {
                let open = |count: Option<u32>| count.is_some_and(|count| count > 0);
                !group.processes.is_empty() || open(group.tcp) || open(group.udp)
            })
            .map(|group| (group.name.clone(), self.part(by, line, &group)))
            .collect()
    }

    fn part(&self, by: GroupChoice, line: &Line, group: &Group) -> Line {
        let scope = match (by, group.name.as_deref()) {
            (GroupChoice::Proto, Some("tcp")) => self.scope().with_transport(Transport::Tcp),
            (GroupChoice::Proto, Some("udp")) => self.scope().with_transport(Transport::Udp),
            (GroupChoice::Family, Some("ipv4")) => self.scope().with_family(Family::V4),
            (GroupChoice::Family, Some("ipv6")) => self.scope().with_family(Family::V6),
            _ => self.scope(),
        };
        let known = |bytes: Bytes| {
            let counts = |direction| self.lens.capabilities.counts(direction, scope);
            [
                counts(Direction::Rx).then_some(bytes.rx),
                counts(Direction::Tx).then_some(bytes.tx),
            ]
        };
        let counter = group.flows.sum(self.scope());
        let length = match by.needs_connections() {
            true => self.tick.length,
            false => self.length(),
        };
        let rates = known(counter.tick).map(|bytes| rate::per_second(bytes?, length));
        let totals = match by.needs_connections() {
            true => [None, None],
            false => known(counter.total),
        };
        let [rx, tx] = match self.lens.settings.numbers {
            Numbers::Rates => rates,
            Numbers::Totals => totals,
        };
        Line {
            id: line.id,
            activity: match (line.activity, counter.tick == Bytes::default()) {
                (Activity::Exited, _) => Activity::Exited,
                (_, true) => Activity::Idle,
                (_, false) => Activity::Active,
            },
            rx,
            tx,
            rate: both(rates),
            connections: scope::connections(self.scope(), group.tcp, group.udp),
            peak: None,
            total: both(totals),
            totals: counter.total,
            udp: None,
            v6: None,
            age_ms: line.age_ms,
            average: None,
        }
    }
}
