use super::*;

fn kernel(change: impl FnOnce(&mut Support)) -> Support {
    let mut support = Support {
        call_tracepoints: true,
        perf_links: true,
        rename_names_thread: true,
        safe_allocation: true,
        trampoline_images: true,
        ipv6_calls: true,
        ..Support::default()
    };
    change(&mut support);
    support
}

fn sets(support: &Support) -> Vec<HookSet> {
    plans(support, None).iter().map(|plan| plan.set).collect()
}

#[test]
fn sets_are_tried_from_the_cheapest_on_and_only_where_they_are_complete() {
    use HookSet::*;
    let cases: [(&str, Support, Vec<HookSet>); 6] = [
        ("6.12", kernel(|_| ()), vec![Tracepoint, Kprobe, Fexit]),
        (
            "7.0: MPTCP has a second way without kprobes",
            kernel(|k| k.mptcp_release = true),
            vec![Tracepoint, Tracepoint, Kprobe, Kprobe, Fexit],
        ),
        (
            "7.0 with kprobes switched off",
            kernel(|k| {
                k.mptcp_release = true;
                k.kprobes_off = true;
            }),
            vec![Tracepoint, Fexit],
        ),
        (
            "6.3: sendfile goes past the tracepoint",
            kernel(|k| k.sendpage = true),
            vec![Kprobe, Fexit],
        ),
        (
            "6.1: no such tracepoint",
            kernel(|k| k.call_tracepoints = false),
            vec![Kprobe, Fexit],
        ),
        (
            "5.10 without the trampoline fix",
            kernel(|k| {
                k.call_tracepoints = false;
                k.trampoline_images = false;
            }),
            vec![Kprobe],
        ),
    ];
    for (name, support, expected) in cases {
        assert_eq!(sets(&support), expected, "{name}");
    }
}

#[test]
fn what_cannot_be_pinned_is_attached_by_btf() {
    let old = kernel(|k| k.perf_links = false);
    for plan in plans(&old, Some(HookSet::Kprobe)) {
        for hook in plan.required {
            assert!(
                !matches!(hook.kind, Kind::Tracepoint | Kind::Kprobe),
                "{} cannot be pinned before 5.15",
                hook.program
            );
        }
    }
}

#[test]
fn rename_is_heard_where_the_record_does_not_name_the_thread() {
    for (program, change) in [
        ("process_rename", (|_| ()) as fn(&mut Support)),
        ("process_rename_btf", |k| k.rename_names_thread = false),
        ("process_rename_btf", |k| k.perf_links = false),
    ] {
        for plan in plans(&kernel(change), None) {
            let planned = |hook: &&Hook| hook.target == "task:task_rename";
            let hook = plan
                .optional
                .iter()
                .find(planned)
                .expect("every set has the hook");
            assert_eq!(hook.program, program, "{}", plan.set);
        }
    }
}

#[test]
fn a_set_that_was_asked_for_is_the_only_one() {
    for set in HookSet::ALL {
        assert_eq!(plans(&kernel(|_| ()), Some(set)).len(), 1, "{set}");
        assert_eq!(set.to_string().parse::<HookSet>(), Ok(set));
        assert_eq!(HookSet::from_number(set as u32), Some(set));
    }
    assert!("ebpf".parse::<HookSet>().is_err());
}

#[test]
fn no_program_is_planned_twice() {
    let all = kernel(|k| {
        k.sendpage = true;
        k.tls_splice = true;
        k.mptcp_splice = true;
    });
    for plan in plans(&all, None) {
        let mut names: Vec<_> = plan
            .required
            .iter()
            .chain(&plan.optional)
            .map(|h| h.program)
            .collect();
        let planned = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), planned, "{}", plan.set);
    }
}

#[test]
fn what_is_above_tcp_is_counted_by_calls_that_no_preemption_loses() {
    let programs = |support: &Support| -> Vec<&str> {
        let plan = plans(support, Some(HookSet::Kprobe)).remove(0);
        plan.optional.iter().map(|hook| hook.program).collect()
    };
    let with = |programs: &[&str], name: &str| programs.contains(&name);
    let new = programs(&kernel(|k| k.sendpage = false));
    assert!(with(&new, "call_tx") && with(&new, "call_rx"), "{new:?}");
    assert!(!with(&new, "inet_tx4"), "{new:?}");
    for old in [
        programs(&kernel(|k| k.call_tracepoints = false)),
        // sendfile goes past the tracepoints there.
        programs(&kernel(|k| k.sendpage = true)),
    ] {
        assert!(!with(&old, "call_tx") && with(&old, "inet_tx4"), "{old:?}");
    }
}

#[test]
fn splice_from_mptcp_goes_by_what_no_preemption_loses_where_kprobes_are_allowed() {
    let new = kernel(|k| {
        k.mptcp_splice = true;
        k.mptcp_release = true;
    });
    for set in HookSet::ALL {
        let plans = plans(&new, Some(set));
        let programs = |plan: &Plan| -> Vec<&str> {
            let all = plan.required.iter().chain(&plan.optional);
            all.map(|hook| hook.program).collect()
        };
        for plan in &plans {
            let programs = programs(plan);
            let (consumed, spliced) = (
                programs.contains(&"msk_rx"),
                programs.contains(&"mptcp_splice_rx"),
            );
            assert!(consumed != spliced, "one of them, or bytes count twice");
            assert_eq!(plan.counts_consumed, consumed);
        }
        let first = plans.first().unwrap();
        assert_eq!(first.counts_consumed, set != HookSet::Fexit, "{set}");
        assert!(
            !plans.last().unwrap().counts_consumed,
            "a way without kprobes"
        );
    }
}
