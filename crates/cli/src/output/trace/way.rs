//! Where packets were seen last, so that each line can tell the time since the point before.

use std::collections::HashMap;
use std::mem;
use std::time::Duration;

use jiff::Timestamp;

use crate::row::packet::Packet;

// Packets remembered in each of two halves. The oldest half is forgotten when the other is full: a
// packet is on its way for a short time.
const HALF: usize = 1 << 15;

/// The last point of packets on their way.
#[derive(Debug, Default)]
pub struct Ways {
    young: HashMap<u64, Timestamp>,
    old: HashMap<u64, Timestamp>,
}

impl Ways {
    /// Takes note of `packet`. Gives the time since its point before; `None`: this is its first one,
    /// it is forgotten, or clocks disagree.
    pub fn pass(&mut self, packet: &Packet) -> Option<Duration> {
        let (id, time) = (packet.id?, packet.time?);
        let before = match self.young.insert(id, time) {
            Some(before) => Some(before),
            None => self.old.remove(&id),
        };
        if packet.drop_reason.is_some() {
            // The buffer is free: whoever has this id next is another packet.
            self.young.remove(&id);
        }
        if self.young.len() >= HALF {
            self.old = mem::take(&mut self.young);
        }
        Duration::try_from(time.duration_since(before?)).ok()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netmon_api::v1;

    fn at(id: u64, micros: i64, dropped: bool) -> Packet {
        crate::row::packet::packet(v1::PacketEvent {
            packet: id,
            time: Some(prost_types::Timestamp {
                seconds: 1,
                nanos: i32::try_from(micros * 1000).unwrap(),
            }),
            drop_reason: dropped.then(|| "NO_SOCKET".to_owned()),
            ..v1::PacketEvent::default()
        })
    }

    #[test]
    fn a_packet_is_followed_by_its_id() {
        let mut ways = Ways::default();
        let us = |us| Some(Duration::from_micros(us));
        for (id, micros, dropped, expected) in [
            (1, 10, false, None),
            (2, 11, false, None),
            (1, 14, false, us(4)),
            (1, 15, true, us(1)),
            (1, 20, false, None),
            (2, 21, false, us(10)),
            (2, 20, false, None),
            (0, 30, false, None),
            (0, 31, false, None),
        ] {
            assert_eq!(
                ways.pass(&at(id, micros, dropped)),
                expected,
                "{id} {micros}"
            );
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut ways = Ways::default();
        for id in 1..200_000 {
            ways.pass(&at(id, 1, false));
            assert!(ways.len() <= 2 * HALF);
        }
        assert_eq!(
            ways.pass(&at(199_999, 3, false)),
            Some(Duration::from_micros(2))
        );
        assert_eq!(ways.pass(&at(1, 3, false)), None);
    }
}
