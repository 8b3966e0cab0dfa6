//! Which runs are made: cases that the pattern matches, with their addresses, on the paths wanted.

use super::cases;
use super::cases::Case;
use super::ends::Path;
use super::ends::Variant;

/// One case with one kind of addresses on one path.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// The case.
    pub case: &'static Case,
    /// Where.
    pub path: Path,
    /// With which addresses.
    pub variant: Variant,
}

/// All runs of the cases whose name matches `pattern`, in the order of the report. Cases under
/// load are among them with `load`, or when the pattern means them only.
pub fn runs(pattern: &str, paths: &[Path], load: bool) -> Vec<Run> {
    let matching = || cases::all().filter(|case| matches(pattern, case.name));
    let load = load || matching().all(|case| case.load.is_some());
    let mut runs = Vec::new();
    for case in matching().filter(|case| load || case.load.is_none()) {
        for &path in paths.iter().filter(|path| case.paths.contains(path)) {
            runs.extend(case.variants.iter().map(|&variant| Run {
                case,
                path,
                variant,
            }));
        }
    }
    runs
}

/// The runs in batches, in order: the agent is asked after each. A case under load is a batch of
/// its own, because the agent keeps a limited number of ended processes.
pub fn batches(runs: &[Run]) -> impl Iterator<Item = &[Run]> {
    runs.chunk_by(|run, next| run.case.load.is_none() && next.case.load.is_none())
}

/// Whether all of `text` fits a pattern with `*` (any run of characters) and `?` (any one).
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // fits[i]: the pattern so far matches the first i characters.
    let mut fits = vec![false; text.len() + 1];
    fits[0] = true;
    for symbol in pattern {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match (symbol, at) {
                ('*', 0) => fits[0],
                ('*', _) => fits[at] || next[at - 1],
                (_, 0) => false,
                ('?', _) => fits[at - 1],
                (symbol, _) => fits[at - 1] && text[at - 1] == symbol,
            };
        }
        fits = next;
    }
    fits[text.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::prop_assert;
    use proptest::proptest;

    use super::batches;
    use super::matches;
    use super::runs;
    use crate::selftest::ends::Path;

    #[test]
    fn pattern_must_match_the_whole_name() {
        for (pattern, text, expected) in [
            ("*", "tcp_basic", true),
            ("*", "", true),
            ("", "", true),
            ("", "tcp", false),
            ("tcp_*", "tcp_basic", true),
            ("tcp", "tcp_basic", false),
            ("*basic", "tcp_basic", true),
            ("t?p_*s*c", "tcp_basic", true),
            ("udp*", "udplite", true),
            ("?", "", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn case_that_needs_a_second_machine_is_not_run_on_loopback() {
        assert!(runs("udp_two_peers", &[Path::Lo], false).is_empty());
        assert_eq!(
            runs("udp_two_peers", &[Path::Lo, Path::Veth], false).len(),
            2
        );
    }

    #[test]
    fn case_under_load_is_run_only_when_meant() {
        let count = |pattern, load| {
            let runs = runs(pattern, &[Path::Lo], load);
            let loads = runs.iter().filter(|run| run.case.load.is_some()).count();
            (runs.len() - loads, loads)
        };
        let (others, loads) = count("*", true);
        assert!(others > 100 && loads >= 3, "{others} {loads}");
        assert_eq!(count("*", false), (others, 0));
        assert_eq!(count("load*", false), (0, loads));
        assert_eq!(count("load*", true), (0, loads));
        assert_eq!(count("*storm", false), (0, 1));
        assert_eq!(count("raw", true), (1, 0));
        assert_eq!(count("no such case", false), (0, 0));
    }

    #[test]
    fn case_under_load_is_a_batch_of_its_own() {
        let runs = runs("*", &[Path::Lo], true);
        let loads = runs.iter().filter(|run| run.case.load.is_some()).count();
        let batches: Vec<_> = batches(&runs).collect();
        assert_eq!(batches.len(), 1 + loads);
        assert_eq!(batches[0].len(), runs.len() - loads);
        assert_eq!(
            batches.iter().map(|batch| batch.len()).sum::<usize>(),
            runs.len()
        );
    }

    proptest! {
        #[test]
        fn star_around_a_name_matches_it(text in any::<String>(), before in "[a-z]*") {
            let (pattern, name) = (format!("{before}*"), format!("{before}{text}"));
            prop_assert!(matches(&pattern, &name));
        }
    }
}
