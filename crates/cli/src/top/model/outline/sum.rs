//! Several lines as one.

use crate::row::Bytes;
use crate::row::ProcessId;
use crate::top::model::line::Activity;
use crate::top::model::line::Line;

/// The numbers of several lines together; what is not known of one is not known of all.
pub fn sum(lines: &[Line]) -> Line {
    let add = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
    let of = |get: fn(&Line) -> Option<u64>| lines.iter().map(get).fold(Some(0), add);
    let active = lines.iter().any(|line| line.activity == Activity::Active);
    let live = lines.iter().any(|line| line.activity != Activity::Exited);
    Line {
        id: ProcessId {
            pid: 0,
            start_ns: u64::MAX,
        },
        activity: match (active, live) {
            (true, _) => Activity::Active,
            (false, true) => Activity::Idle,
            (false, false) => Activity::Exited,
        },
        rx: of(|line| line.rx),
        tx: of(|line| line.tx),
        rate: of(|line| line.rate),
        connections: lines
            .iter()
            .filter(|line| line.activity != Activity::Exited)
            .map(|line| line.connections)
            .try_fold(0_u32, |sum, count| Some(sum.saturating_add(count?))),
        peak: None,
        total: of(|line| line.total),
        totals: lines
            .iter()
            .fold(Bytes::default(), |sum, line| sum.plus(line.totals)),
        udp: of(|line| line.udp),
        v6: of(|line| line.v6),
        age_ms: None,
        average: None,
    }
}
