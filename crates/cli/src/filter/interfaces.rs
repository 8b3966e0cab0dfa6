//! Interfaces as typed: they must exist, here or in the network of some process.

use std::fs;
use std::net::IpAddr;

use nix::net::if_::if_nameindex;

use crate::failure::Failure;
use crate::text::sanitize;

// Processes whose networks are looked at.
const MOST: usize = 4096;

/// Whether `name` can be asked for.
///
/// # Errors
/// It is an address, or no interface has this name. Interfaces of containers count: a process may
/// live in another network than this program.
pub fn check(name: &str) -> Result<(), Failure> {
    let address = name.split('/').next().unwrap_or_default();
    if address.parse::<IpAddr>().is_ok() {
        return Err(Failure::Usage(format!(
            "'{name}' is an address, not an interface. Use --host {name}."
        )));
    }
    let Some(own) = own() else {
        // Without a list nothing can be said against it.
        return Ok(());
    };
    if own.iter().any(|known| known == name) || elsewhere(name) {
        return Ok(());
    }
    Err(Failure::Usage(unknown(name, &own)))
}

fn unknown(name: &str, own: &[String]) -> String {
    format!(
        "no interface '{}'. Interfaces: {}",
        sanitize(name),
        sanitize(&own.join(", "))
    )
}

// Of the network of this process, in the order of the kernel.
fn own() -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for interface in &if_nameindex().ok()? {
        names.push(interface.name().to_string_lossy().into_owned());
    }
    Some(names)
}

// Whether some process has it. Reads a small file of each, which never blocks.
fn elsewhere(name: &str) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().bytes().all(|b| b.is_ascii_digit())
        })
        .take(MOST)
        .filter_map(|entry| fs::read_to_string(entry.path().join("net/dev")).ok())
        .any(|table| devices(&table).any(|known| known == name))
}

// "  eth0: 1234 ..." under two lines of headings.
fn devices(table: &str) -> impl Iterator<Item = &str> {
    table
        .lines()
        .skip(2)
        .filter_map(|line| Some(line.split_once(':')?.0.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_must_exist() {
        assert!(check("lo").is_ok());
        let text = check("eth9-none").unwrap_err().to_string();
        assert!(text.starts_with("no interface 'eth9-none'. Interfaces: lo"));
    }

    #[test]
    fn an_address_is_told_what_it_is() {
        assert_eq!(
            check("10.0.0.1").unwrap_err().to_string(),
            "'10.0.0.1' is an address, not an interface. Use --host 10.0.0.1."
        );
    }

    #[test]
    fn the_table_of_devices_names_them() {
        let table = "Inter-| Receive\n face |bytes\n    lo: 1 2\n wg0.1: 3 4\n";
        assert_eq!(devices(table).collect::<Vec<_>>(), ["lo", "wg0.1"]);
        assert!(elsewhere("lo"));
    }
}
