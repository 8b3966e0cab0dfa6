//! The filter language, as the help of the prompt shows it.

use super::Row;
use crate::top::layout::Size;

/// All of it.
pub const ROWS: &[Row] = &[
    Row::Title("WORDS  side by side: all must match"),
    Row::Keys("nginx", "part of name, command, user, unit, container"),
    Row::Keys("\"a word\"", "the same, with any characters in it"),
    Row::Keys("/^ng.*x/", "the same by regular expression"),
    Row::Keys("a or b   !a   ( )", "either, not, together"),
    Row::Title("PROCESSES  a comma is an or"),
    Row::Keys("pid:7,8 name:curl", "process id, part of the name"),
    Row::Keys("user:alice", "owner, by name or id"),
    Row::Keys("unit: container:", "part of the unit, of the container"),
    Row::Keys("cgroup:/a/b", "that cgroup and those below"),
    Row::Keys("is:active", "or idle, live, exited, loopback"),
    Row::Title("CONNECTIONS  a process with such a one"),
    Row::Keys("host:10.0.0.0/8", "remote address or network"),
    Row::Keys("port:443 lport: rport:", "either, local, remote port"),
    Row::Keys("proto:tcp family:4", "transport, address family"),
    Row::Keys("state:established", "of the socket"),
    Row::Keys("iface:eth0", "the interface it uses"),
    Row::Title("NUMBERS  > >= < <= ="),
    Row::Keys(
        "rx>1M tx>8Mbit rate>1K",
        "per second, as the columns have it",
    ),
    Row::Keys("total>1GiB peak>1M", "since first seen, highest tick"),
    Row::Keys("conns>10 age<5m", "open connections, running for"),
    Row::Title("GOOD TO KNOW"),
    Row::Keys("!port:22", "leaves out whoever has such a connection"),
    Row::Keys("", "The numbers stay those of the whole process;"),
    Row::Keys("", "in view 3 they are of the connections alone."),
];

/// Rows that are visible at once.
pub fn visible(size: Size) -> usize {
    usize::from(size.height.saturating_sub(4)).min(ROWS.len())
}

/// How many places it can be scrolled to.
pub fn scroll_steps(size: Size) -> usize {
    ROWS.len() - visible(size) + 1
}
