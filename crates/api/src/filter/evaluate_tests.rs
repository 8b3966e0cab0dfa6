//! Which rows match.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use super::Connection;
use super::Family;
use super::Field;
use super::Filter;
use super::Measure;
use super::SocketState;
use super::Subject;
use super::Transport;

/// A process of which as much is known as a test says.
#[derive(Debug, Clone, Default)]
pub(super) struct Process {
    pub(super) pid: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) texts: Vec<(Field, &'static str)>,
    pub(super) measures: Vec<(Measure, u64)>,
    pub(super) count: Option<u64>,
    pub(super) age: Option<Duration>,
    pub(super) exited: Option<bool>,
    pub(super) active: Option<bool>,
    pub(super) loopback: Option<bool>,
    pub(super) sockets: Vec<Socket>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Socket {
    address: Option<IpAddr>,
    name: Option<&'static str>,
    local: Option<u16>,
    remote: Option<u16>,
    transport: Option<Transport>,
    state: Option<SocketState>,
    interface: Option<&'static str>,
    loopback: Option<bool>,
    active: Option<bool>,
    rx: Option<u64>,
    age: Option<Duration>,
}

impl Subject for Process {
    fn pid(&self) -> Option<u32> {
        self.pid
    }
    fn uid(&self) -> Option<u32> {
        self.uid
    }
    fn text(&self, field: Field) -> Option<Cow<'_, str>> {
        let known = self.texts.iter().find(|(known, _)| *known == field);
        known.map(|(_, text)| Cow::Borrowed(*text))
    }
    fn measure(&self, measure: Measure) -> Option<u64> {
        let known = self.measures.iter().find(|(known, _)| *known == measure);
        known.map(|(_, value)| *value)
    }
    fn connection_count(&self) -> Option<u64> {
        self.count
    }
    fn age(&self) -> Option<Duration> {
        self.age
    }
    fn exited(&self) -> Option<bool> {
        self.exited
    }
    fn active(&self) -> Option<bool> {
        self.active
    }
    fn loopback(&self) -> Option<bool> {
        self.loopback
    }
    fn connections(&self) -> impl Iterator<Item = impl Connection> {
        self.sockets.iter().cloned()
    }
}

impl Connection for Socket {
    fn remote_address(&self) -> Option<IpAddr> {
        self.address
    }
    fn remote_name(&self) -> Option<&str> {
        self.name
    }
    fn local_port(&self) -> Option<u16> {
        self.local
    }
    fn remote_port(&self) -> Option<u16> {
        self.remote
    }
    fn transport(&self) -> Option<Transport> {
        self.transport
    }
    fn family(&self) -> Option<Family> {
        self.address.map(|address| match address.to_canonical() {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        })
    }
    fn state(&self) -> Option<SocketState> {
        self.state
    }
    fn interface(&self) -> Option<&str> {
        self.interface
    }
    fn loopback(&self) -> Option<bool> {
        self.loopback
    }
    fn active(&self) -> Option<bool> {
        self.active
    }
    fn measure(&self, measure: Measure) -> Option<u64> {
        self.rx.filter(|_| measure == Measure::Rx)
    }
    fn age(&self) -> Option<Duration> {
        self.age
    }
}

fn socket(address: &str, local: u16, remote: u16) -> Socket {
    Socket {
        address: Some(address.parse().unwrap()),
        local: Some(local),
        remote: Some(remote),
        transport: Some(Transport::Tcp),
        state: Some(SocketState::Established),
        ..Socket::default()
    }
}

/// nginx in a container, talking to a database and to a client.
pub(super) fn nginx() -> Process {
    Process {
        pid: Some(1187),
        uid: Some(33),
        texts: vec![
            (Field::Name, "nginx"),
            (Field::Executable, "nginx-1.26"),
            (Field::CommandLine, "nginx: worker -c /etc/Web.conf"),
            (Field::User, "www-data"),
            (Field::Unit, "nginx.service"),
            (Field::Cgroup, "/system.slice/nginx.service"),
            (Field::Container, "shop/front-7d/web"),
            (Field::ContainerId, "4f797c539e6c745d"),
        ],
        measures: vec![
            (Measure::Rx, 1000),
            (Measure::Tx, 102_400),
            (Measure::Rate, 103_400),
            (Measure::Total, 5_000_000),
            (Measure::Peak, 200_000),
        ],
        count: Some(2),
        age: Some(Duration::from_secs(300)),
        exited: Some(false),
        active: Some(true),
        loopback: Some(false),
        sockets: vec![
            Socket {
                name: Some("db.example.org"),
                interface: Some("eth0"),
                rx: Some(10),
                active: Some(false),
                ..socket("10.0.0.5", 40_000, 5432)
            },
            Socket {
                rx: Some(990),
                active: Some(true),
                age: Some(Duration::from_secs(5)),
                ..socket("::ffff:203.0.113.9", 443, 50_123)
            },
            Socket {
                transport: Some(Transport::Udp),
                state: None,
                loopback: Some(true),
                ..socket("::1", 53, 53)
            },
        ],
    }
}

fn check(process: &Process, cases: &[(&str, bool)]) {
    for (text, expected) in cases {
        let filter = Filter::parse(text).unwrap();
        assert_eq!(filter.matches(process), *expected, "{text}");
        let opposite = Filter::parse(&format!("!({text})"));
        if let Ok(opposite) = opposite {
            assert_eq!(opposite.matches(process), !*expected, "!({text})");
        }
    }
}

#[test]
fn every_key_matches_what_it_names() {
    check(
        &nginx(),
        &[
            ("nginx", true),
            ("NGINX", false),
            ("worker", true),
            ("\"worker -c\"", true),
            ("web.conf", true),
            ("Web.conf", true),
            ("wEb.conf", false),
            ("www-", true),
            ("nginx.service", true),
            ("front-7d", true),
            ("4f797c", true),
            ("797c53", false),
            ("db.example", true),
            ("203.0.113", true),
            ("ffff", false),
            ("1.26", false),
            ("apache", false),
            ("/^ngin[xy]$/", true),
            ("/^worker/", false),
            ("pid:1187", true),
            ("pid:1,1187", true),
            ("pid:118", false),
            ("name:ngi", true),
            ("name:1.26", true),
            ("name:worker", false),
            ("name:apache,/x$/", true),
            ("user:www-data", true),
            ("user:www", false),
            ("user:33", true),
            ("user:\"33\"", false),
            ("user:3", false),
            ("user:/^www/", true),
            ("unit:nginx,api", true),
            ("unit:api", false),
            ("cgroup:/system.slice", true),
            ("cgroup:/system.slice/", true),
            ("cgroup:/system", false),
            ("cgroup:/", true),
            ("cgroup:slice/ng", true),
            ("cgroup:/system.slice/nginx.service/x", false),
            ("container:web", true),
            ("container:4f79", true),
            ("container:c539", false),
            ("host:10.0.0.5", true),
            ("host:10.0.0.0/8", true),
            ("host:203.0.113.9", true),
            ("host:11.0.0.0/8", false),
            ("host:example.org", true),
            ("host:example.com", false),
            ("port:443", true),
            ("lport:443", true),
            ("rport:443", false),
            ("rport:5000-6000", true),
            ("lport:5000-6000", false),
            ("proto:udp", true),
            ("family:6", true),
            ("state:established", true),
            ("state:listen", false),
            ("iface:eth0", true),
            ("iface:eth", false),
            ("iface:/^eth/", true),
            ("is:live", true),
            ("is:exited", false),
            ("is:active", true),
            ("is:idle", false),
            ("is:loopback", true),
            ("is:exited,active", true),
            ("rx>999", true),
            ("rx>1000", false),
            ("rx>=1000", true),
            ("rx<1000", false),
            ("rx<=1000", true),
            ("rx=1000", true),
            ("rx=8kbit", true),
            ("tx=100K", true),
            ("tx>100KB", true),
            ("rate>=103400", true),
            ("total<1G", true),
            ("peak>1M", false),
            ("conns=2", true),
            ("conns>2", false),
            ("age>=5m", true),
            ("age>5m", false),
            ("age<1h", true),
            ("", true),
        ],
    );
}

#[test]
fn connection_words_side_by_side_speak_of_one_connection() {
    check(
        &nginx(),
        &[
            ("host:10.0.0.5 rport:5432", true),
            ("host:10.0.0.5 port:443", false),
            ("host:10.0.0.5 or port:443", true),
            ("(host:10.0.0.5 or host:1.1.1.1) port:443", false),
            ("(host:10.0.0.5 or host:203.0.113.9) port:443", true),
            ("nginx port:443", true),
            ("nginx db.example", true),
            ("203.0.113.9 db.example", false),
            ("203.0.113.9 port:5432", false),
            ("apache port:443", false),
            ("proto:udp port:443", false),
            ("proto:udp is:loopback family:6", true),
            ("rx>=1000 port:443", true),
        ],
    );
}

#[test]
fn not_means_that_no_connection_is_so() {
    check(
        &nginx(),
        &[
            ("!port:443", false),
            ("!port:22", true),
            ("!port:22,443", false),
            ("!host:10.0.0.0/8 nginx", false),
            ("!host:10.0.0.0/9,192.168.0.0/16", false),
            ("port:443 !host:203.0.113.9", false),
            ("port:443 !host:1.1.1.1", true),
            ("(apache or !port:443) nginx", false),
            ("(apache or !port:22) nginx", true),
            ("!(port:443 host:10.0.0.5)", true),
            ("!!port:443 host:10.0.0.5", false),
        ],
    );
}

#[test]
fn the_unknown_matches_nothing_and_its_opposite_everything() {
    let unknown = Process::default();
    for text in [
        "a",
        "/./",
        "pid:1",
        "name:a",
        "user:a",
        "user:0",
        "unit:a",
        "cgroup:/",
        "cgroup:a",
        "container:a",
        "host:0.0.0.0/0,::/0",
        "host:a",
        "port:0-65535",
        "lport:0-65535",
        "rport:0-65535",
        "proto:tcp,udp",
        "family:4,6",
        "state:close",
        "iface:/./",
        "is:live,exited,idle,active,loopback",
        "rx>=0",
        "rx<1E",
        "tx>=0",
        "rate>=0",
        "total>=0",
        "peak>=0",
        "conns>=0",
        "age>=0s",
    ] {
        let with_socket = Process {
            sockets: vec![Socket::default()],
            ..Process::default()
        };
        check(&unknown, &[(text, false)]);
        check(&with_socket, &[(text, false)]);
    }
}

#[test]
fn a_connection_row_counts_its_own_numbers() {
    let process = nginx();
    let matching = |text: &str| -> Vec<usize> {
        let filter = Filter::parse(text).unwrap();
        let rows = process.sockets.iter().enumerate();
        rows.filter(|(_, socket)| filter.matches_connection(&process, *socket))
            .map(|(i, _)| i)
            .collect()
    };
    for (text, expected) in [
        ("", vec![0, 1, 2]),
        ("nginx", vec![0, 1, 2]),
        ("apache", vec![]),
        ("port:443", vec![1]),
        ("!port:443", vec![0, 2]),
        ("db.example", vec![0]),
        ("rx>100", vec![1]),
        ("rx<=10", vec![0]),
        ("!rx<=10", vec![1, 2]),
        ("tx>0", vec![]),
        ("is:active", vec![1]),
        ("is:idle", vec![0]),
        ("is:live", vec![0, 1, 2]),
        ("is:loopback", vec![2]),
        ("conns=2", vec![0, 1, 2]),
        ("age<1m", vec![1]),
        ("pid:1187 (port:443 or port:53)", vec![1, 2]),
    ] {
        assert_eq!(matching(text), expected, "{text}");
    }
}
