//! Names from a tree of files such as runtimes leave.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use tempfile::TempDir;

use super::resolver::Resolver;
use super::resolver::ABSENCE_KEPT;
use super::resolver::NAME_KEPT;
use super::Container;
use super::Runtime;

const ID: &str = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
const OTHER: &str = "9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d";
const SANDBOX: &str = r#"{"annotations":{"io.kubernetes.cri.container-name":"nginx",
    "io.kubernetes.cri.sandbox-name":"front","io.kubernetes.cri.sandbox-namespace":"shop"}}"#;

fn container(runtime: Runtime, id: &str) -> Container {
    Container {
        runtime,
        id: id.to_owned(),
        user: None,
        nested: false,
    }
}

fn put(root: &TempDir, path: &str, text: &str) {
    let path = root.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn ask(root: &TempDir, container: &Container) -> Option<String> {
    let mut resolver = Resolver::new(root.path().to_owned());
    let name = resolver.name(container, Instant::now());
    name.map(|name| name.to_string())
}

#[test]
fn every_runtime_is_asked_where_it_writes() {
    let crio = r#"{"annotations":{"io.kubernetes.container.name":"nginx",
        "io.kubernetes.pod.name":"front","io.kubernetes.pod.namespace":"shop"}}"#;
    let list = format!(r#"[{{"id":"{OTHER}","names":["db"]}},{{"id":"{ID}","names":["web"]}}]"#);
    let web = r#"{"Name":"/web"}"#;
    let cases: [(Runtime, &str, String, &str, &str); 11] = [
        (
            Runtime::Docker,
            "web",
            "var/lib/docker/containers/ID/config.v2.json".into(),
            web,
            "",
        ),
        (
            Runtime::Docker,
            "web",
            "srv/d/containers/ID/config.v2.json".into(),
            web,
            "/srv/d",
        ),
        (
            Runtime::Unknown,
            "web",
            "var/lib/docker/containers/ID/config.v2.json".into(),
            web,
            "",
        ),
        (
            Runtime::Containerd,
            "shop/front/nginx",
            "run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json".into(),
            SANDBOX,
            "",
        ),
        (
            Runtime::Containerd,
            "shop/front/nginx",
            "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json".into(),
            SANDBOX,
            "",
        ),
        (
            Runtime::Unknown,
            "shop/front/nginx",
            "run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json".into(),
            SANDBOX,
            "",
        ),
        (
            Runtime::CriO,
            "shop/front/nginx",
            "run/containers/storage/overlay-containers/ID/userdata/config.json".into(),
            crio,
            "",
        ),
        (
            Runtime::Unknown,
            "shop/front/nginx",
            "run/containers/storage/overlay-containers/ID/userdata/config.json".into(),
            crio,
            "",
        ),
        (
            Runtime::Podman,
            "web",
            "var/lib/containers/storage/overlay-containers/containers.json".into(),
            &list,
            "",
        ),
        (
            Runtime::Podman,
            "web",
            "var/lib/containers/storage/vfs-containers/containers.json".into(),
            &list,
            "",
        ),
        (
            Runtime::Podman,
            "web",
            "run/containers/storage/overlay-containers/volatile-containers.json".into(),
            &list,
            "",
        ),
    ];
    for (runtime, expected, path, text, data_root) in cases {
        let root = TempDir::new().unwrap();
        put(&root, &path.replace("ID", ID), text);
        if !data_root.is_empty() {
            let told = format!(r#"{{"data-root":"{data_root}"}}"#);
            put(&root, "etc/docker/daemon.json", &told);
        }
        let asked = container(runtime, ID);
        assert_eq!(ask(&root, &asked).as_deref(), Some(expected), "{path}");
        assert_eq!(
            ask(&root, &container(runtime, &"0".repeat(64))),
            None,
            "{path}"
        );
        let nested = Container {
            nested: true,
            ..asked
        };
        assert_eq!(ask(&root, &nested), None, "{path}: known inside only");
    }
}

#[test]
fn names_and_their_absence_are_remembered_for_a_while() {
    let root = TempDir::new().unwrap();
    let path = format!("var/lib/docker/containers/{ID}/config.v2.json");
    let mut resolver = Resolver::new(root.path().to_owned());
    let asked = container(Runtime::Docker, ID);
    let mut name = |now| resolver.name(&asked, now).map(|name| name.to_string());
    let start = Instant::now();
    let blink = Duration::from_millis(1);

    assert_eq!(name(start), None);
    put(&root, &path, r#"{"Name":"/web"}"#);
    assert_eq!(name(start + ABSENCE_KEPT - blink), None, "from memory");
    let found = start + ABSENCE_KEPT;
    assert_eq!(name(found).as_deref(), Some("web"));
    put(&root, &path, r#"{"Name":"/renamed"}"#);
    assert_eq!(name(found + NAME_KEPT - blink).as_deref(), Some("web"));
    assert_eq!(name(found + NAME_KEPT).as_deref(), Some("renamed"));
}

#[test]
fn one_reading_of_a_list_answers_for_all_in_it() {
    let root = TempDir::new().unwrap();
    let path = "var/lib/containers/storage/overlay-containers/containers.json";
    let list = format!(r#"[{{"id":"{ID}","names":["web"]}},{{"id":"{OTHER}","names":["db"]}}]"#);
    put(&root, path, &list);
    let mut resolver = Resolver::new(root.path().to_owned());
    let now = Instant::now();
    assert!(resolver
        .name(&container(Runtime::Podman, ID), now)
        .is_some());
    fs::remove_file(root.path().join(path)).unwrap();
    let other = resolver.name(&container(Runtime::Podman, OTHER), now);
    assert_eq!(other.unwrap().to_string(), "db");
}

#[test]
fn machines_are_their_own_name() {
    let root = TempDir::new().unwrap();
    let asked = container(Runtime::Lxc, "../../etc");
    assert_eq!(ask(&root, &asked).as_deref(), Some("../../etc"));
}

#[test]
fn only_an_id_becomes_part_of_a_path() {
    let root = TempDir::new().unwrap();
    put(&root, "var/lib/docker/config.v2.json", r#"{"Name":"/web"}"#);
    put(&root, "config.v2.json", r#"{"Name":"/web"}"#);
    for id in ["..", "", "../..", "a/../..", "4F797C"] {
        assert_eq!(ask(&root, &container(Runtime::Docker, id)), None, "{id}");
    }
}

#[test]
fn links_lead_nowhere_outside_and_pipes_do_not_block() {
    let outside = TempDir::new().unwrap();
    put(&outside, "config.v2.json", r#"{"Name":"/web"}"#);
    let root = TempDir::new().unwrap();
    let place = root.path().join("var/lib/docker/containers").join(ID);
    fs::create_dir_all(&place).unwrap();
    let file = place.join("config.v2.json");
    let asked = container(Runtime::Docker, ID);

    symlink(outside.path().join("config.v2.json"), &file).unwrap();
    assert_eq!(ask(&root, &asked), None, "a link outside");
    fs::remove_file(&file).unwrap();

    // Read as lying in the root: a moved directory is still found.
    put(&root, "data/config.v2.json", r#"{"Name":"/moved"}"#);
    symlink("/data/config.v2.json", &file).unwrap();
    assert_eq!(ask(&root, &asked).as_deref(), Some("moved"));
    fs::remove_file(&file).unwrap();

    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    assert_eq!(ask(&root, &asked), None, "a pipe");
    fs::remove_file(&file).unwrap();

    fs::create_dir(&file).unwrap();
    assert_eq!(ask(&root, &asked), None, "a directory");
    fs::remove_dir(&file).unwrap();

    let large = format!(r#"{{"Name":"/web","x":"{}"}}"#, "x".repeat(1 << 20));
    fs::write(&file, large).unwrap();
    assert_eq!(ask(&root, &asked), None, "too large");
    fs::write(&file, r#"{"Name":"/web"}"#).unwrap();
    assert_eq!(ask(&root, &asked).as_deref(), Some("web"));
}

fn give(path: &Path, uid: u32) {
    chown(path, Some(uid), None).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), uid);
        }
    }
}

#[test]
fn a_users_containers_are_known_by_the_users_own_files_only() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root can give files to another user");
        return;
    }
    const UID: u32 = 54_321;
    let root = TempDir::new().unwrap();
    put(
        &root,
        "etc/passwd",
        &format!("alice:x:{UID}:1::/home/alice:/bin/sh\n"),
    );
    let list = format!(r#"[{{"id":"{ID}","names":["web"]}}]"#);
    let lists = "home/alice/.local/share/containers/storage/overlay-containers";
    put(&root, &format!("{lists}/containers.json"), &list);
    put(
        &root,
        &format!("home/alice/.local/share/docker/containers/{ID}/config.v2.json"),
        r#"{"Name":"/web"}"#,
    );
    let home = root.path().join("home/alice");
    let of_alice = |runtime| Container {
        user: Some(UID),
        ..container(runtime, ID)
    };

    assert_eq!(ask(&root, &of_alice(Runtime::Podman)), None, "root's home");
    give(&home, UID);
    assert_eq!(
        ask(&root, &of_alice(Runtime::Podman)).as_deref(),
        Some("web")
    );
    assert_eq!(
        ask(&root, &of_alice(Runtime::Docker)).as_deref(),
        Some("web")
    );
    assert_eq!(
        ask(&root, &container(Runtime::Podman, ID)),
        None,
        "not the system's"
    );

    let file = root.path().join(lists).join("containers.json");
    give(&file, UID + 1);
    assert_eq!(
        ask(&root, &of_alice(Runtime::Podman)),
        None,
        "somebody else's file"
    );
    fs::remove_file(&file).unwrap();
    fs::write(home.join("list"), &list).unwrap();
    symlink("../../../../../list", &file).unwrap();
    give(&home.join("list"), UID);
    assert!(fs::read(&file).is_ok(), "the link leads to the file");
    assert_eq!(
        ask(&root, &of_alice(Runtime::Podman)),
        None,
        "a link of the user"
    );

    let run = format!("run/user/{UID}");
    put(
        &root,
        &format!("{run}/containers/overlay-containers/volatile-containers.json"),
        &list,
    );
    give(&root.path().join(&run), UID);
    assert_eq!(
        ask(&root, &of_alice(Runtime::Podman)).as_deref(),
        Some("web")
    );
}

#[test]
fn the_memory_is_bounded() {
    let root = TempDir::new().unwrap();
    let mut resolver = Resolver::new(root.path().to_owned());
    let now = Instant::now();
    for i in 0..10_000 {
        resolver.name(&container(Runtime::Lxc, &i.to_string()), now);
    }
    assert!(resolver.remembered() <= 4096, "{}", resolver.remembered());
}
