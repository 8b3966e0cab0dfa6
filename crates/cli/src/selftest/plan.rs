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

/// All runs of the cases whose name matches `pattern`, in the order of the report.
pub fn runs(pattern: &str, paths: &[Path]) -> Vec<Run> {
    let mut runs = Vec::new();
    for case in cases::all().filter(|case| matches(pattern, case.name)) {
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
        assert!(runs("udp_two_peers", &[Path::Lo]).is_empty());
        assert_eq!(runs("udp_two_peers", &[Path::Lo, Path::Veth]).len(), 2);
    }

    proptest! {
        #[test]
        fn star_around_a_name_matches_it(text in any::<String>(), before in "[a-z]*") {
            let (pattern, name) = (format!("{before}*"), format!("{before}{text}"));
            prop_assert!(matches(&pattern, &name));
        }
    }
}
