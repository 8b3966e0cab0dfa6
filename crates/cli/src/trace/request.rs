//! From options of `trace` to what the agent is asked for.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

use netmon_api::v1;

use crate::args::selection::Proto;
use crate::args::trace::TraceArgs;
use crate::failure::Failure;
use crate::filter::interfaces;
use crate::text::sanitize;

// Of addresses, ports, interfaces and processes: the kernel compares each packet with all of them.
const MOST: usize = 4;

/// What the agent is asked for.
///
/// # Errors
/// An option that cannot be meant so, with the one that may have been meant.
pub fn request(args: &TraceArgs) -> Result<v1::WatchPacketsRequest, Failure> {
    let addresses = args.ips.iter().map(|text| prefix(text));
    let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
    for (text, (address, _)) in args.ips.iter().zip(&addresses) {
        check_family(text, *address, args)?;
    }
    let ports = args.ports.iter().map(|text| port(text));
    let ports = ports.collect::<Result<Vec<_>, _>>()?;
    for name in &args.interfaces {
        interface(name)?;
    }
    for (option, count) in [
        ("-i/--ip", addresses.len()),
        ("-p/--port", ports.len()),
        ("--pid", args.pids.len()),
        ("--interface", args.interfaces.len()),
    ] {
        if count > MOST {
            return Err(Failure::Usage(format!(
                "{option} takes at most {MOST} values, not {count}"
            )));
        }
    }
    let transport = args.proto.map(|proto| match proto {
        Proto::Tcp => v1::Transport::Tcp.into(),
        Proto::Udp => v1::Transport::Udp.into(),
    });
    let family = match (args.ipv4, args.ipv6) {
        (true, _) => Some(v1::Family::Ipv4.into()),
        (_, true) => Some(v1::Family::Ipv6.into()),
        _ => None,
    };
    Ok(v1::WatchPacketsRequest {
        filter: Some(v1::PacketFilter {
            addresses: addresses.into_iter().map(wire_prefix).collect(),
            ports,
            transport,
            family,
            interfaces: args.interfaces.clone(),
            pids: args.pids.clone(),
        }),
        rate: Some(args.rate),
        statistics_only: args.stats,
        headers: args.pcapng.is_some(),
        duration_ns: args
            .duration
            .map(|span| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)),
    })
}

/// Whether only addresses of IPv6 can come.
pub fn is_ipv6(request: &v1::WatchPacketsRequest) -> bool {
    let Some(filter) = &request.filter else {
        return false;
    };
    let all6 = filter
        .addresses
        .iter()
        .all(|prefix| prefix.address.len() == 16);
    filter.family == Some(v1::Family::Ipv6.into()) || (all6 && !filter.addresses.is_empty())
}

// An address, and how many leading bits count. Host bits are cleared.
fn prefix(text: &str) -> Result<(IpAddr, u8), Failure> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return Err(Failure::Usage(not_an_address(text)));
    };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let length = match length.map(str::parse) {
        None => bits,
        Some(Ok(length)) if length <= bits => length,
        Some(_) => {
            return Err(Failure::Usage(format!(
                "'{}' is not a network: the length after / is 0 to {bits}",
                sanitize(text)
            )));
        }
    };
    Ok(match address {
        IpAddr::V4(address) => (IpAddr::V4(masked4(address, length)), length),
        IpAddr::V6(address) => match (address.to_ipv4_mapped(), length.checked_sub(96)) {
            (Some(mapped), Some(length)) => (IpAddr::V4(masked4(mapped, length)), length),
            _ => (IpAddr::V6(masked6(address, length)), length),
        },
    })
}

fn masked4(address: Ipv4Addr, length: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
    Ipv4Addr::from(u32::from(address) & mask)
}

fn masked6(address: Ipv6Addr, length: u8) -> Ipv6Addr {
    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
    Ipv6Addr::from(u128::from(address) & mask)
}

fn not_an_address(text: &str) -> String {
    let shown = sanitize(text);
    if let Ok(end) = text.parse::<SocketAddr>() {
        return format!(
            "'{shown}' is an address with a port. Use -i {} -p {}.",
            end.ip(),
            end.port()
        );
    }
    if text.contains(['.', ':', '/']) {
        return format!(
            "'{shown}' is not an IP address. Names of hosts are not looked up: use the address."
        );
    }
    format!("'{shown}' is not an IP address. For an interface use --interface {shown}.")
}

fn check_family(text: &str, address: IpAddr, args: &TraceArgs) -> Result<(), Failure> {
    let wrong = match address {
        IpAddr::V4(_) if args.ipv6 => "an IPv4 address, and -6",
        IpAddr::V6(_) if args.ipv4 => "an IPv6 address, and -4",
        _ => return Ok(()),
    };
    Err(Failure::Usage(format!(
        "'{}' is {wrong} lets none of its packets through",
        sanitize(text)
    )))
}

fn wire_prefix((address, length): (IpAddr, u8)) -> v1::AddressPrefix {
    v1::AddressPrefix {
        address: match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        },
        length: length.into(),
    }
}

fn port(text: &str) -> Result<u32, Failure> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 => return Ok(port.into()),
        _ => {}
    }
    let shown = sanitize(text);
    let hint = match text.parse::<u32>() {
        Ok(number) if number > 0 => format!(" To select a process use --pid {number}."),
        _ => String::new(),
    };
    Err(Failure::Usage(format!(
        "{shown} is not a port (1-65535).{hint}"
    )))
}

fn interface(name: &str) -> Result<(), Failure> {
    if name.parse::<IpAddr>().is_ok() || prefix(name).is_ok() {
        return Err(Failure::Usage(format!(
            "'{name}' is an address, not an interface. Use -i {name}."
        )));
    }
    interfaces::check(name)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: TraceArgs,
    }

    fn ask(words: &[&str]) -> Result<v1::WatchPacketsRequest, String> {
        let words = [&["trace"], words].concat();
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        request(&line.args).map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_cannot_be_meant_is_told_what_it_is() {
        for (words, expected) in [
            (
                &["-p", "70000"][..],
                "70000 is not a port (1-65535). To select a process use --pid 70000.",
            ),
            (&["-p", "0"], "0 is not a port (1-65535)."),
            (&["-p", "-5"], "-5 is not a port (1-65535)."),
            (&["-p", "http"], "http is not a port (1-65535)."),
            (
                &["-i", "eth0"],
                "'eth0' is not an IP address. For an interface use --interface eth0.",
            ),
            (
                &["-i", "10.0.0.1:443"],
                "'10.0.0.1:443' is an address with a port. Use -i 10.0.0.1 -p 443.",
            ),
            (
                &["-i", "example.org"],
                "'example.org' is not an IP address. Names of hosts are not looked up: use the address.",
            ),
            (
                &["-i", "10.0.0.0/33"],
                "'10.0.0.0/33' is not a network: the length after / is 0 to 32",
            ),
            (
                &["-i", "::1/x"],
                "'::1/x' is not a network: the length after / is 0 to 128",
            ),
            (
                &["-4", "-i", "::1"],
                "'::1' is an IPv6 address, and -4 lets none of its packets through",
            ),
            (
                &["--interface", "10.0.0.1"],
                "'10.0.0.1' is an address, not an interface. Use -i 10.0.0.1.",
            ),
            (
                &["-p", "1,2,3", "-p", "4,5"],
                "-p/--port takes at most 4 values, not 5",
            ),
        ] {
            assert_eq!(ask(words).unwrap_err(), expected, "{words:?}");
        }
        let text = ask(&["--interface", "eth9-none"]).unwrap_err();
        assert!(text.starts_with("no interface 'eth9-none'. Interfaces: "));
    }

    #[test]
    fn networks_lose_their_host_bits() {
        let one = |text: &str| {
            let filter = ask(&["-i", text]).unwrap().filter.unwrap();
            (
                filter.addresses[0].address.clone(),
                filter.addresses[0].length,
            )
        };
        assert_eq!(one("10.1.2.3/8"), (vec![10, 0, 0, 0], 8));
        assert_eq!(one("10.1.2.3"), (vec![10, 1, 2, 3], 32));
        assert_eq!(one("0.0.0.0/0"), (vec![0; 4], 0));
        assert_eq!(one("::/0"), (vec![0; 16], 0));
        assert_eq!(one("::ffff:10.1.2.3/104"), (vec![10, 0, 0, 0], 8));
        assert_eq!(one("::ffff:10.1.2.3"), (vec![10, 1, 2, 3], 32));
    }

    #[test]
    fn everything_given_is_asked_for() {
        let words = [
            "-i",
            "::1",
            "-p",
            "80,443",
            "--pid",
            "7",
            "--proto",
            "udp",
            "--interface",
            "lo",
            "-6",
            "--rate",
            "0",
            "-s",
        ];
        let request = ask(&words).unwrap();
        assert!(is_ipv6(&request));
        assert_eq!(request.rate, Some(0));
        assert!(request.statistics_only && !request.headers);
        let filter = request.filter.unwrap();
        assert_eq!(filter.ports, [80, 443]);
        assert_eq!(filter.pids, [7]);
        assert_eq!(filter.interfaces, ["lo"]);
        assert_eq!(filter.transport, Some(v1::Transport::Udp.into()));
        assert_eq!(filter.family, Some(v1::Family::Ipv6.into()));
        let usual = ask(&[]).unwrap();
        assert_eq!((usual.rate, is_ipv6(&usual)), (Some(10_000), false));
        assert!(ask(&["--pcapng", "x"]).unwrap().headers);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            let _ = prefix(&text);
            let _ = port(&text);
        }

        #[test]
        fn a_prefix_holds_its_own_address(bits in any::<u128>(), length in 0_u8..=128) {
            let address = Ipv6Addr::from(bits);
            let (network, kept) = prefix(&format!("{address}/{length}")).unwrap();
            if let IpAddr::V6(network) = network {
                prop_assert_eq!(masked6(network, kept), network);
                prop_assert_eq!(masked6(address, kept), network);
            }
        }
    }
}
