//! What runtimes keep on disk, as far as names are in it. Pure: bytes in, names out.

use std::collections::HashMap;

use serde::Deserialize;

use super::ContainerName;

/// A name longer than this is refused: the longest of Kubernetes have 253 characters.
const MAX_NAME: usize = 256;

/// Docker's `config.v2.json`.
pub(super) fn docker(bytes: &[u8]) -> Option<ContainerName> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(rename = "Name")]
        name: String,
    }
    let config: Config = serde_json::from_slice(bytes).ok()?;
    named(config.name.strip_prefix('/').unwrap_or(&config.name))
}

/// The directory Docker was told to use, from its `daemon.json`.
pub(super) fn docker_root(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Daemon {
        #[serde(rename = "data-root")]
        root: String,
    }
    let daemon: Daemon = serde_json::from_slice(bytes).ok()?;
    daemon.root.starts_with('/').then_some(daemon.root)
}

/// `containers.json` of containers/storage, which Podman and CRI-O use: ids and names. Entries that
/// cannot be read are left out.
pub(super) fn storage(bytes: &[u8]) -> Vec<(String, ContainerName)> {
    #[derive(Deserialize)]
    struct Entry {
        id: String,
        #[serde(default)]
        names: Vec<String>,
    }
    let Ok(entries) = serde_json::from_slice::<Vec<Entry>>(bytes) else {
        return Vec::new();
    };
    entries
        .into_iter()
        .filter_map(|entry| Some((entry.id, named(entry.names.first()?)?)))
        .collect()
}

/// `config.json` of the OCI runtime, in whose annotations containerd, nerdctl and CRI-O leave names.
pub(super) fn oci(bytes: &[u8]) -> Option<ContainerName> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(default)]
        annotations: HashMap<String, String>,
    }
    let config: Config = serde_json::from_slice(bytes).ok()?;
    let get = |key: &str| config.annotations.get(key).map(String::as_str);
    let in_pod = |name: &str, namespace: &str, pod: &str| {
        Some(ContainerName {
            name: checked(name)?,
            pod: Some((checked(namespace)?, checked(pod)?)),
        })
    };
    // containerd; the container that holds the pod's namespaces has no name of its own.
    if let (Some(namespace), Some(pod)) = (
        get("io.kubernetes.cri.sandbox-namespace"),
        get("io.kubernetes.cri.sandbox-name"),
    ) {
        let name = get("io.kubernetes.cri.container-name");
        let sandbox = get("io.kubernetes.cri.container-type") == Some("sandbox");
        return in_pod(name.or(sandbox.then_some("sandbox"))?, namespace, pod);
    }
    // CRI-O.
    if let (Some(name), Some(namespace), Some(pod)) = (
        get("io.kubernetes.container.name"),
        get("io.kubernetes.pod.namespace"),
        get("io.kubernetes.pod.name"),
    ) {
        return in_pod(sandbox_or(name), namespace, pod);
    }
    named(get("nerdctl/name")?)
}

/// The home of a user in the text of `/etc/passwd`.
pub(super) fn home(passwd: &[u8], uid: u32) -> Option<String> {
    let passwd = String::from_utf8_lossy(passwd);
    let home = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let own = fields.nth(2)?.parse::<u32>().ok()? == uid;
        let home = fields.nth(2)?;
        own.then(|| home.to_owned())
    })?;
    home.starts_with('/').then_some(home)
}

// `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>` is how the kubelet names containers where names
// have no parts; none of the parts has a `_`.
fn named(name: &str) -> Option<ContainerName> {
    let parts: Vec<&str> = name.split('_').collect();
    if let ["k8s", name, pod, namespace, _, _, ..] = parts.as_slice() {
        return Some(ContainerName {
            name: checked(sandbox_or(name))?,
            pod: Some((checked(namespace)?, checked(pod)?)),
        });
    }
    Some(ContainerName {
        name: checked(name)?,
        pod: None,
    })
}

// One word for the container without a name, whatever the runtime writes.
fn sandbox_or(name: &str) -> &str {
    if name == "POD" {
        "sandbox"
    } else {
        name
    }
}

fn checked(name: &str) -> Option<String> {
    (!name.is_empty() && name.chars().count() <= MAX_NAME).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(name: Option<ContainerName>) -> String {
        name.map(|name| name.to_string()).unwrap_or_default()
    }

    #[test]
    fn each_runtime_leaves_its_names() {
        for (text, expected) in [
            (r#"{"ID":"4f","Name":"/web","Config":{"Labels":{}}}"#, "web"),
            (
                r#"{"Name":"/k8s_nginx_front-7d9_shop_0d13-77_0"}"#,
                "shop/front-7d9/nginx",
            ),
            (
                r#"{"Name":"/k8s_POD_front-7d9_shop_0d13-77_0"}"#,
                "shop/front-7d9/sandbox",
            ),
            (r#"{"Name":"k8s_mine"}"#, "k8s_mine"),
            (r#"{"Name":"/"}"#, ""),
            (r#"{"Name":7}"#, ""),
            ("{}", ""),
            ("[", ""),
        ] {
            assert_eq!(shown(docker(text.as_bytes())), expected, "{text}");
        }
        for (annotations, expected) in [
            (
                r#""io.kubernetes.cri.container-name":"nginx",
                   "io.kubernetes.cri.container-type":"container",
                   "io.kubernetes.cri.sandbox-name":"front","io.kubernetes.cri.sandbox-namespace":"shop""#,
                "shop/front/nginx",
            ),
            (
                r#""io.kubernetes.cri.container-type":"sandbox",
                   "io.kubernetes.cri.sandbox-name":"front","io.kubernetes.cri.sandbox-namespace":"shop""#,
                "shop/front/sandbox",
            ),
            (
                r#""io.kubernetes.container.name":"nginx","io.kubernetes.pod.name":"front",
                   "io.kubernetes.pod.namespace":"shop","io.kubernetes.cri-o.ContainerType":"container""#,
                "shop/front/nginx",
            ),
            (
                r#""io.kubernetes.container.name":"POD","io.kubernetes.pod.name":"front",
                   "io.kubernetes.pod.namespace":"shop""#,
                "shop/front/sandbox",
            ),
            (r#""nerdctl/name":"web""#, "web"),
            (r#""io.kubernetes.cri.container-name":"nginx""#, ""),
            ("", ""),
        ] {
            let text = format!(r#"{{"ociVersion":"1.1.0","annotations":{{{annotations}}}}}"#);
            assert_eq!(shown(oci(text.as_bytes())), expected, "{text}");
        }
        let list = r#"[{"id":"a1","names":["web"],"layer":"x"},{"id":"b2"},{"id":"c3","names":["",""]},
                       {"id":"d4","names":["k8s_POD_front_shop_uid_0","x"]}]"#;
        let names = storage(list.as_bytes());
        let names: Vec<_> = names.iter().map(|(id, n)| format!("{id} {n}")).collect();
        assert_eq!(names, ["a1 web", "d4 shop/front/sandbox"]);
        assert_eq!(
            docker_root(br#"{"data-root":"/data/docker"}"#),
            Some("/data/docker".into())
        );
        assert_eq!(docker_root(br#"{"data-root":"x"}"#), None);
        let long = format!(r#"{{"Name":"{}"}}"#, "a".repeat(257));
        assert_eq!(docker(long.as_bytes()), None);
    }

    #[test]
    fn homes_are_found_by_number() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\n\nbad\nalice:x:1000:1000:A,\xff:/home/alice:/bin/sh\nx:x:7::::\n";
        assert_eq!(home(passwd, 1000), Some("/home/alice".into()));
        assert_eq!(home(passwd, 0), Some("/root".into()));
        assert_eq!(home(passwd, 7), None);
        assert_eq!(home(passwd, 8), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(bytes in any::<Vec<u8>>(), text in r#"[\[\]{}":,a-z0-9_/\\]{0,60}"#) {
            for bytes in [&bytes[..], text.as_bytes()] {
                docker(bytes);
                docker_root(bytes);
                storage(bytes);
                oci(bytes);
                home(bytes, 0);
                named(&String::from_utf8_lossy(bytes));
            }
        }
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let deep = format!(r#"{{"Name":"a","x":{}"#, "[".repeat(200_000));
        assert_eq!(docker(deep.as_bytes()), None);
    }
}
