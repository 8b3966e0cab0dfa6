//! What one viewer wants, and its form in the kernel.

use std::net::IpAddr;

use super::abi;
use super::abi::BLOCKS_MOST;

/// At most this many of each kind of value in a filter.
pub const VALUES_MOST: usize = 4;
/// Bytes of the longest device name.
pub const DEVICE_NAME_MOST: usize = 15;

/// Addresses that share their leading bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// Bits after `length` do not matter.
    pub address: IpAddr,
    /// 0 to 32 or 128.
    pub length: u8,
}

/// TCP, or UDP with UDP-Lite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP and UDP-Lite.
    Udp,
}

/// By address: an IPv4 address mapped into IPv6 is IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What a packet must be: all that is said, any of each list; an empty list takes all. Of each list
/// [`VALUES_MOST`] values count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Source or destination.
    pub prefixes: Vec<Prefix>,
    /// Source or destination.
    pub ports: Vec<u16>,
    /// `None`: any, also neither.
    pub transport: Option<Transport>,
    /// `None`: both.
    pub family: Option<Family>,
    /// Names of devices, in any network namespace.
    pub devices: Vec<String>,
    /// Thread-group ids in the initial pid namespace.
    pub pids: Vec<u32>,
}

/// A filter, and how much of what it takes is to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// Which packets.
    pub filter: Filter,
    /// Events in any second at most; `None`: all.
    pub rate: Option<u32>,
    /// Only count.
    pub counts_only: bool,
    /// With headers.
    pub headers: bool,
}

impl Wish {
    pub(super) fn encode(&self) -> abi::filter {
        let Filter {
            prefixes,
            ports,
            transport,
            family,
            devices,
            pids,
        } = &self.filter;
        let (blocks, block) = self.rate.map_or((0, 0), blocks);
        let mut raw = abi::filter {
            prefix_count: prefixes.len().min(VALUES_MOST) as u8,
            port_count: ports.len().min(VALUES_MOST) as u8,
            device_count: devices.len().min(VALUES_MOST) as u8,
            pid_count: pids.len().min(VALUES_MOST) as u8,
            protocol: match transport {
                None => 0,
                Some(Transport::Tcp) => 6,
                Some(Transport::Udp) => 17,
            },
            family: match family {
                None => 0,
                Some(Family::V4) => 4,
                Some(Family::V6) => 6,
            },
            counts_only: self.counts_only.into(),
            headers: self.headers.into(),
            block,
            blocks,
            ..abi::filter::default()
        };
        for (to, from) in raw.prefixes.iter_mut().zip(prefixes) {
            let (bits, length, family) = match from.address {
                IpAddr::V4(v4) => (u128::from(v4.to_ipv6_mapped()), 96 + from.length.min(32), 4),
                IpAddr::V6(v6) => (u128::from(v6), from.length.min(128), 6),
            };
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            to.address = halves(bits & mask);
            to.mask = halves(mask);
            to.family = family;
        }
        raw.ports
            .iter_mut()
            .zip(ports)
            .for_each(|(to, from)| *to = *from);
        raw.pids
            .iter_mut()
            .zip(pids)
            .for_each(|(to, from)| *to = *from);
        for (to, from) in raw.devices.iter_mut().zip(devices) {
            let mut name = [0; 16];
            let bytes = from.as_bytes();
            let used = bytes.len().min(DEVICE_NAME_MOST);
            name[..used].copy_from_slice(&bytes[..used]);
            *to = words(name);
        }
        raw
    }
}

/// As the kernel reads 16 bytes in network order.
fn halves(bits: u128) -> [u64; 2] {
    words(bits.to_be_bytes())
}

pub(super) fn words(bytes: [u8; 16]) -> [u64; 2] {
    let all = u128::from_le_bytes(bytes);
    [all as u64, (all >> 64) as u64]
}

pub(super) fn bytes(words: [u64; 2]) -> [u8; 16] {
    (u128::from(words[0]) | u128::from(words[1]) << 64).to_le_bytes()
}

/// Blocks and their size, see `struct bucket`: their product is the rate or just below it. A rate of
/// 0 is one event, once a second: there is always something to see.
fn blocks(rate: u32) -> (u32, u32) {
    let rate = rate.max(1);
    let most = (1..=BLOCKS_MOST.min(rate)).rev();
    let best = most.max_by_key(|blocks| (blocks * (rate / blocks), *blocks));
    let blocks = best.unwrap_or(1);
    (blocks, rate / blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_never_exceed_the_rate_and_miss_little_of_it() {
        for rate in (1..3000).chain([10_000, 99_991, 1 << 20, u32::MAX]) {
            let (blocks, block) = blocks(rate);
            let told = u64::from(blocks) * u64::from(block);
            assert!(block >= 1 && blocks <= BLOCKS_MOST, "{rate}");
            assert!(told <= rate.into(), "{rate}: {told}");
            assert!(told * 100 >= u64::from(rate) * 98, "{rate}: {told}");
        }
        assert_eq!(blocks(10_000), (125, 80));
    }

    #[test]
    fn prefixes_are_in_network_order_and_masked() {
        let wish = Wish {
            filter: Filter {
                prefixes: vec![
                    Prefix {
                        address: "10.1.2.3".parse().unwrap(),
                        length: 24,
                    },
                    Prefix {
                        address: "fd00::7".parse().unwrap(),
                        length: 128,
                    },
                    Prefix {
                        address: "::".parse().unwrap(),
                        length: 0,
                    },
                ],
                ..Filter::default()
            },
            ..Wish::default()
        };
        let raw = wish.encode();
        assert_eq!(raw.prefix_count, 3);
        let of = |n: usize| (bytes(raw.prefixes[n].address), bytes(raw.prefixes[n].mask));
        let v4 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 0];
        let mut mask = [255; 16];
        mask[15] = 0;
        assert_eq!(of(0), (v4, mask));
        assert_eq!(of(1).1, [255; 16]);
        assert_eq!(of(2), ([0; 16], [0; 16]));
        let families = raw.prefixes.map(|prefix| prefix.family);
        assert_eq!(families, [4, 6, 6, 0]);
    }

    #[test]
    fn device_names_are_padded() {
        let filter = Filter {
            devices: vec!["eth0".to_owned()],
            ..Filter::default()
        };
        let raw = Wish {
            filter,
            ..Wish::default()
        }
        .encode();
        assert_eq!(&bytes(raw.devices[0])[..5], b"eth0\0");
    }
}
