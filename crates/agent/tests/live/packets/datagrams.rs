//! UDP over both families, and what nobody takes.

use std::time::Duration;

use netmon_api::v1;

use super::asked;
use super::python;
use super::run;
use super::trace;
use crate::network::Network;
use crate::stage::ready;
use crate::stage::Stage;

const UDP: &str = "
import socket, sys
f = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(f, socket.SOCK_DGRAM)
for size in (10, 200, 1000):
    s.sendto(b'x' * size, (sys.argv[1], int(sys.argv[2])))
";

const UDP_SERVER: &str = "
import socket, sys
f = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(f, socket.SOCK_DGRAM); s.bind((sys.argv[1], 5557)); s.settimeout(10)
for _ in range(3): s.recv(2000)
";

#[tokio::test]
async fn datagrams_of_both_families_and_drops_are_told() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("datagrams");
    let network = Network::new("pd");
    for (host, address) in ["fd00:51::1/64", "fd00:51::2/64"].into_iter().enumerate() {
        let mut command = network.on(host, "ip");
        command.args(["addr", "add", address, "dev", "veth0", "nodad"]);
        run(command);
    }
    for address in ["10.198.51.2", "fd00:51::2"] {
        let mut server = python(&network, 1, UDP_SERVER)
            .arg(address)
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(500));
        let sends = [5557, 5558, 5559].map(|port| {
            let mut send = python(&network, 0, UDP);
            send.args([address, &port.to_string()]);
            send
        });
        let length = if address.contains(':') { 128 } else { 32 };
        let request = asked(&[&format!("{address}/{length}")], &[5557, 5558], 3);
        let mut request = request;
        request.headers = true;
        request.filter.as_mut().unwrap().transport = Some(v1::Transport::Udp.into());
        let seen = trace(&stage, request, true, move || {
            sends.into_iter().for_each(run)
        })
        .await;
        server.wait().unwrap();
        seen.print();
        seen.adds_up();
        let available = seen.available();
        for event in &seen.events {
            let port = event.destination_port;
            assert!(port == Some(5557) || port == Some(5558), "{event:?}");
            assert_eq!(event.protocol, 17);
        }
        let lengths = |point: &str, port: u32| -> Vec<u32> {
            let at = seen.at(point).filter(|e| e.destination_port() == port);
            at.filter_map(|event| event.length).collect()
        };
        let mut points = vec!["net_dev_queue", "netif_rx", "netif_receive_skb"];
        points.extend(["NF_INET_LOCAL_OUT", "NF_INET_LOCAL_IN"]);
        points.push(if length == 32 {
            "ip_rcv_core"
        } else {
            "ip6_rcv_core"
        });
        points.retain(|point| available.contains(point));
        assert!(points.len() >= 4, "{available:?}");
        for point in points {
            for port in [5557, 5558] {
                assert_eq!(lengths(point, port), [10, 200, 1000], "{point}");
            }
        }
        let read = ["skb_consume_udp", "sock_recv_length"];
        let read = read
            .into_iter()
            .find(|point| available.contains(point))
            .unwrap();
        if read == "skb_consume_udp" {
            assert_eq!(lengths(read, 5557), [10, 200, 1000]);
        }
        // Nobody listens on the other port.
        assert!(
            lengths("kfree_skb", 5557).is_empty(),
            "what was read is no drop"
        );
        assert_eq!(lengths("kfree_skb", 5558), [10, 200, 1000]);
        for drop in seen.at("kfree_skb") {
            if let Some(reason) = &drop.drop_reason {
                assert_eq!(reason, "NO_SOCKET");
            }
            assert_eq!(drop.interface.as_deref(), Some("veth0"));
        }
        let arrived = seen.at("netif_receive_skb").next().unwrap();
        let header = arrived.header.as_ref().unwrap();
        assert_eq!(
            header.len(),
            if length == 32 { 28 } else { 48 },
            "no payload"
        );
        assert_eq!(header[0] >> 4, if length == 32 { 4 } else { 6 });
    }
}

/// The name of a place is looked up when something is first dropped there, so later drops have it.
#[tokio::test]
async fn a_drop_tells_the_code_that_made_it() {
    if !ready() {
        return;
    }
    let stage = Stage::with_agent("dropcode");
    let network = Network::new("px");
    let sends = [5558, 5558].map(|port| {
        let mut send = python(&network, 0, UDP);
        send.args(["10.198.51.2", &port.to_string()]);
        send
    });
    let request = asked(&["10.198.51.2/32"], &[5558], 4);
    let seen = trace(&stage, request, true, move || {
        for send in sends {
            run(send);
            std::thread::sleep(Duration::from_millis(1500));
        }
    })
    .await;
    let drops: Vec<_> = seen.at("kfree_skb").collect();
    assert_eq!(drops.len(), 6, "{drops:?}");
    let named = drops.iter().filter_map(|drop| drop.symbol.as_deref());
    let named: Vec<&str> = named.collect();
    assert!(named.len() >= 3, "{drops:?}");
    for name in named {
        assert!(name.contains("udp") && name.contains("+0x"), "{name}");
    }
}
