//! Two hosts on one machine: network namespaces joined by a veth pair.

use std::process::Command;

pub struct Network {
    names: [String; 2],
}

impl Network {
    /// The addresses of the two hosts.
    pub const HOSTS: [&'static str; 2] = ["10.198.51.1", "10.198.51.2"];

    pub fn new(name: &str) -> Network {
        let names = ["a", "b"].map(|side| format!("netmon-{name}-{}-{side}", std::process::id()));
        let network = Network { names };
        for name in &network.names {
            ip(&["netns", "add", name]);
        }
        let [a, b] = &network.names;
        ip(&[
            "-n", a, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", b,
        ]);
        for (name, host) in network.names.iter().zip(Network::HOSTS) {
            ip(&[
                "-n",
                name,
                "addr",
                "add",
                &format!("{host}/24"),
                "dev",
                "veth0",
            ]);
            ip(&["-n", name, "link", "set", "veth0", "up"]);
            ip(&["-n", name, "link", "set", "lo", "up"]);
        }
        network
    }

    /// Joins the hosts by devices `veth1` too; the address of host 0 there.
    pub fn second_pair(&self) -> &'static str {
        let [a, b] = &self.names;
        ip(&[
            "-n", a, "link", "add", "veth1", "type", "veth", "peer", "name", "veth1", "netns", b,
        ]);
        for (name, host) in self.names.iter().zip(["10.198.52.1", "10.198.52.2"]) {
            let address = format!("{host}/24");
            ip(&["-n", name, "addr", "add", &address, "dev", "veth1"]);
            ip(&["-n", name, "link", "set", "veth1", "up"]);
        }
        "10.198.52.1"
    }

    /// Gives devices of the hosts, `slow0` on both, addresses; the one of host 1.
    pub fn address_slow(&self) -> &'static str {
        for (name, host) in self.names.iter().zip(["10.198.53.1", "10.198.53.2"]) {
            let address = format!("{host}/24");
            ip(&["-n", name, "addr", "add", &address, "dev", "slow0"]);
            ip(&["-n", name, "link", "set", "slow0", "up"]);
        }
        "10.198.53.2"
    }

    /// The names of the namespaces.
    pub fn names(&self) -> &[String; 2] {
        &self.names
    }

    /// A command that will run on host 0 or 1. `ip netns exec` becomes it, so the pid is its own.
    pub fn on(&self, host: usize, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[host], program]);
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

fn ip(arguments: &[&str]) {
    let done = Command::new("ip")
        .args(arguments)
        .status()
        .expect("the command ip (iproute2)");
    assert!(done.success(), "ip {arguments:?}");
}
