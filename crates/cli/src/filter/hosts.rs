//! Hosts as typed: addresses, networks, and names that this machine can resolve.

use std::net::IpAddr;
use std::net::ToSocketAddrs as _;

use netmon_api::filter::Filter;

use crate::failure::Failure;
use crate::text::sanitize;

/// `text` as addresses or networks of the filter language. A name is looked up once, which may ask
/// the network and block.
///
/// # Errors
/// A network that is none, or a name without an address.
pub fn read(text: &str) -> Result<Vec<String>, Failure> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare.split('/').next().unwrap_or_default();
    if address.parse::<IpAddr>().is_ok() {
        return match Filter::parse(&format!("host:{bare}")) {
            Ok(_) => Ok(vec![bare.to_owned()]),
            Err(_) => Err(Failure::Usage(format!(
                "'{}' is not a network",
                sanitize(text)
            ))),
        };
    }
    let found = (bare, 0).to_socket_addrs();
    let mut addresses: Vec<_> = found
        .into_iter()
        .flatten()
        .map(|address| address.ip().to_canonical().to_string())
        .collect();
    addresses.sort();
    addresses.dedup();
    if addresses.is_empty() {
        return Err(Failure::Usage(format!(
            "no address for host '{}'",
            sanitize(text)
        )));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_taken_as_they_are() {
        for (text, expected) in [
            ("10.0.0.1", Some("10.0.0.1")),
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("[::1]", Some("::1")),
            ("10.0.0.0/33", None),
            ("name.invalid", None),
        ] {
            let read = read(text).ok().map(|all| all.join(","));
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_name_becomes_its_addresses() {
        let read = read("localhost").unwrap();
        assert!(read.iter().any(|a| a == "127.0.0.1" || a == "::1"));
    }
}
