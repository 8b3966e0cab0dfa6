use super::*;

const LISTEN: u8 = TCP_LISTEN;
const CLOSED: u8 = TCP_CLOSE;
const NOT_ASKED: Measured = Measured {
    tick: 4_000_000,
    asked: false,
};
const ASKED: Measured = Measured {
    asked: true,
    ..NOT_ASKED
};

fn owner() -> process_key {
    process_key {
        tgid: 5,
        start: 1,
        zero: 0,
    }
}

fn socket(protocol: u16, state: u8, flags: u8) -> socket_state {
    socket_state {
        owner: owner(),
        protocol,
        state,
        flags,
        id: 1,
        family: libc::AF_INET as u16,
        ..socket_state::default()
    }
}

#[test]
fn only_sockets_with_a_peer_are_connections() {
    let cases = [
        ("established", socket(6, TCP_ESTABLISHED, 0), (1, 0), true),
        (
            "peer has closed",
            socket(6, TCP_CLOSE_WAIT, 0),
            (1, 0),
            true,
        ),
        ("listening", socket(6, LISTEN, 0), (0, 0), false),
        ("closed", socket(6, CLOSED, SOCKET_USED), (0, 0), true),
        ("never open", socket(6, CLOSED, 0), (0, 0), false),
        (
            "connected UDP",
            socket(17, TCP_ESTABLISHED, 0),
            (0, 1),
            true,
        ),
        (
            "bound UDP, never used",
            socket(17, CLOSED, 0),
            (0, 0),
            false,
        ),
        (
            "bound UDP, used",
            socket(17, CLOSED, SOCKET_USED),
            (0, 1),
            true,
        ),
        (
            "raw",
            socket(17, CLOSED, SOCKET_IGNORED | SOCKET_USED),
            (0, 0),
            false,
        ),
    ];
    for (name, socket, (tcp, udp), told) in cases {
        let mut tally = Tally::default();
        tally.add(&socket);
        let found = tally
            .by_process
            .get(&owner().into())
            .copied()
            .unwrap_or_default();
        assert_eq!(found, Connections { tcp, udp }, "{name}");
        assert_eq!(first_of(&socket, ASKED).is_some(), told, "{name}");
    }
}

#[test]
fn a_mapped_address_is_the_one_that_is_mapped() {
    let mut raw = socket(6, TCP_ESTABLISHED, 0);
    raw.family = AF_INET6;
    raw.remote = Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped().octets();
    raw.remote_port = 443u16.to_be();
    raw.local = Ipv6Addr::LOCALHOST.octets();
    raw.local_port = 50_000;
    let told = first_of(&raw, ASKED).unwrap();
    assert_eq!(told.remote, Some("192.0.2.7:443".parse().unwrap()));
    assert_eq!(told.local, "[::1]:50000".parse().unwrap());
    assert_eq!(told.opened, None, "the counters did not see it");
}

#[test]
fn udp_without_a_peer_has_none_although_one_is_remembered() {
    let mut raw = socket(17, CLOSED, SOCKET_USED);
    raw.remote_port = 53u16.to_be();
    raw.flow = FLOW_LOOPBACK;
    let told = first_of(&raw, ASKED).unwrap();
    assert_eq!((told.remote, told.tcp), (None, None));
    assert_eq!(told.state, ConnectionState::Unconnected);
    assert_eq!((told.loopback, told.interface), (true, LOOPBACK_INDEX));
}

#[test]
fn health_is_told_in_microseconds_or_not_at_all() {
    let mut raw = socket(6, TCP_ESTABLISHED, SOCKET_USED);
    raw.health.rtt = 8 * 1_500;
    raw.health.rtt_variation = 4 * 300;
    raw.health.busy = 250;
    assert_eq!(first_of(&raw, NOT_ASKED).unwrap().tcp, None, "nobody asked");
    let told = first_of(&raw, ASKED).unwrap().tcp.unwrap();
    assert_eq!(
        (told.rtt_us, told.rtt_variation_us),
        (Some(1_500), Some(300))
    );
    assert_eq!(told.busy_us, Some(1_000_000));
    raw.state = CLOSED;
    raw.fate = FATE_FAILED | FATE_RESET;
    raw.health.rtt = 0;
    raw.health.busy = UNTOLD;
    let told = first_of(&raw, NOT_ASKED).unwrap().tcp.unwrap();
    assert_eq!((told.rtt_us, told.busy_us), (None, None));
    assert!(told.failed && told.reset);
    raw.protocol = 262;
    assert_eq!(first_of(&raw, ASKED).unwrap().tcp, None, "MPTCP");
}

#[test]
fn who_used_a_socket_first_has_its_bytes_and_the_next_its_own() {
    let mut raw = socket(6, TCP_ESTABLISHED, SOCKET_USED);
    raw.user = process_key { tgid: 4, ..owner() };
    raw.flows[1] = flow {
        bytes: 10,
        calls: 1,
    };
    let first = first_of(&raw, ASKED).unwrap();
    assert_eq!(
        (first.process.pid, first.tx.bytes, first.shared),
        (4, 10, false)
    );
    let flows = [flow { bytes: 3, calls: 2 }, flow::default()];
    let moved = [owner(), raw.user, owner()].map(|process| (process.into(), flows));
    let all = spread(first, moved.into_iter());
    let held: Vec<_> = all
        .iter()
        .map(|told| {
            (
                told.id,
                told.process.pid,
                told.rx.bytes,
                told.tx.bytes,
                told.shared,
            )
        })
        .collect();
    assert_eq!(held, [(1, 4, 3, 10, false), (1, 5, 6, 0, true)]);
}
