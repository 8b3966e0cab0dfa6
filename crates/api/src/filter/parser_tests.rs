//! What reads as what, and what is said of mistakes.

use std::borrow::Cow;

use super::Filter;
use super::MAX_DEPTH;
use super::MAX_LENGTH;
use super::MAX_REGEXES;

#[test]
fn everything_that_can_be_written_has_one_normal_form() {
    for (text, normal) in [
        ("", ""),
        ("  \t ", ""),
        ("nginx", "nginx"),
        ("  nginx   api ", "nginx api"),
        ("\"nginx\"", "nginx"),
        ("\"a b\"", "\"a b\""),
        (r#""a \"b\" \\ \x""#, r#""a \"b\" \\ \\x""#),
        ("/^ng.nx$/", "/^ng.nx$/"),
        (r"/a\/b \/ c\\/", r"/a\/b \/ c\\/"),
        ("a or b c or d", "a or b c or d"),
        ("a OR b", "a or b"),
        ("oracle or orb", "oracle or orb"),
        ("(a or b) c", "(a or b) c"),
        ("((a)) (b c) d", "a b c d"),
        ("(a or (b or c))", "a or b or c"),
        ("!a !(a b) ! c", "!a !(a b) !c"),
        ("!!a !!!a", "a !a"),
        ("!(a or b)", "!(a or b)"),
        ("a(b)or(c)", "a b or c"),
        ("pid:7,8", "pid:7,8"),
        ("PID:7", "pid:7"),
        ("name:nginx,\"a b\",/^x/", "name:nginx,\"a b\",/^x/"),
        ("user:root,33,\"33\"", "user:root,33,\"33\""),
        ("unit:nginx.service", "unit:nginx.service"),
        (r"unit:dev-disk-by\x2duuid", r"unit:dev-disk-by\x2duuid"),
        ("cgroup:/system.slice/", "cgroup:/system.slice"),
        ("cgroup:/,/a/b,part,\"/a b\"", "cgroup:/,/a/b,part,\"/a b\""),
        ("container:web,0123abcd", "container:web,0123abcd"),
        ("host:10.0.0.1", "host:10.0.0.1"),
        (
            "host:10.1.2.3/8,::1,fe80::/10",
            "host:10.0.0.0/8,::1,fe80::/10",
        ),
        ("host:::ffff:10.0.0.1", "host:10.0.0.1"),
        ("host:example.org,\"10.0\"", "host:example.org,\"10.0\""),
        ("port:22,80-443", "port:22,80-443"),
        ("lport:0 rport:65535-65535", "lport:0 rport:65535"),
        ("proto:tcp,UDP", "proto:tcp,udp"),
        ("family:4,6", "family:4,6"),
        ("state:established,listen", "state:established,listen"),
        (
            "state:syn-sent,syn-recv,fin-wait-1",
            "state:syn-sent,syn-recv,fin-wait-1",
        ),
        (
            "state:fin-wait-2,time-wait,close",
            "state:fin-wait-2,time-wait,close",
        ),
        (
            "state:close-wait,last-ack,closing",
            "state:close-wait,last-ack,closing",
        ),
        ("iface:eth0,/^wg/", "iface:eth0,/^wg/"),
        (
            "is:live,exited,idle,active,loopback",
            "is:live,exited,idle,active,loopback",
        ),
        (
            "rx>100K tx>=1.5MiB rate<8Mbit",
            "rx>100KiB tx>=1.5MiB rate<8Mbit",
        ),
        ("total<=2GB peak=0", "total<=2GB peak=0"),
        ("conns>5 age>5m age<1h30m", "conns>5 age>5m age<1h30m"),
        ("rx > 100K tx<\t5", "rx>100KiB tx<5"),
        ("rx tx", "rx tx"),
        ("rx or tx>5", "rx or tx>5"),
        ("fe80::1", "\"fe80::1\""),
        ("abcd::1 x", "\"abcd::1\" x"),
        ("10.0.0.1:443", "\"10.0.0.1:443\""),
        ("--port=80", "\"--port=80\""),
        ("a,b", "\"a,b\""),
        ("网络 or größe", "网络 or größe"),
        ("\"or\"", "\"or\""),
        ("\"rx>5\"", "\"rx>5\""),
        ("don't", "\"don't\""),
    ] {
        let filter = match Filter::parse(text) {
            Ok(filter) => filter,
            Err(error) => panic!("{text}: {error}"),
        };
        assert_eq!(filter.to_string(), normal, "{text}");
        assert_eq!(Filter::parse(normal), Ok(filter), "{text}");
    }
}

#[test]
fn mistakes_are_named_with_their_column() {
    const LISTS: &str = "pid, name, user, unit, cgroup, container, host, port, lport, rport, \
                         proto, family, state, iface or is";
    const COMPARED: &str = "rx, tx, rate, total, conns, peak or age";
    const PORT: &str = "a port (0-65535) or a range such as 8000-8099";
    const HOST: &str = "an address, a network or a name";
    let cases = [
        (
            "rx>>5",
            "expected a size after 'rx>' at column 4".to_owned(),
        ),
        ("rx>", "expected a size after 'rx>' at column 4".to_owned()),
        (
            "a rx >= x",
            "expected a size after 'rx >=' at column 9".to_owned(),
        ),
        (
            "rx==5",
            "expected a size after 'rx=' at column 4".to_owned(),
        ),
        (
            "tx>5mb",
            "expected a size after 'tx>' at column 4".to_owned(),
        ),
        (
            "total<-1",
            "expected a size after 'total<' at column 7".to_owned(),
        ),
        (
            "conns>5K",
            "expected a number after 'conns>' at column 7".to_owned(),
        ),
        (
            "age>5",
            "expected an age such as 5m after 'age>' at column 5".to_owned(),
        ),
        (
            "rx:5",
            "expected one of > >= < <= = after 'rx' at column 3".to_owned(),
        ),
        (
            "rx!=5",
            "expected one of > >= < <= = after 'rx' at column 3".to_owned(),
        ),
        ("pid>5", "expected ':' after 'pid' at column 4".to_owned()),
        (
            "pid:x",
            "expected a process id after 'pid:' at column 5".to_owned(),
        ),
        (
            "pid:+7",
            "expected a process id after 'pid:' at column 5".to_owned(),
        ),
        (
            "pid:7,",
            "expected a process id after ',' at column 7".to_owned(),
        ),
        (
            "pid:99999999999",
            "expected a process id after 'pid:' at column 5".to_owned(),
        ),
        (
            "pid:\"7\"",
            "expected a process id after 'pid:' at column 5".to_owned(),
        ),
        (
            "name:",
            "expected a name after 'name:' at column 6".to_owned(),
        ),
        (
            "name: nginx",
            "expected a name after 'name:' at column 6".to_owned(),
        ),
        (
            "name:a,,b",
            "expected a name after ',' at column 8".to_owned(),
        ),
        (
            "name:a, b",
            "expected a name after ',' at column 8".to_owned(),
        ),
        (
            "user:",
            "expected a user after 'user:' at column 6".to_owned(),
        ),
        (
            "user:5000000000",
            "expected a user after 'user:' at column 6".to_owned(),
        ),
        (
            "unit:)",
            "expected a unit after 'unit:' at column 6".to_owned(),
        ),
        (
            "cgroup:",
            "expected a cgroup after 'cgroup:' at column 8".to_owned(),
        ),
        (
            "container:",
            "expected a container after 'container:' at column 11".to_owned(),
        ),
        (
            "iface:",
            "expected an interface after 'iface:' at column 7".to_owned(),
        ),
        (
            "host:10.0.0",
            format!("expected {HOST} after 'host:' at column 6"),
        ),
        (
            "host:10.0.0.1/33",
            format!("expected {HOST} after 'host:' at column 6"),
        ),
        (
            "host:10.0.0.1:80",
            format!("expected {HOST} after 'host:' at column 6"),
        ),
        (
            "port:65536",
            format!("expected {PORT} after 'port:' at column 6"),
        ),
        (
            "lport:9-8",
            format!("expected {PORT} after 'lport:' at column 7"),
        ),
        (
            "rport:http",
            format!("expected {PORT} after 'rport:' at column 7"),
        ),
        (
            "proto:icmp",
            "expected tcp or udp after 'proto:' at column 7".to_owned(),
        ),
        (
            "family:5",
            "expected 4 or 6 after 'family:' at column 8".to_owned(),
        ),
        (
            "state:open",
            "expected established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, time-wait, close, \
             close-wait, last-ack, listen or closing after 'state:' at column 7"
                .to_owned(),
        ),
        (
            "is:dead",
            "expected live, exited, idle, active or loopback after 'is:' at column 4".to_owned(),
        ),
        (
            "nmae:x",
            format!("expected {LISTS}, or quotes around a word, not 'nmae:' at column 1"),
        ),
        (
            "a http://b",
            format!("expected {LISTS}, or quotes around a word, not 'http:' at column 3"),
        ),
        (
            "or:x",
            format!("expected {LISTS}, or quotes around a word, not 'or:' at column 1"),
        ),
        (
            "conn=5",
            format!("expected {COMPARED}, or quotes around a word, not 'conn=' at column 1"),
        ),
        (">5", format!("expected {COMPARED} before '>' at column 1")),
        (
            "a =5",
            format!("expected {COMPARED} before '=' at column 3"),
        ),
        ("\"a", "expected '\"' at the end at column 3".to_owned()),
        ("\"\"", "expected a text after '\"' at column 2".to_owned()),
        (
            "\"a\"b",
            "expected a space after '\"' at column 4".to_owned(),
        ),
        ("/a", "expected '/' at the end at column 3".to_owned()),
        (
            "//",
            "expected a regular expression after '/' at column 2".to_owned(),
        ),
        (
            "/usr/bin",
            "expected a space after '/' at column 6".to_owned(),
        ),
        (
            "x /(a/",
            "expected a regular expression after '/': unclosed group at column 4".to_owned(),
        ),
        (
            r"/\w{500}/",
            "expected a regular expression after '/': it is too large at column 2".to_owned(),
        ),
        ("or a", "expected a word before 'or' at column 1".to_owned()),
        ("a or", "expected a word after 'or' at column 5".to_owned()),
        (
            "a or or b",
            "expected a word after 'or' at column 6".to_owned(),
        ),
        ("!", "expected a word after '!' at column 2".to_owned()),
        ("! or", "expected a word after '!' at column 3".to_owned()),
        ("(!)", "expected a word after '!' at column 3".to_owned()),
        ("()", "expected a word after '(' at column 2".to_owned()),
        ("(or a)", "expected a word after '(' at column 2".to_owned()),
        ("(a", "expected ')' at column 3".to_owned()),
        ("a)", "expected '(' before ')' at column 2".to_owned()),
        (")", "expected '(' before ')' at column 1".to_owned()),
    ];
    for (text, expected) in cases {
        let error = Filter::parse(text).expect_err(text);
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn hostile_expressions_are_bounded() {
    let long = "a".repeat(MAX_LENGTH);
    assert!(Filter::parse(&long).is_ok());
    let error = Filter::parse(&format!("{long}a")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected at most 1024 characters at column 1025"
    );

    let nested = |depth| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&nested(MAX_DEPTH)).is_ok());
    let error = Filter::parse(&nested(MAX_DEPTH + 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected at most 32 levels of ( ) and ! at column 33"
    );
    assert!(Filter::parse(&format!("{}a", "!".repeat(MAX_LENGTH - 1))).is_err());
    assert!(
        Filter::parse(&"(a) ".repeat(MAX_LENGTH / 4)).is_ok(),
        "side by side is not deep"
    );

    assert!(Filter::parse(&"/a/ ".repeat(MAX_REGEXES)).is_ok());
    let error = Filter::parse(&"/a/ ".repeat(MAX_REGEXES + 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected at most 8 regular expressions at column 33"
    );
}

#[test]
fn the_caret_stands_under_the_mistake() {
    let width = |text: &str| {
        text.chars()
            .map(|c| if c > '\u{2e80}' { 2 } else { 1 })
            .sum()
    };
    for (text, first, second) in [
        ("rx>>5", "rx>>5", "   ^"),
        ("网络 rx>>5", "网络 rx>>5", "        ^"),
        ("a\u{7} (b", "a\\x07 (b", "        ^"),
        ("or", "or", "^"),
    ] {
        let error = Filter::parse(text).unwrap_err();
        let lines = error.marked(text, |t| t.replace('\u{7}', "\\x07").into(), width);
        assert_eq!(lines, [first, second], "{text}");
    }
    // An error of another, longer expression must not panic.
    let error = Filter::parse("name:").unwrap_err();
    assert_eq!(error.marked("", |t| Cow::Borrowed(t), str::len), ["", "^"]);
}

#[test]
fn a_filter_knows_what_it_needs() {
    let needs = |text: &str| {
        let filter = Filter::parse(text).unwrap();
        let mut needs = Vec::new();
        for (name, is) in [
            ("connections", filter.uses_connections()),
            ("hosts", filter.searches_hosts()),
            ("rates", filter.uses_rates()),
            ("peaks", filter.uses_peaks()),
            ("age", filter.uses_age()),
            ("cgroups", filter.uses_cgroups()),
            ("users", filter.uses_user_names()),
        ] {
            if is {
                needs.push(name);
            }
        }
        needs.join(" ")
    };
    for (text, expected) in [
        ("", ""),
        ("nginx", "hosts"),
        ("pid:7 name:a user:0 conns>5 total>5", ""),
        ("pid:7 or !(name:a port:22)", "connections"),
        ("host:a", "connections"),
        ("proto:tcp", "connections"),
        ("family:4", "connections"),
        ("state:listen", "connections"),
        ("iface:lo", "connections"),
        ("is:live,loopback", "connections"),
        ("is:live", ""),
        ("is:idle", "rates"),
        ("is:active", "rates"),
        ("rx>5", "rates"),
        ("tx>5", "rates"),
        ("rate>5", "rates"),
        ("peak>5", "peaks"),
        ("age>5m", "age"),
        ("unit:a", "cgroups"),
        ("cgroup:/a", "cgroups"),
        ("container:a", "cgroups"),
        ("user:root", "users"),
        ("user:/r/", "users"),
    ] {
        assert_eq!(needs(text), expected, "{text}");
    }
    assert!(Filter::parse(" ").unwrap().is_everything());
    assert!(!Filter::parse("a").unwrap().is_everything());
}

#[test]
fn user_names_become_ids() {
    let filter = Filter::parse("!(user:root,ghost,33 nginx)").unwrap();
    let filter = filter.with_users(&mut |name| (name == "root").then_some(0));
    assert_eq!(filter.to_string(), "!(user:0,ghost,33 nginx)");
}
