//! Facts about a kernel to points: which to try, and why not the others.

use super::facts::Facts;
use super::facts::Raw;
use super::point::Kind;
use super::point::Point;
use super::point::POINTS;
use super::point::TABLE;

/// What to do about a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// Hook it.
    Try,
    /// Leave it, for this reason.
    Leave(String),
}

/// For each point of [`TABLE`].
pub fn plan(facts: &Facts) -> [Intent; POINTS] {
    std::array::from_fn(|index| intent(facts, &TABLE[index]))
}

fn intent(facts: &Facts, point: &Point) -> Intent {
    let leave = |reason: &str| Intent::Leave(reason.to_owned());
    let name = point.name;
    match point.kind {
        Kind::Kprobe if !facts.kprobes => leave("this kernel has no kprobes"),
        Kind::Kprobe
            if name == "sock_def_readable" && facts.tracepoints.contains("sk_data_ready") =>
        {
            leave("not needed: sk_data_ready tells it")
        }
        Kind::Kprobe if !facts.functions.contains(name) => Intent::Leave(format!(
            "no function {name} in this kernel: not built in, or made part of its callers"
        )),
        Kind::Netfilter if facts.kprobes => leave("not needed: functions of IP are hooked"),
        Kind::Netfilter if !facts.netfilter => {
            leave("this kernel has no netfilter programs (Linux 6.4)")
        }
        Kind::Tracepoint if !facts.tracepoints.contains(name) => {
            Intent::Leave(format!("no tracepoint {name} in this kernel"))
        }
        Kind::Tracepoint
            if facts.kprobes
                && ["tcp_probe", "sock_send_length", "sock_recv_length"].contains(&name) =>
        {
            leave("not needed: functions of TCP and UDP are hooked")
        }
        Kind::Tracepoint
            if name == "tcp_probe" && !facts.probe_tells_buffer && !is_raw(facts, point) =>
        {
            leave("its record does not say which packet it is about (Linux 6.8)")
        }
        _ => Intent::Try,
    }
}

/// Points at which softirqs are off, or that are in one.
const SOFTIRQ: [&str; 5] = [
    "netif_rx",
    "netif_receive_skb",
    "net_dev_queue",
    "net_dev_start_xmit",
    "net_dev_xmit",
];
/// Points that are also where a task can be put aside.
const ANYWHERE: [&str; 7] = [
    "tcp_probe",
    "sk_data_ready",
    "skb_copy_datagram_iovec",
    "tcp_rcv_space_adjust",
    "sock_recv_length",
    "sock_send_length",
    "kfree_skb",
];

/// Whether a tracepoint is hooked as a raw one, which costs less than a classic one: no record is
/// filled in. Those that are in neither list happen rarely.
pub(super) fn is_raw(facts: &Facts, point: &Point) -> bool {
    match facts.raw {
        Raw::Nowhere => false,
        Raw::Softirqs => SOFTIRQ.contains(&point.name),
        Raw::Everywhere => SOFTIRQ.contains(&point.name) || ANYWHERE.contains(&point.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(kind: Kind) -> impl Iterator<Item = &'static str> {
        TABLE.iter().filter(move |p| p.kind == kind).map(|p| p.name)
    }

    /// The newest kernel there is, with everything.
    fn full() -> Facts {
        Facts {
            tracepoints: named(Kind::Tracepoint).collect(),
            functions: named(Kind::Kprobe).collect(),
            kprobes: true,
            netfilter: true,
            probe_tells_buffer: true,
            ..Facts::default()
        }
    }

    fn tried(facts: &Facts) -> Vec<&'static str> {
        let plan = plan(facts);
        let tried = TABLE.iter().zip(&plan).filter(|(_, i)| **i == Intent::Try);
        tried.map(|(point, _)| point.name).collect()
    }

    #[test]
    fn functions_come_before_what_stands_in_for_them() {
        let tried = tried(&full());
        for name in [
            "ip_rcv_core",
            "tcp_v4_rcv",
            "tcp_sendmsg",
            "sk_data_ready",
            "kfree_skb",
        ] {
            assert!(tried.contains(&name), "{name}");
        }
        for name in [
            "NF_INET_LOCAL_IN",
            "tcp_probe",
            "sock_send_length",
            "sock_def_readable",
        ] {
            assert!(!tried.contains(&name), "{name}");
        }
    }

    #[test]
    fn without_kprobes_netfilter_and_tracepoints_do() {
        let facts = Facts {
            kprobes: false,
            functions: Default::default(),
            ..full()
        };
        let tried = tried(&facts);
        let all = named(Kind::Tracepoint).chain(named(Kind::Netfilter));
        assert_eq!(tried.len(), all.count());
        let bare = Facts {
            netfilter: false,
            probe_tells_buffer: false,
            ..facts
        };
        let plan = plan(&bare);
        let left = plan.iter().filter(|i| matches!(i, Intent::Leave(_)));
        assert_eq!(left.count(), named(Kind::Kprobe).count() + 4 + 1);
    }

    #[test]
    fn raw_tracepoints_are_where_nothing_is_put_aside() {
        let raw = |raw| {
            let facts = Facts { raw, ..full() };
            let points = TABLE.iter().filter(move |point| is_raw(&facts, point));
            points.map(|point| (point.name, point.kind)).collect()
        };
        let softirq: Vec<_> = raw(Raw::Softirqs);
        let everywhere: Vec<_> = raw(Raw::Everywhere);
        assert_eq!(raw(Raw::Nowhere), []);
        assert_eq!(softirq.len(), SOFTIRQ.len());
        assert_eq!(everywhere.len(), SOFTIRQ.len() + ANYWHERE.len());
        let mut all = everywhere.iter();
        assert!(all.all(|(_, kind)| *kind == Kind::Tracepoint));
    }

    #[test]
    fn old_kernels_get_the_function_for_the_missing_tracepoint() {
        let mut facts = full();
        facts.tracepoints.remove("sk_data_ready");
        facts.functions.remove("ip6_rcv_core");
        let tried = tried(&facts);
        assert!(tried.contains(&"sock_def_readable") && !tried.contains(&"sk_data_ready"));
        let reason = &plan(&facts)[4];
        assert!(
            matches!(reason, Intent::Leave(why) if why.contains("ip6_rcv_core")),
            "{reason:?}"
        );
    }
}
