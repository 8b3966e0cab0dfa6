//! Whether a row matches.

use std::net::IpAddr;

use super::expression::Expression;
use super::expression::Kind;
use super::pattern::Pattern;
use super::subject::Connection;
use super::subject::Field;
use super::subject::Measure;
use super::subject::Subject;
use super::term::CgroupIs;
use super::term::End;
use super::term::HostIs;
use super::term::Ports;
use super::term::Quality;
use super::term::Term;
use super::term::UserIs;

/// What the numbers of a row belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    Process,
    Connection,
}

/// A row of a process.
pub(super) fn process<S: Subject>(expression: &Expression, subject: &S) -> bool {
    match expression.kind() {
        Kind::All(parts) => {
            let (together, apart): (Vec<_>, Vec<_>) = parts.iter().partition(|part| part.joins());
            apart.into_iter().all(|part| process(part, subject)) && on_one(&together, subject)
        }
        Kind::Any(parts) => parts.iter().any(|part| process(part, subject)),
        Kind::Not(inner) => !process(inner, subject),
        Kind::Term(_) => on_one(&[expression], subject),
    }
}

/// A row of a connection.
pub(super) fn connection<S: Subject, C: Connection>(
    expression: &Expression,
    subject: &S,
    connection: &C,
) -> bool {
    row(expression, &|term| {
        of_process(term, subject, Numbers::Connection)
            || of_connection(term, connection, Numbers::Connection)
    })
}

// Whether all parts match the process alone, or with one and the same connection. There is no
// "not" in them, so what matches the process alone matches with any connection.
fn on_one<S: Subject>(parts: &[&Expression], subject: &S) -> bool {
    let alone = |term: &Term| of_process(term, subject, Numbers::Process);
    let open: Vec<&Expression> = parts
        .iter()
        .copied()
        .filter(|part| !row(part, &alone))
        .collect();
    if open.is_empty() {
        return true;
    }
    if !open.iter().all(|part| part.joins()) {
        return false;
    }
    subject.connections().any(|connection| {
        let with = |term: &Term| of_connection(term, &connection, Numbers::Process);
        open.iter().all(|part| match part.kind() {
            Kind::Term(term) => with(term),
            _ => row(part, &|term| with(term) || alone(term)),
        })
    })
}

// Plain logic over the leaves.
fn row(expression: &Expression, leaf: &dyn Fn(&Term) -> bool) -> bool {
    match expression.kind() {
        Kind::All(parts) => parts.iter().all(|part| row(part, leaf)),
        Kind::Any(parts) => parts.iter().any(|part| row(part, leaf)),
        Kind::Not(inner) => !row(inner, leaf),
        Kind::Term(term) => leaf(term),
    }
}

// What the process itself answers.
fn of_process<S: Subject>(term: &Term, subject: &S, numbers: Numbers) -> bool {
    let own = numbers == Numbers::Process;
    let text = |field, test: &dyn Fn(&str) -> bool| {
        subject.text(field).is_some_and(|text| test(text.as_ref()))
    };
    let container = |pattern: &Pattern| {
        text(Field::Container, &|t| pattern.is_in(t))
            || text(Field::ContainerId, &|t| pattern.begins(t))
    };
    match term {
        Term::Word(pattern) => {
            let fields = [Field::Name, Field::CommandLine, Field::User, Field::Unit];
            fields
                .into_iter()
                .any(|field| text(field, &|t| pattern.is_in(t)))
                || container(pattern)
        }
        Term::Pid(list) => subject.pid().is_some_and(|pid| list.contains(&pid)),
        Term::Name(list) => list.iter().any(|pattern| {
            text(Field::Name, &|t| pattern.is_in(t))
                || text(Field::Executable, &|t| pattern.is_in(t))
        }),
        Term::User(list) => list.iter().any(|user| match user {
            UserIs::Uid(uid) => subject.uid() == Some(*uid),
            UserIs::Name(pattern) => text(Field::User, &|t| pattern.is(t)),
        }),
        Term::Unit(list) => list
            .iter()
            .any(|pattern| text(Field::Unit, &|t| pattern.is_in(t))),
        Term::Cgroup(list) => list
            .iter()
            .any(|cgroup| text(Field::Cgroup, &|path| is_below(path, cgroup))),
        Term::Container(list) => list.iter().any(container),
        Term::Is(list) => list.iter().any(|quality| match quality {
            Quality::Live => subject.exited() == Some(false),
            Quality::Exited => subject.exited() == Some(true),
            Quality::Idle => own && subject.active() == Some(false),
            Quality::Active => own && subject.active() == Some(true),
            Quality::Loopback => own && subject.loopback() == Some(true),
        }),
        // A connection has no peak of its own.
        Term::Compare(measure, operator, size) => {
            (own || *measure == Measure::Peak)
                && subject
                    .measure(*measure)
                    .is_some_and(|bytes| operator.holds(size.order(bytes)))
        }
        Term::Connections(operator, limit) => subject
            .connection_count()
            .is_some_and(|count| operator.holds(count.cmp(limit))),
        Term::Age(operator, limit) => {
            own && subject
                .age()
                .is_some_and(|age| operator.holds(age.cmp(limit)))
        }
        Term::Host(_)
        | Term::Port(..)
        | Term::Transport(_)
        | Term::Family(_)
        | Term::State(_)
        | Term::Interface(_) => false,
    }
}

// What a connection answers.
fn of_connection<C: Connection>(term: &Term, connection: &C, numbers: Numbers) -> bool {
    let own = numbers == Numbers::Connection;
    match term {
        Term::Word(pattern) => {
            connection
                .remote_name()
                .is_some_and(|name| pattern.is_in(name))
                || pattern.may_be_in_an_address()
                    && connection
                        .remote_address()
                        .is_some_and(|address| pattern.is_in(&written(address)))
        }
        Term::Host(list) => list.iter().any(|host| match host {
            HostIs::Network(network) => connection
                .remote_address()
                .is_some_and(|address| network.contains(address)),
            HostIs::Name(pattern) => connection
                .remote_name()
                .is_some_and(|name| pattern.is_in(name)),
        }),
        Term::Port(end, list) => {
            let within = |port: Option<u16>| {
                port.is_some_and(|port| {
                    list.iter()
                        .any(|Ports(first, last)| (*first..=*last).contains(&port))
                })
            };
            (*end != End::Remote && within(connection.local_port()))
                || (*end != End::Local && within(connection.remote_port()))
        }
        Term::Transport(list) => connection.transport().is_some_and(|t| list.contains(&t)),
        Term::Family(list) => connection.family().is_some_and(|f| list.contains(&f)),
        Term::State(list) => connection.state().is_some_and(|s| list.contains(&s)),
        Term::Interface(list) => connection
            .interface()
            .is_some_and(|name| list.iter().any(|pattern| pattern.is(name))),
        Term::Is(list) => list.iter().any(|quality| match quality {
            Quality::Live | Quality::Exited => false,
            Quality::Idle => own && connection.active() == Some(false),
            Quality::Active => own && connection.active() == Some(true),
            Quality::Loopback => connection.loopback() == Some(true),
        }),
        Term::Compare(measure, operator, size) => {
            own && connection
                .measure(*measure)
                .is_some_and(|bytes| operator.holds(size.order(bytes)))
        }
        Term::Age(operator, limit) => {
            own && connection
                .age()
                .is_some_and(|age| operator.holds(age.cmp(limit)))
        }
        Term::Pid(_)
        | Term::Name(_)
        | Term::User(_)
        | Term::Unit(_)
        | Term::Cgroup(_)
        | Term::Container(_)
        | Term::Connections(..) => false,
    }
}

fn is_below(path: &str, cgroup: &CgroupIs) -> bool {
    match cgroup {
        CgroupIs::Under(base) => path
            .strip_prefix(base.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        CgroupIs::Part(pattern) => pattern.is_in(path),
    }
}

// As screens show it: IPv4 mapped into IPv6 is IPv4.
fn written(address: IpAddr) -> String {
    address.to_canonical().to_string()
}
