//! Cgroup paths as systemd, runtimes and kubelets have been seen to write them.

use proptest::prelude::*;

use super::path::place;
use super::Place;
use super::Unit;

// One line: unit, container, pod; `-` where there is none. Ids are cut to eight characters.
fn told(place: &Place) -> String {
    let unit = place.unit.as_ref().map_or("-".to_owned(), |unit| {
        let user = unit.user.map(|uid| format!(" of {uid}"));
        format!("{}{}", unit.name, user.unwrap_or_default())
    });
    let container = place
        .container
        .as_ref()
        .map_or("-".to_owned(), |container| {
            let full = super::container::is_full_id(&container.id);
            let id = container.id.get(..8).filter(|_| full);
            let user = container.user.map(|uid| format!(" of {uid}"));
            format!(
                "{:?} {}{}{}",
                container.runtime,
                id.unwrap_or(&container.id),
                user.unwrap_or_default(),
                if container.nested { " nested" } else { "" }
            )
        });
    let pod = place.pod.as_ref().map_or("-".to_owned(), |pod| {
        let class = pod.class.map(|class| format!("{class:?} "));
        let full = super::container::is_full_id(&pod.uid);
        let uid = pod.uid.get(..8).filter(|_| full).unwrap_or(&pod.uid);
        format!("{}{uid}", class.unwrap_or_default())
    });
    format!("{unit} | {container} | {pod}")
}

const SYSTEMD: &[(&str, &str)] = &[
    ("", "- | - | -"),
    ("/", "- | - | -"),
    ("/init.scope", "init.scope | - | -"),
    ("/system.slice", "system.slice | - | -"),
    ("/system.slice/nginx.service", "nginx.service | - | -"),
    ("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service | - | -"),
    ("/system.slice/system-postgresql.slice/postgresql@15-main.service", "postgresql@15-main.service | - | -"),
    (r"/system.slice/system-systemd\x2dfsck.slice/systemd-fsck@dev-disk-by\x2duuid-ab.service", r"systemd-fsck@dev-disk-by\x2duuid-ab.service | - | -"),
    ("/system.slice/systemd-udevd.service/udev", "systemd-udevd.service | - | -"),
    ("/system.slice/foo.service/inner.service", "foo.service | - | -"),
    ("/system.slice/_cpu.service", "cpu.service | - | -"),
    ("/user.slice/user-0.slice", "user-0.slice | - | -"),
    ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope | - | -"),
    ("/user.slice/user-1000.slice/user@1000.service", "user@1000.service | - | -"),
    ("/user.slice/user-1000.slice/user@1000.service/init.scope", "init.scope of 1000 | - | -"),
    ("/user.slice/user-1000.slice/user@1000.service/app.slice/dbus.socket", "dbus.socket of 1000 | - | -"),
    ("/user.slice/user-1000.slice/user@1000.service/user.slice/podman-6696.scope", "podman-6696.scope of 1000 | - | -"),
    ("/user.slice/user-10000.slice/user@10000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-f22f14d2-3d44-4304-9879-3fdd0df7b08e.scope", "vte-spawn-f22f14d2-3d44-4304-9879-3fdd0df7b08e.scope of 10000 | - | -"),
    ("/user.slice/user-1000.slice/user@1000.service/app.slice/snap.firefox.firefox.5a5c9e0e-6a1c-4f4e-9b5b-6d5f7c1f2a11.scope", "snap.firefox.firefox.5a5c9e0e-6a1c-4f4e-9b5b-6d5f7c1f2a11.scope of 1000 | - | -"),
    ("/user.slice/user-1000.slice/user@1000.service/app.slice/app-flatpak-org.mozilla.Thunderbird-4711.scope", "app-flatpak-org.mozilla.Thunderbird-4711.scope of 1000 | - | -"),
    ("/vm.slice/qemu-datapath@199.service", "qemu-datapath@199.service | - | -"),
];

const DOCKER: &[(&str, &str)] = &[
    ("/docker/3726184226f5d3147c25fdeab5b60097e378e8a720503a5e19ecfdf29f869860", "- | Docker 37261842 | -"),
    ("/system.slice/docker-9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d.scope", "- | Docker 9ec39b91 | -"),
    ("/mycgroup.slice/docker-9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d.scope/init", "- | Docker 9ec39b91 | -"),
    ("/user.slice/user-1000.slice/user@1000.service/user.slice/docker-9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d.scope", "- | Docker 9ec39b91 of 1000 | -"),
    ("/4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970", "- | Unknown 4f797c53 | -"),
    ("/system.slice/docker.service", "docker.service | - | -"),
    ("/docker/buildkit/k2ob0f6ihcw4tijcwn8nvfg5c", "- | BuildKit k2ob0f6ihcw4tijcwn8nvfg5c | -"),
    ("/system.slice/docker-k2ob0f6ihcw4tijcwn8nvfg5c.scope", "- | BuildKit k2ob0f6ihcw4tijcwn8nvfg5c | -"),
    ("/ecs/bf1ddbfbbc8f45c9b1ac4f779368741e/3726184226f5d3147c25fdeab5b60097e378e8a720503a5e19ecfdf29f869860", "- | Unknown 37261842 | -"),
    ("/ecs/48cb34f5-cd39-4d59-9bb9-89f3c1611afd/3726184226f5d3147c25fdeab5b60097e378e8a720503a5e19ecfdf29f869860", "- | Unknown 37261842 | -"),
    ("/ecs/55091c13b8cf4801b55f527f4601742a/55091c13b8cf4801b55f527f4601742a-432624699", "- | Unknown 55091c13b8cf4801b55f527f4601742a-432624699 | -"),
    ("/ecstasks.slice/ecstasks-bf1ddbfbbc8f45c9b1ac4f779368741e.slice/docker-3726184226f5d3147c25fdeab5b60097e378e8a720503a5e19ecfdf29f869860.scope", "- | Docker 37261842 | -"),
    // systemd in Docker, Docker in Docker.
    ("/system.slice/docker-9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d.scope/system.slice/nginx.service", "nginx.service | Docker 9ec39b91 | -"),
    ("/docker/19c8414ae5278d14bcf9e8b25b44012ac696f4626867e47b749caa237d489a0b/docker/3726184226f5d3147c25fdeab5b60097e378e8a720503a5e19ecfdf29f869860", "- | Docker 37261842 nested | -"),
    ("/docker/19c8414ae5278d14bcf9e8b25b44012ac696f4626867e47b749caa237d489a0b/lxc/test", "- | Lxc test nested | -"),
];

const PODMAN: &[(&str, &str)] = &[
    ("/machine.slice/libpod-0411a2a82311fbc65b137ca550d5f7e6b6863bc734759be2f515b0b67062d49a.scope", "- | Podman 0411a2a8 | -"),
    ("/machine.slice/libpod-0411a2a82311fbc65b137ca550d5f7e6b6863bc734759be2f515b0b67062d49a.scope/container", "- | Podman 0411a2a8 | -"),
    ("/machine.slice/libpod-conmon-0411a2a82311fbc65b137ca550d5f7e6b6863bc734759be2f515b0b67062d49a.scope", "machine.slice | - | -"),
    ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ee059a097566fdc5ac9141bfcdfbed0c972163da891de076e0849d7b53597aac.scope/container", "- | Podman ee059a09 of 1000 | -"),
    ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-conmon-ee059a097566fdc5ac9141bfcdfbed0c972163da891de076e0849d7b53597aac.scope", "user@1000.service | - | -"),
    ("/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_ddf44d54b520f0b4469fcd01c3155ca49e6911dc2175471eb3a7b789187a7a89.slice/libpod-1dadda571b14eefb3158a15d0fff7e0089f9dd92f922679ed0116cccdfe8bb0f.scope/container", "- | Podman 1dadda57 of 1000 | ddf44d54"),
    ("/machine.slice/machine-libpod_pod_ddf44d54b520f0b4469fcd01c3155ca49e6911dc2175471eb3a7b789187a7a89.slice/libpod-1dadda571b14eefb3158a15d0fff7e0089f9dd92f922679ed0116cccdfe8bb0f.scope/container", "- | Podman 1dadda57 | ddf44d54"),
    ("/srv.slice/container-homeassistant.service/libpod-payload-c4e8e0d642078c90dde4a8a65883a7c0bee26f751d7c6a3096dc322519c658d3", "container-homeassistant.service | Podman c4e8e0d6 | -"),
    ("/srv.slice/container-homeassistant.service/runtime", "container-homeassistant.service | - | -"),
    ("/system.slice/quadlet-minimal.service/libpod-payload-91c57c2ae87a8d57123bbb3083b3e158b911c4fd485da131f636f83f979b092c", "quadlet-minimal.service | Podman 91c57c2a | -"),
    ("/user.slice/user-1000.slice/user@1000.service/app.slice/web.service/libpod-payload-91c57c2ae87a8d57123bbb3083b3e158b911c4fd485da131f636f83f979b092c", "web.service of 1000 | Podman 91c57c2a of 1000 | -"),
    ("/libpod_parent/libpod-0411a2a82311fbc65b137ca550d5f7e6b6863bc734759be2f515b0b67062d49a", "- | Podman 0411a2a8 | -"),
    ("/libpod_parent/ddf44d54b520f0b4469fcd01c3155ca49e6911dc2175471eb3a7b789187a7a89/libpod-0411a2a82311fbc65b137ca550d5f7e6b6863bc734759be2f515b0b67062d49a", "- | Podman 0411a2a8 | ddf44d54"),
    ("/user.slice/user-0.slice/session-1.scope/libpod-payload-91c57c2ae87a8d57123bbb3083b3e158b911c4fd485da131f636f83f979b092c", "- | Podman 91c57c2a | -"),
];

const KUBERNETES: &[(&str, &str)] = &[
    // The kubelet's own driver.
    ("/kubepods/burstable/pod31dd0274-bb43-4975-bdbc-7e10047a23f8/851c75dad6ad8ce6a5d9b9129a4eb1645f7c6e5ba8406b12d50377b665737072", "- | Unknown 851c75da | Burstable 31dd0274-bb43-4975-bdbc-7e10047a23f8"),
    ("/kubepods/besteffort/pod74c13223-5a00-11e9-b385-42010a80018d/34dc0b5e626f2c5c4c5170e34b10e7654ce36f0fcd532739f4445baabea03376", "- | Unknown 34dc0b5e | BestEffort 74c13223-5a00-11e9-b385-42010a80018d"),
    ("/kubepods/pod5eadac96-58a5-11ea-b82b-42010aa60015/34dc0b5e626f2c5c4c5170e34b10e7654ce36f0fcd532739f4445baabea03376", "- | Unknown 34dc0b5e | Guaranteed 5eadac96-58a5-11ea-b82b-42010aa60015"),
    ("/kubepods/burstable/podb53dfa9e2dc9b890f7fadb2770857b03/bb959773d06ad1a07d469bced637bbc49b6f8573c493fd0548d7f5810eb3e5a8", "- | Unknown bb959773 | Burstable b53dfa9e2dc9b890f7fadb2770857b03"),
    ("/kubepods/kubepods/besteffort/pod6bd2a4d3-a55a-4450-b6fd-2a7ecc72c904/a55d9ac3b312d8a2627824b6d6dd8af66fbec439bf4e0ec22d6d9945ad337a38", "- | Unknown a55d9ac3 | BestEffort 6bd2a4d3-a55a-4450-b6fd-2a7ecc72c904"),
    ("/kubepods/burstable/pod31dd0274-bb43-4975-bdbc-7e10047a23f8/crio-851c75dad6ad8ce6a5d9b9129a4eb1645f7c6e5ba8406b12d50377b665737072", "- | CriO 851c75da | Burstable 31dd0274-bb43-4975-bdbc-7e10047a23f8"),
    ("/kubepods/burstable/pod31dd0274-bb43-4975-bdbc-7e10047a23f8", "- | - | Burstable 31dd0274-bb43-4975-bdbc-7e10047a23f8"),
    // systemd's.
    ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2d5133c0_65f3_40b2_b375_c04866d418e1.slice/cri-containerd-e01a26336924e2fb8089bcf4cf943954fd9ea616cc5678f38f65928307979459.scope", "- | Containerd e01a2633 | Burstable 2d5133c0-65f3-40b2-b375-c04866d418e1"),
    ("/kubepods.slice/kubepods-pod019c1fe8_0d92_4aa0_b61c_4df58bdde71c.slice/cri-containerd-9e073649debeec6d511391c9ec7627ee67ce3a3fb508b0fa0437a97f8e58ba98.scope", "- | Containerd 9e073649 | Guaranteed 019c1fe8-0d92-4aa0-b61c-4df58bdde71c"),
    ("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod9692aa0e_748e_11e8_8dfa_76d458035df6.slice/docker-abddff03dfd7710c79a750ce3e730365cbb2c8247a974170c1062683bc3e9152.scope", "- | Docker abddff03 | BestEffort 9692aa0e-748e-11e8-8dfa-76d458035df6"),
    ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7260904bbd08e72e4dff95d9fccd2ee8.slice/cri-containerd-d36686f9785534531160dc936aec9d711a26eb37f4fc7752a2ae27d0a24345c1.scope", "- | Containerd d36686f9 | Burstable 7260904bbd08e72e4dff95d9fccd2ee8"),
    ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-poda5c1f8d5_1919_434d_add7_4afaafdaef89.slice/crio-5eed917563583925ffdbd40a64efb2aaffe58638e57add8becaf460fe74f5b1c.scope/container", "- | CriO 5eed9175 | Burstable a5c1f8d5-1919-434d-add7-4afaafdaef89"),
    ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-poda5c1f8d5_1919_434d_add7_4afaafdaef89.slice/crio-conmon-5eed917563583925ffdbd40a64efb2aaffe58638e57add8becaf460fe74f5b1c.scope", "kubepods-burstable-poda5c1f8d5_1919_434d_add7_4afaafdaef89.slice | - | Burstable a5c1f8d5-1919-434d-add7-4afaafdaef89"),
    // Mixed drivers.
    ("/system.slice/containerd.service/kubepods-burstable-podff49d0be_16b7_4a49_bb9e_8ec1f1f4e27f.slice:cri-containerd:0f99ad5f45163ed14ab8eaf92ed34bb4a631d007f8755a7d79be614bcb0df0ef", "containerd.service | Containerd 0f99ad5f | Burstable ff49d0be-16b7-4a49-bb9e-8ec1f1f4e27f"),
    ("/kubepods-besteffort-pod172f50f4_10ce_4f06_af33_3e1f0716b2a0.slice:cri-containerd:db622e6f7b16079db56fd7814031f7e8fc78b3050c24fe2fc431beeebbeb1c8e", "- | Containerd db622e6f | BestEffort 172f50f4-10ce-4f06-af33-3e1f0716b2a0"),
    // As a cgroup namespace shows its neighbours.
    ("/../cri-containerd-594f6557dc0faa92e0ceac237b78c9e19ad12db5c471c3d2d950d4f2d6b98e4d.scope", "- | Containerd 594f6557 | -"),
    // Kubernetes in Docker.
    ("/system.slice/docker-c27755f0fa91e81ababc85ef05cb227227a4228da2e5cb2f4999299c89d4ac69.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-podd8992f589d8dd12c4342376ccb459375.slice/cri-containerd-ecbcea5cd29afb25ba519715e827cda9e66cd0a914207f49ce0a292a6aa84d66.scope", "- | Containerd ecbcea5c nested | Burstable d8992f589d8dd12c4342376ccb459375"),
    ("/docker/d6701ec289c56e4391acb11d07474b3139466857a305490575508a8b7a9fcf22/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod2ca4a155_3599_498d_bb9d_4446693fa3ea.slice/crio-0ba8ac17e4e7a31fb82279503552fe94e64bab4745bf6fd2ff231e7c8ca8bed0.scope", "- | CriO 0ba8ac17 nested | BestEffort 2ca4a155-3599-498d-bb9d-4446693fa3ea"),
    ("/system.slice/docker-c27755f0fa91e81ababc85ef05cb227227a4228da2e5cb2f4999299c89d4ac69.scope/system.slice/kubelet.service", "kubelet.service | Docker c27755f0 | -"),
    // Docker in a pod.
    ("/kubepods/burstable/pod31dd0274-bb43-4975-bdbc-7e10047a23f8/851c75dad6ad8ce6a5d9b9129a4eb1645f7c6e5ba8406b12d50377b665737072/docker/3726184226f5d3147c25fdeab5b60097e378e8a720503a5e19ecfdf29f869860", "- | Docker 37261842 nested | Burstable 31dd0274-bb43-4975-bdbc-7e10047a23f8"),
    // Names that only look like it.
    ("/system.slice/mykubepods-podracer.slice", "mykubepods-podracer.slice | - | -"),
    ("/system.slice/podman.service", "podman.service | - | -"),
];

const OTHERS: &[(&str, &str)] = &[
    ("/system.slice/system-getty.slice/cri-containerd-0e768f8db752fcd648adb264498daa1d8f31562320e881d6a9ec593d24b1f779.scope", "- | Containerd 0e768f8d | -"),
    ("/system.slice/nerdctl-0e768f8db752fcd648adb264498daa1d8f31562320e881d6a9ec593d24b1f779.scope", "- | Containerd 0e768f8d | -"),
    ("/k8s.io/0e768f8db752fcd648adb264498daa1d8f31562320e881d6a9ec593d24b1f779", "- | Containerd 0e768f8d | -"),
    ("/default/0e768f8db752fcd648adb264498daa1d8f31562320e881d6a9ec593d24b1f779", "- | Unknown 0e768f8d | -"),
    ("/lxc.payload.focal/system.slice/avahi-daemon.service", "avahi-daemon.service | Lxc focal | -"),
    ("/lxc.payload.web/.lxc", "- | Lxc web | -"),
    ("/lxc.payload/web/init.scope", "init.scope | Lxc web | -"),
    ("/lxc.monitor.web", "- | - | -"),
    ("/lxc.monitor/web", "- | - | -"),
    ("/lxc/101/ns/system.slice/ssh.service", "ssh.service | Lxc 101 | -"),
    ("/lxc/101/ns/system.slice/docker-9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d.scope", "- | Docker 9ec39b91 nested | -"),
    ("/lxc.payload.c1/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", "x.service of 1000 | Lxc c1 | -"),
    ("/user/1000.user/1.session/lxc/p1", "- | Lxc p1 | -"),
    (r"/machine.slice/machine-TEST\x2d13\x2dNSPAWN.machinectl\x2dbind.7ye.scope/payload/init.scope", "init.scope | Nspawn TEST-13-NSPAWN.machinectl-bind.7ye | -"),
    ("/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service", "nginx.service | Nspawn web | -"),
    ("/machine.slice/systemd-nspawn@web.service/init.scope", "init.scope | Nspawn web | -"),
    ("/machine.slice/systemd-nspawn@web.service/payload", "systemd-nspawn@web.service | Nspawn web | -"),
    ("/machine.slice/systemd-nspawn@web.service/supervisor", "systemd-nspawn@web.service | - | -"),
    (r"/machine.slice/machine-rkt\x2d806e3939\x2d13ec\x2d4830\x2db983\x2d5173299c8b55.scope", "- | Nspawn rkt-806e3939-13ec-4830-b983-5173299c8b55 | -"),
    (r"/machine.slice/machine-qemu\x2d1\x2dwin10.scope", "- | Qemu win10 | -"),
    (r"/machine.slice/machine-qemu\x2d1\x2dWin11\x2dWin11.scope/libvirt/emulator", "- | Qemu Win11-Win11 | -"),
    ("/machine/lxc-1268-sl.libvirt-lxc", "- | Lxc sl | -"),
    ("/machine/qemu-3-web.libvirt-qemu/vcpu0", "- | Qemu web | -"),
    ("/system.slice/garden.service/garden/70eb4d4b-1a55-4d5f-5b8d-2f5a", "garden.service | Unknown 70eb4d4b-1a55-4d5f-5b8d-2f5a | -"),
    ("/mesos/4a3c0f6c-1c8a-4e4b-a8e0-0f5c2d8f5a11", "- | Unknown 4a3c0f6c-1c8a-4e4b-a8e0-0f5c2d8f5a11 | -"),
];

#[test]
fn recorded_paths_say_who_it_is() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, expected) in [SYSTEMD, DOCKER, PODMAN, KUBERNETES, OTHERS].concat() {
        let told = told(&place(path));
        if told != *expected {
            wrong.push(format!("{path}\n  is       {told}\n  expected {expected}"));
        }
        seen += 1;
    }
    assert!(seen >= 90, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_template_is_what_its_instances_share() {
    let unit = |path: &str| {
        place(path).unit.unwrap_or(Unit {
            name: String::new(),
            user: None,
        })
    };
    assert_eq!(
        unit("/system.slice/getty@tty1.service").template(),
        Some("getty@.service".to_owned())
    );
    assert_eq!(unit("/system.slice/nginx.service").template(), None);
}

fn component() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9a-f]{64}",
        "(docker|libpod|libpod-payload|libpod-conmon|crio|cri-containerd|x)-[0-9a-f]{62,65}(\\.scope)?",
        "(kubelet-)?kubepods(-burstable|-besteffort)?(-pod[0-9a-f_]{0,36})?\\.slice(:crio:[0-9a-f]{64})?",
        "pod[0-9a-f-]{0,36}",
        "(kubepods|burstable|besteffort|docker|lxc|lxc.payload|buildkit|libpod_parent|garden)",
        "machine-[a-z0-9\\\\]{0,20}\\.scope",
        "(user|systemd-nspawn|getty)@[0-9a-z]{0,12}\\.service",
        "user-[0-9]{0,12}\\.slice",
        "[-.@:_a-z\\\\]{0,9}\\.(service|scope|slice)",
        "\\PC{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_path_makes_it_panic(path in any::<String>()) {
        place(&path);
    }

    #[test]
    fn what_is_told_stands_in_the_path(parts in proptest::collection::vec(component(), 0..8)) {
        let path = format!("/{}", parts.join("/"));
        let place = place(&path);
        if let Some(unit) = place.unit {
            prop_assert!(path.contains(&unit.name));
        }
        if let Some(container) = place.container {
            prop_assert!(!container.id.is_empty());
            prop_assert!(path.contains(&container.id) || path.contains("\\x"));
        }
        if let Some(pod) = place.pod {
            prop_assert!(path.replace('_', "-").contains(&pod.uid));
        }
    }
}
