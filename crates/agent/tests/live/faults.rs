//! What the agent says when it cannot start, and with which code it ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::process::Output;

use crate::stage::binary;
use crate::stage::ready;
use crate::stage::Stage;

fn expect(output: &Output, code: i32, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "'{word}' is not in: {text}");
    }
    assert!(
        !text.contains("panicked") && !text.contains("stack backtrace"),
        "{text}"
    );
}

#[test]
fn a_second_agent_names_the_first() {
    if !ready() {
        return;
    }
    let mut stage = Stage::with_agent("second");
    let pid = format!("(pid {})", stage.agent_pid());
    let same_pins = Command::new(binary("netmon-agent"))
        .arg("--socket")
        .arg(stage.directory.path().join("other.sock"))
        .arg("--pin-dir")
        .arg(&stage.pins)
        .env("RUST_BACKTRACE", "1")
        .output()
        .unwrap();
    expect(
        &same_pins,
        3,
        &["another agent has the pinned maps", &pid, "--pin-dir"],
    );
    let other_pins = format!("{}-other", stage.pins.display());
    let output = Command::new(binary("netmon-agent"))
        .arg("--socket")
        .arg(stage.socket())
        .arg("--pin-dir")
        .arg(&other_pins)
        .output()
        .unwrap();
    expect(&output, 3, &["another agent serves", &pid, "--socket"]);
    assert!(
        !std::path::Path::new(&other_pins).exists(),
        "nothing is pinned by an agent that cannot serve"
    );
    stage.signal("-TERM");
    assert_eq!(stage.wait(), Some(0));
}

#[test]
fn no_bpf_file_system_is_named_with_the_mount_command() {
    if !ready() {
        return;
    }
    let stage = Stage::empty("nobpffs");
    let output = Command::new(binary("netmon-agent"))
        .arg("--pin-dir")
        .arg(stage.directory.path())
        .arg("--socket")
        .arg(stage.socket())
        .output()
        .unwrap();
    expect(
        &output,
        6,
        &[
            "is not on a BPF file system",
            "mount -t bpf bpf /sys/fs/bpf",
        ],
    );
}

#[test]
fn pins_of_another_layout_are_left_alone() {
    if !ready() {
        return;
    }
    let mut stage = Stage::empty("layout");
    fs::create_dir(&stage.pins).unwrap();
    fs::create_dir(stage.pins.join("v99")).unwrap();
    let output = stage.agent_command().output().unwrap();
    expect(&output, 7, &["another layout", "v99", "--fresh"]);
    assert!(stage.pins.join("v99").exists());
    stage.start(&["--fresh"]);
    assert!(!stage.pins.join("v99").exists());
}

#[test]
fn a_kernel_without_btf_is_said_to_be_one() {
    if !ready() {
        return;
    }
    let stage = Stage::empty("nobtf");
    let hidden = "mount -t tmpfs none /sys/kernel/btf && exec \"$@\"";
    let agent = stage.agent_command();
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", hidden, "sh"])
        .arg(agent.get_program())
        .args(agent.get_args())
        .output()
        .unwrap();
    expect(&output, 5, &["no BTF", "CONFIG_DEBUG_INFO_BTF"]);
}

#[test]
fn a_missing_tracefs_is_named_with_the_mount_command() {
    if !ready() {
        return;
    }
    let stage = Stage::empty("notracefs");
    let hidden = "mount -t tmpfs none /sys/kernel/tracing; umount -l /sys/kernel/debug 2>/dev/null
        exec \"$@\"";
    let agent = stage.agent_command();
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", hidden, "sh"])
        .arg(agent.get_program())
        .args(agent.get_args())
        .arg("--check")
        .output()
        .unwrap();
    if output.status.success() {
        eprintln!("SKIPPED: hooks attach without tracefs on this kernel (before Linux 5.15)");
        return;
    }
    expect(
        &output,
        6,
        &["mount -t tracefs tracefs /sys/kernel/tracing"],
    );
}

#[test]
fn without_rights_the_capabilities_are_named() {
    if !ready() {
        return;
    }
    let stage = Stage::empty("rights");
    let directory = stage.directory.path();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
    // The build directory may be closed to others.
    let copy = directory.join("netmon-agent");
    // By another program: a file that a child of this one has inherited open cannot be run.
    let copied = Command::new("cp")
        .arg(binary("netmon-agent"))
        .arg(&copy)
        .status()
        .unwrap();
    assert!(copied.success());
    let agent = stage.agent_command();
    let output = Command::new("setpriv")
        .args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"])
        .arg(&copy)
        .args(agent.get_args())
        .output()
        .unwrap();
    expect(&output, 4, &["CAP_BPF", "CAP_PERFMON", "sudo netmon-agent"]);
}

#[test]
fn bad_flag_values_are_usage_errors() {
    for arguments in [
        &["--tick", "1h"][..],
        &["--hooks", "magic"],
        &["--socket-mode", "999"],
        &["--max-processes", "0"],
        &["--nonsense"],
    ] {
        let output = Command::new(binary("netmon-agent"))
            .args(arguments)
            .output()
            .unwrap();
        expect(&output, 2, &["--"]);
    }
}
