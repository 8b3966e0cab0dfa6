//! Who goes takes the hooks along.

use std::collections::BTreeSet;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use netmon_api::endpoint::connect;
use netmon_api::v1;
use tokio_stream::StreamExt;

use super::begin;
use super::PATIENCE;
use crate::stage::ready;
use crate::stage::Stage;

/// Program ids that an agent holds.
fn programs(agent: u32) -> BTreeSet<u32> {
    let entries = std::fs::read_dir(format!("/proc/{agent}/fdinfo")).unwrap();
    let texts = entries
        .flatten()
        .map(|entry| std::fs::read_to_string(entry.path()));
    let ids = texts.map(|text| {
        let text = text.unwrap_or_default();
        let id = text.lines().find_map(|line| line.strip_prefix("prog_id:"));
        id.map(|id| id.trim().parse().unwrap())
    });
    ids.flatten().collect()
}

/// A viewer in a process of its own, for another test to kill.
#[tokio::test]
#[ignore = "part of the_last_viewer_takes_the_hooks_out"]
async fn viewer_process() {
    let Some(socket) = std::env::var_os("NETMON_TEST_SOCKET") else {
        return;
    };
    let mut client = connect(std::path::Path::new(&socket), PATIENCE)
        .await
        .unwrap();
    let request = v1::WatchPacketsRequest::default();
    let mut messages = client.watch_packets(request).await.unwrap().into_inner();
    while messages.next().await.is_some() {}
}

async fn wait_for(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begin.elapsed()
}

#[tokio::test]
async fn the_last_viewer_takes_the_hooks_out() {
    if !ready() {
        return;
    }
    let mut stage = Stage::with_agent("unhooked");
    let agent = stage.agent_pid();
    // The agent tries hooks and reads connections soon after its start.
    std::thread::sleep(Duration::from_secs(3));
    let before = programs(agent);
    let mut viewer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "packets::ending::viewer_process", "--ignored"])
        .env("NETMON_TEST_SOCKET", stage.socket())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("hooks", || programs(agent).len() > before.len() + 3).await;
    let another = begin(&stage).await;
    let hooked: BTreeSet<u32> = programs(agent).difference(&before).copied().collect();
    drop(another);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let gone = || hooked.iter().all(|id| !netmon_bpf::trace::is_loaded(*id));
    assert!(
        hooked.iter().all(|id| netmon_bpf::trace::is_loaded(*id)),
        "one viewer is left"
    );
    viewer.kill().unwrap();
    viewer.wait().unwrap();
    let took = wait_for("programs are still loaded", gone).await;
    eprintln!(
        "{} programs gone {took:?} after the last viewer was killed",
        hooked.len()
    );
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(programs(agent), before);

    // The agent is killed while somebody watches.
    let watching = begin(&stage).await;
    let hooked: BTreeSet<u32> = programs(agent).difference(&before).copied().collect();
    assert!(!hooked.is_empty());
    stage.signal("-KILL");
    stage.wait();
    let gone = || hooked.iter().all(|id| !netmon_bpf::trace::is_loaded(*id));
    let took = wait_for("programs are still loaded", gone).await;
    eprintln!(
        "{} programs gone {took:?} after the agent was killed",
        hooked.len()
    );
    drop(watching);
}
