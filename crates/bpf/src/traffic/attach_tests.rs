use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;

use super::*;
use crate::object::Limits;
use crate::traffic::Probe;

fn move_bytes(bytes: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(&vec![7; bytes]).unwrap();
    drop(client);
    let mut received = Vec::new();
    server.read_to_end(&mut received).unwrap();
}

fn received(probe: &mut Probe) -> u64 {
    let reading = probe.read(false).unwrap();
    let mine = reading
        .processes
        .iter()
        .find(|(id, _)| id.pid == std::process::id());
    mine.map_or(0, |(_, traffic)| {
        traffic.flows.iter().step_by(2).map(|flow| flow.bytes).sum()
    })
}

#[test]
fn programs_of_another_build_are_replaced_and_nothing_counts_twice() {
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 || !Path::new("/sys/fs/bpf").exists() {
        eprintln!("SKIPPED: loading BPF programs needs root and a BPF file system");
        return;
    }
    let root = format!("/sys/fs/bpf/netmon-test-replace-{}", std::process::id());
    let options = Options {
        directory: root.clone().into(),
        hooks: None,
        limits: Limits {
            processes: 1024,
            connections: 1024,
        },
        fresh: false,
    };
    let mut probe = Probe::start(&options).unwrap();
    move_bytes(1_000);
    let before = received(&mut probe);
    let ids = |probe: &Probe| -> Vec<_> {
        probe
            .hooks()
            .iter()
            .filter_map(|state| state.program_id)
            .collect()
    };
    let old = ids(&probe);
    // As an agent of another build would have left it.
    let directory = probe.directory();
    let mut schema = probe.maps.control(&directory).unwrap();
    schema.build ^= 1;
    store(&probe.maps.control, &schema).unwrap();
    drop(probe);

    let mut probe = Probe::start(&options).unwrap();
    assert!(
        ids(&probe).iter().all(|id| !old.contains(id)),
        "new programs"
    );
    move_bytes(500);
    assert_eq!(received(&mut probe), before + 500);
    let generations: Vec<u32> = probe
        .pins
        .links()
        .unwrap()
        .iter()
        .map(|(g, _)| *g)
        .collect();
    assert!(
        generations.iter().all(|generation| *generation == 2),
        "{generations:?}"
    );

    // A link that somebody removed is put back.
    std::fs::remove_file(directory.join(object::link_name(2, "tcp_rx"))).unwrap();
    drop(probe);
    let mut probe = Probe::start(&options).unwrap();
    move_bytes(250);
    assert_eq!(received(&mut probe), before + 750);
    drop(probe);
    Probe::unpin(Path::new(&root)).unwrap();
}
