//! Which sightings are of the same packet.
//!
//! The kernel gives a buffer's memory to another packet as soon as it is free, and most ways of
//! freeing one cannot be seen. But a buffer goes through the points in their order: one that is seen
//! where it cannot have come to from where it was last is another packet in the same memory. Where
//! that is not certain it is called another: a way may be told in two pieces, two ways are not told as
//! one.

use std::collections::HashMap;

use super::event::Event;
use super::point::Direction;
use super::point::TABLE;

/// Buffers that are remembered, twice as many at most.
const REMEMBERED: usize = 2048;

/// Where a packet was last.
#[derive(Debug, Clone, Copy)]
struct Life {
    id: u64,
    point: usize,
    device: Option<[u8; 16]>,
    sequence: Option<u32>,
    breaks: u16,
    /// Handed to a device that has not answered yet.
    on_device: bool,
    /// A virtual device has handed it up again.
    returned: bool,
}

/// Numbers for packets, of one viewer.
#[derive(Debug, Default)]
pub struct Lives {
    last: u64,
    young: HashMap<u64, Life>,
    old: HashMap<u64, Life>,
}

/// Places in [`TABLE`] by name, where the way of a packet turns.
mod at {
    use super::super::point::TABLE;

    /// A name that is not in the table stops the build.
    const fn place(name: &str) -> usize {
        let mut place = 0;
        while !same(TABLE[place].name.as_bytes(), name.as_bytes()) {
            place += 1;
        }
        place
    }

    const fn same(a: &[u8], b: &[u8]) -> bool {
        let mut at = 0;
        if a.len() != b.len() {
            return false;
        }
        while at < a.len() {
            if a[at] != b[at] {
                return false;
            }
            at += 1;
        }
        true
    }

    pub(super) const NETIF_RX: usize = place("netif_rx");
    pub(super) const RECEIVE: usize = place("netif_receive_skb");
    pub(super) const IP6_RCV_CORE: usize = place("ip6_rcv_core");
    pub(super) const COPY: usize = place("skb_copy_datagram_iovec");
    pub(super) const SEGMENT: usize = place("__tcp_transmit_skb");
    pub(super) const RETRANSMIT: usize = place("tcp_retransmit_skb");
    pub(super) const IP_OUTPUT: usize = place("ip_output");
    pub(super) const QUEUE: usize = place("net_dev_queue");
    pub(super) const START: usize = place("net_dev_start_xmit");
    pub(super) const XMIT: usize = place("net_dev_xmit");
    pub(super) const DROP: usize = place("kfree_skb");
}

impl Lives {
    /// The number of the packet of this event, which slot `slot` takes; 0: the point knows no buffer.
    pub fn number(&mut self, event: &Event, slot: usize) -> u64 {
        if event.buffer == 0 {
            return 0;
        }
        let breaks = event.breaks.get(slot).copied().unwrap_or_default();
        let sequence = event.segment.map(|segment| segment.sequence);
        let before = self.young.remove(&event.buffer);
        let before = before.or_else(|| self.old.remove(&event.buffer));
        // What was left out in between may have been the end of one packet and the begin of another.
        let before = before.filter(|life| life.breaks == breaks && goes_on(life, event));
        let mut life = before.unwrap_or_else(|| {
            self.last += 1;
            Life {
                id: self.last,
                point: event.point,
                device: event.device,
                sequence,
                breaks,
                on_device: false,
                returned: false,
            }
        });
        life.point = event.point;
        life.device = event.device;
        life.sequence = sequence;
        life.on_device = event.point == at::START || life.on_device && event.point != at::XMIT;
        life.returned |= life.on_device && event.point == at::NETIF_RX;
        if event.point == at::QUEUE {
            life.returned = false;
        }
        let id = life.id;
        if event.point != at::DROP {
            if self.young.len() >= REMEMBERED {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(event.buffer, life);
        }
        id
    }
}

fn goes_on(life: &Life, event: &Event) -> bool {
    let (last, now) = (life.point, event.point);
    let elsewhere = life.device != event.device;
    let sequence = event.segment.map(|segment| segment.sequence);
    match (TABLE[last].direction, TABLE[now].direction) {
        // TCP keeps its buffer and sends it again.
        _ if (last == at::SEGMENT || last == at::RETRANSMIT)
            && (now == at::SEGMENT || now == at::RETRANSMIT) =>
        {
            sequence == life.sequence
        }
        (_, Direction::Any) => now == at::DROP,
        (Direction::Any, _) => false,
        // One device may stand on another.
        (Direction::Send, Direction::Send) => {
            now > last && last != at::XMIT || now >= at::QUEUE && last >= at::START && elsewhere
        }
        (Direction::Send, Direction::Receive) => {
            let entering = now == at::NETIF_RX || now == at::RECEIVE;
            entering && (life.on_device || now == at::RECEIVE && life.returned)
        }
        (Direction::Receive, Direction::Receive) => {
            let again = now == at::RECEIVE && last == at::RECEIVE && elsewhere;
            now > last || again || now == last && now == at::COPY
        }
        (Direction::Receive, Direction::Send) => {
            // The answer of a virtual device comes after the packet has come back from it.
            let answer = now == at::XMIT && life.on_device;
            let forwarded = now >= at::IP_OUTPUT && last <= at::IP6_RCV_CORE;
            answer || forwarded && now != at::XMIT
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn place(name: &str) -> usize {
        let found = TABLE.iter().position(|point| point.name == name);
        found.unwrap_or_else(|| panic!("{name} is no point"))
    }

    fn event(buffer: u64, point: &str, device: &str) -> Event {
        let mut name = [0; 16];
        name[..device.len()].copy_from_slice(device.as_bytes());
        Event {
            time: 0,
            point: place(point),
            buffer,
            slots: 1,
            breaks: [0; 8],
            source: None::<IpAddr>,
            destination: None,
            ports: None,
            protocol: 17,
            segment: None,
            length: None,
            device: (!device.is_empty()).then_some(name),
            cpu: 0,
            process: None,
            name: [0; 16],
            reason: None,
            symbol: 0,
            header: Vec::new(),
        }
    }

    fn numbers(way: &[(&str, &str)]) -> Vec<u64> {
        let mut lives = Lives::default();
        let number = |(point, device): &(&str, &str)| lives.number(&event(7, point, device), 0);
        way.iter().map(number).collect()
    }

    #[test]
    fn a_way_through_the_kernel_is_one_packet() {
        let cases: [&[(&str, &str)]; 5] = [
            // Over a virtual device to this host: its answer comes after the packet came back.
            &[
                ("NF_INET_LOCAL_OUT", "veth0"),
                ("NF_INET_POST_ROUTING", "veth0"),
                ("net_dev_queue", "veth0"),
                ("net_dev_start_xmit", "veth0"),
                ("netif_rx", "veth1"),
                ("net_dev_xmit", "veth0"),
                ("netif_receive_skb", "veth1"),
                ("NF_INET_PRE_ROUTING", "veth1"),
                ("NF_INET_LOCAL_IN", "veth1"),
                ("tcp_probe", ""),
                ("skb_copy_datagram_iovec", ""),
                ("skb_copy_datagram_iovec", ""),
            ],
            // Forwarded.
            &[
                ("netif_receive_skb", "eth0"),
                ("ip_rcv_core", "eth0"),
                ("ip_output", "eth1"),
                ("net_dev_queue", "eth1"),
                ("net_dev_start_xmit", "eth1"),
                ("net_dev_xmit", "eth1"),
            ],
            // A VLAN on a device.
            &[
                ("net_dev_queue", "eth0.7"),
                ("net_dev_start_xmit", "eth0.7"),
                ("net_dev_queue", "eth0"),
                ("net_dev_start_xmit", "eth0"),
                ("net_dev_xmit", "eth0"),
                ("net_dev_xmit", "eth0.7"),
            ],
            &[
                ("netif_receive_skb", "eth0"),
                ("netif_receive_skb", "eth0.7"),
            ],
            &[
                ("netif_receive_skb", "eth0"),
                ("NF_INET_LOCAL_IN", "eth0"),
                ("kfree_skb", ""),
            ],
        ];
        for way in cases {
            assert_eq!(numbers(way), vec![1; way.len()], "{way:?}");
        }
    }

    #[test]
    fn memory_that_is_used_again_is_another_packet() {
        let cases: [&[(&str, &str)]; 6] = [
            &[("net_dev_queue", "lo"), ("net_dev_queue", "lo")],
            &[("net_dev_xmit", "eth0"), ("netif_receive_skb", "eth0")],
            &[("net_dev_xmit", "eth0"), ("NF_INET_LOCAL_IN", "eth0")],
            &[("tcp_probe", ""), ("NF_INET_LOCAL_OUT", "lo")],
            &[("kfree_skb", ""), ("net_dev_queue", "lo")],
            &[("tcp_queue_rcv", ""), ("tcp_v4_rcv", "lo")],
        ];
        for way in cases {
            assert_eq!(numbers(way), [1, 2], "{way:?}");
        }
    }

    #[test]
    fn what_was_left_out_ends_a_way() {
        let mut lives = Lives::default();
        let first = event(7, "net_dev_queue", "lo");
        let mut second = event(7, "net_dev_start_xmit", "lo");
        second.breaks[3] = 1;
        assert_eq!(lives.number(&first, 0), 1);
        assert_eq!(lives.number(&second, 0), 1, "left out for another viewer");
        let mut third = event(7, "net_dev_xmit", "lo");
        third.breaks[0] = 1;
        assert_eq!(lives.number(&third, 0), 2);
    }

    #[test]
    fn points_without_a_buffer_have_no_number_and_little_is_remembered() {
        let mut lives = Lives::default();
        assert_eq!(lives.number(&event(0, "sk_data_ready", ""), 0), 0);
        for buffer in 1..=10_000 {
            lives.number(&event(buffer, "net_dev_queue", "lo"), 0);
        }
        assert!(lives.young.len() + lives.old.len() <= 2 * REMEMBERED);
    }
}
