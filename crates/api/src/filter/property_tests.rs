//! What holds for every text and every filter.

use std::time::Duration;
use std::time::Instant;

use proptest::prelude::*;

use super::evaluate_tests::nginx;
use super::evaluate_tests::Process;
use super::Filter;
use super::MAX_LENGTH;

// Pieces of the language in any order are wrong in more ways than random characters.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("(".to_owned()),
        Just(")".to_owned()),
        Just("!".to_owned()),
        Just(" ".to_owned()),
        Just(" or ".to_owned()),
        Just(",".to_owned()),
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just("/".to_owned()),
        Just(":".to_owned()),
        Just(">=".to_owned()),
        Just("<".to_owned()),
        Just("=".to_owned()),
        "(pid|name|user|unit|cgroup|container|host|port|proto|family|state|iface|is):",
        "(rx|tx|rate|total|conns|peak|age)",
        "[0-9./:a-f]{1,8}",
        "(tcp|listen|live|5m|1.5MiB|10.0.0.0/8|a-b|22-80)",
        "\\PC",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}".prop_filter("or is no word", |word| word != "or"),
        "\"[^\"\\\\\\p{C}]{1,6}\"",
        "\"(\\\\\\\\|\\\\\"|[ a:>(),/!])+\"",
        "/[a-z.\\\\]{0,3}[a-z]/",
    ]
}

fn term() -> impl Strategy<Value = String> {
    let operator = "(>|>=|<|<=|=)";
    prop_oneof![
        word(),
        (
            "(name|unit|container|iface|user)",
            proptest::collection::vec(word(), 1..4)
        )
            .prop_map(|(key, words)| format!("{key}:{}", words.join(","))),
        any::<u32>().prop_map(|pid| format!("pid:{pid}")),
        (any::<[u8; 4]>(), 0_u8..33)
            .prop_map(|([a, b, c, d], length)| { format!("host:{a}.{b}.{c}.{d}/{length}") }),
        (any::<std::net::Ipv6Addr>(), 0_u8..129)
            .prop_map(|(address, length)| format!("host:{address}/{length}")),
        (any::<u16>(), any::<u16>()).prop_map(|(a, b)| format!("port:{}-{}", a.min(b), a.max(b))),
        "cgroup:(/[a-z.]{0,4}){1,3}",
        (
            "(rx|tx|rate|total|peak)",
            operator,
            0_u32..2000,
            0_u32..2000,
            "[kKMGT]?(B|b|bit|iB|ib|)"
        )
            .prop_filter_map("a unit", |(key, op, whole, part, unit)| {
                let text = format!("{key}{op}{whole}.{part}{unit}");
                Filter::parse(&text).is_ok().then_some(text)
            }),
        (operator, any::<u64>()).prop_map(|(op, count)| format!("conns{op}{count}")),
        (operator, 0_u64..1_000_000_000).prop_map(|(op, ms)| format!("age{op}{ms}ms")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    term().prop_recursive(4, 24, 3, |inner| {
        let list = proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            inner.prop_map(|part| format!("!({part})")),
            list.clone()
                .prop_map(|parts| format!("({})", parts.join(") ("))),
            list.prop_map(|parts| format!("({})", parts.join(") or ("))),
        ]
    })
}

fn check_any(text: &str) -> Result<(), TestCaseError> {
    match Filter::parse(text) {
        Ok(filter) => {
            let normal = filter.to_string();
            // Quotes and units make the normal form longer than what was typed.
            if normal.chars().count() <= MAX_LENGTH {
                prop_assert_eq!(Filter::parse(&normal), Ok(filter.clone()), "{}", normal);
            }
            filter.matches(&nginx());
            filter.matches(&Process::default());
        }
        Err(error) => {
            let end = text.chars().count() + 1;
            prop_assert!((1..=end).contains(&error.column), "{error} in {text}");
            prop_assert!(error.problem.to_string().starts_with("expected "));
            let [first, second] = error.marked(text, |t| t.into(), str::len);
            prop_assert_eq!(first, text);
            prop_assert!(second.ends_with('^'));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        check_any(&text)?;
    }

    #[test]
    fn no_order_of_pieces_makes_the_parser_panic(text in pieces()) {
        check_any(&text)?;
    }

    #[test]
    fn what_is_written_reads_back(text in expression()) {
        prop_assume!(text.chars().count() <= MAX_LENGTH && text.matches('/').count() < 16);
        if let Err(error) = Filter::parse(&text) {
            prop_assert!(error.to_string().contains("regular expression"), "{error}: {text}");
        }
        check_any(&text)?;
    }

    #[test]
    fn a_filter_and_its_opposite_share_all_rows(text in expression()) {
        prop_assume!(text.chars().count() < MAX_LENGTH - 3);
        let Ok(filter) = Filter::parse(&text) else { return Ok(()); };
        let Ok(opposite) = Filter::parse(&format!("!({text})")) else { return Ok(()); };
        for process in [nginx(), Process::default()] {
            prop_assert_ne!(filter.matches(&process), opposite.matches(&process), "{}", text);
            for socket in &process.sockets {
                let (is, is_not) = (
                    filter.matches_connection(&process, socket),
                    opposite.matches_connection(&process, socket),
                );
                prop_assert_ne!(is, is_not, "{}", text);
            }
        }
    }
}

#[test]
fn hostile_expressions_cost_little() {
    let long = "a b ! c or ".repeat(93);
    let texts = [
        "(".repeat(MAX_LENGTH),
        "!".repeat(MAX_LENGTH),
        "a ".repeat(MAX_LENGTH / 2),
        format!("{}(", "(a)".repeat(MAX_LENGTH / 3)),
        long,
        "\"".repeat(MAX_LENGTH),
        "a,".repeat(MAX_LENGTH / 2),
        format!("name:{}", "a,".repeat(500)),
        format!("{}a", "abcd:".repeat(200)),
        "rx ".repeat(MAX_LENGTH / 3),
        format!("rx{}>5", " ".repeat(MAX_LENGTH - 4)),
        "x".repeat(50_000_000),
        r"/(\w?){20}(\S+\s)*$/ ".repeat(8),
        r"/(a?){300}a{300}/ ".repeat(8),
        r"/(.*a){12}b/ ".repeat(8),
    ];
    let mut process = nginx();
    let hay: &'static str = Box::leak("aaaa aaaB ".repeat(50).into_boxed_str());
    for (_, text) in &mut process.texts {
        *text = hay;
    }
    for text in texts {
        let start = Instant::now();
        let filter = Filter::parse(&text);
        let parsed = start.elapsed();
        let start = Instant::now();
        if let Ok(filter) = &filter {
            filter.matches(&process);
        }
        let matched = start.elapsed();
        let head: String = text.chars().take(30).collect();
        eprintln!(
            "{head}: {:?}, parsed in {parsed:?}, matched in {matched:?}",
            filter.is_ok()
        );
        // Some hundred times what a slow machine needs, and far from what backtracking takes.
        assert!(parsed + matched < Duration::from_secs(5), "{head}");
    }
}
