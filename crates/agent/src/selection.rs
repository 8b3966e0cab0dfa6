//! Which processes and connections a client asked for.

use std::sync::Arc;

use glob::Pattern;
use netmon_api::filter::Filter;
use netmon_api::v1;

use crate::connection::ConnectionRow;
use crate::frame::Row;
use crate::frame::TickFacts;
use crate::process::Facts;
use crate::subject::ConnectionSubject;
use crate::subject::ProcessSubject;

/// A checked filter.
#[derive(Debug, Clone)]
pub struct Selection {
    /// In order: whoever asks for thousands must not make every process cost as many comparisons.
    pids: Vec<u32>,
    names: Vec<Pattern>,
    uids: Vec<u32>,
    /// `Some(true)`: exited only; `Some(false)`: live only.
    exited: Option<bool>,
    expression: Filter,
}

impl Selection {
    /// From the wire.
    ///
    /// # Errors
    /// A sentence for the client: a bad pattern, a state this agent does not know, or a mistake in the
    /// expression with its column.
    pub fn new(filter: Option<v1::Filter>) -> Result<Self, String> {
        let filter = filter.unwrap_or_default();
        let mut names = Vec::new();
        for name in &filter.names {
            names.push(Pattern::new(name).map_err(|e| format!("bad name pattern '{name}': {e}"))?);
        }
        let (mut live, mut exited) = (false, false);
        for state in filter.states() {
            match state {
                v1::ProcessState::Live => live = true,
                v1::ProcessState::Exited => exited = true,
                v1::ProcessState::Unspecified => return Err("unknown process state".to_owned()),
            }
        }
        let expression = Filter::parse(&filter.expression).map_err(|e| format!("filter: {e}"))?;
        if expression.uses_user_names() {
            return Err("filter: expected users by number, as in user:1000".to_owned());
        }
        let mut pids = filter.pids;
        pids.sort_unstable();
        Ok(Selection {
            pids,
            names,
            uids: filter.uids,
            exited: (live != exited).then_some(exited),
            expression,
        })
    }

    /// Only processes with these pids are, in order. Empty: any.
    pub fn pids(&self) -> &[u32] {
        &self.pids
    }

    /// Whether every process is asked for.
    pub fn is_everything(&self) -> bool {
        self.pids.is_empty()
            && self.names.is_empty()
            && self.uids.is_empty()
            && self.exited.is_none()
            && self.expression.is_everything()
    }

    /// The same, for the past: of a process only what it is can be asked for.
    ///
    /// # Errors
    /// As [`new`](Self::new), and a sentence that says which words the history cannot answer.
    pub fn of_the_past(filter: Option<v1::Filter>) -> Result<Self, String> {
        let selection = Self::new(filter)?;
        let words = &selection.expression;
        let refused = [
            (
                words.uses_connections(),
                "host: port: lport: rport: proto: family: state: iface: or is:loopback, which are \
                 about connections",
            ),
            (
                words.uses_rates(),
                "rx tx rate is:active or is:idle, which are about one tick",
            ),
            (
                words.uses_peaks() || words.uses_sums() || words.uses_age(),
                "total peak conns or age, which are about now",
            ),
        ];
        match refused.into_iter().find(|(used, _)| *used) {
            Some((_, words)) => Err(format!(
                "filter: expected words about processes in a question about the past, not {words}"
            )),
            None => Ok(selection),
        }
    }

    /// Whether there is an expression: then what matches may change from tick to tick.
    pub fn has_expression(&self) -> bool {
        !self.expression.is_everything()
    }

    /// Whether it can only be answered with the connections of a process.
    pub fn uses_connections(&self) -> bool {
        self.expression.uses_connections()
    }

    /// Whether there are bare words, which look at remote addresses too where connections are known.
    pub fn searches_hosts(&self) -> bool {
        self.expression.searches_hosts()
    }

    /// Whether the process, as it is in this tick, is one of those asked for.
    pub fn takes(&self, row: &Row, tick: &TickFacts, connections: &[Arc<ConnectionRow>]) -> bool {
        self.matches(&row.facts) && self.expresses(row, tick, connections)
    }

    /// As [`takes`](Self::takes), for who watches: a viewer of live processes must see them end.
    pub fn watches(&self, row: &Row, tick: &TickFacts, connections: &[Arc<ConnectionRow>]) -> bool {
        self.follows(&row.facts) && self.expresses(row, tick, connections)
    }

    fn expresses(&self, row: &Row, tick: &TickFacts, connections: &[Arc<ConnectionRow>]) -> bool {
        self.expression.matches(&ProcessSubject {
            facts: &row.facts,
            numbers: Some((row, tick)),
            connections,
        })
    }

    /// Whether a connection of this process is one of those asked for. Numbers in the expression are
    /// the connection's own.
    pub fn takes_connection(
        &self,
        row: &Row,
        connection: &ConnectionRow,
        tick: &TickFacts,
    ) -> bool {
        let subject = ProcessSubject {
            facts: &row.facts,
            numbers: Some((row, tick)),
            connections: &[],
        };
        self.matches(&row.facts)
            && self
                .expression
                .matches_connection(&subject, &ConnectionSubject(connection, tick))
    }

    /// Whether the process was one of those asked for, by what it is: of an expression only words
    /// about that can match.
    pub fn takes_ever(&self, facts: &Facts) -> bool {
        let subject = ProcessSubject {
            facts,
            numbers: None,
            connections: &[],
        };
        self.matches(facts) && self.expression.matches(&subject)
    }

    /// Whether all but the expression takes the process, now.
    pub fn matches(&self, facts: &Facts) -> bool {
        self.matches_ever(facts) && self.exited.is_none_or(|e| e == facts.exit.is_some())
    }

    /// Whether changes of the process are to be told, without the expression: a viewer of live
    /// processes must see them end.
    pub fn follows(&self, facts: &Facts) -> bool {
        match self.exited {
            Some(true) => self.matches(facts),
            _ => self.matches_ever(facts),
        }
    }

    fn matches_ever(&self, facts: &Facts) -> bool {
        let executable = facts
            .exe
            .as_deref()
            .and_then(|path| path.rsplit('/').next());
        let named =
            |p: &Pattern| p.matches(&facts.name) || executable.is_some_and(|e| p.matches(e));
        let listed = self.pids.is_empty() || self.pids.binary_search(&facts.id.pid).is_ok();
        listed && any(&self.uids, |uid| *uid == facts.uid) && any(&self.names, named)
    }
}

fn any<T>(wanted: &[T], matches: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(matches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::facts;

    #[test]
    fn all_parts_must_match_and_any_entry_of_a_part_may() {
        let exe = Some("/usr/sbin/nginx".to_owned());
        let nginx = Facts {
            name: "worker".into(),
            uid: 33,
            exe,
            ..facts(7, None)
        };
        let filter = |pids: &[u32], names: &[&str], uids: &[u32]| v1::Filter {
            pids: pids.to_vec(),
            names: names.iter().map(|n| (*n).to_owned()).collect(),
            uids: uids.to_vec(),
            states: Vec::new(),
            expression: String::new(),
        };
        let cases = [
            (filter(&[], &[], &[]), true),
            (filter(&[7, 8], &[], &[]), true),
            (filter(&[8], &[], &[]), false),
            (filter(&[], &["wor*"], &[]), true),
            (filter(&[], &["ngin?"], &[33]), true),
            (filter(&[], &["nginx"], &[0]), false),
            (filter(&[7], &["apache*", "[a-z]ginx"], &[]), true),
        ];
        for (filter, expected) in cases {
            let selection = Selection::new(Some(filter.clone())).unwrap();
            assert_eq!(selection.matches(&nginx), expected, "{filter:?}");
        }
    }

    #[test]
    fn the_end_of_a_live_process_is_still_seen() {
        let states = vec![v1::ProcessState::Live.into()];
        let live = Selection::new(Some(v1::Filter {
            states,
            ..v1::Filter::default()
        }))
        .unwrap();
        let ended = facts(7, Some(0));
        assert!(!live.matches(&ended));
        assert!(live.follows(&ended));
    }

    #[test]
    fn a_bad_pattern_is_named() {
        let filter = v1::Filter {
            names: vec!["[".into()],
            ..v1::Filter::default()
        };
        let error = Selection::new(Some(filter)).unwrap_err();
        assert!(error.contains("'['"), "{error}");
    }

    fn expressed(expression: &str) -> v1::Filter {
        v1::Filter {
            expression: expression.to_owned(),
            ..v1::Filter::default()
        }
    }

    #[test]
    fn a_mistake_in_an_expression_is_told_with_its_column() {
        let error = Selection::new(Some(expressed("nginx tx>"))).unwrap_err();
        assert!(
            error.starts_with("filter: expected ") && error.contains(" at column "),
            "{error}"
        );
        let error = Selection::new(Some(expressed("user:alice"))).unwrap_err();
        assert!(error.contains("by number"), "{error}");
        assert!(Selection::new(Some(expressed("user:1000"))).is_ok());
    }

    #[test]
    fn the_past_is_asked_for_what_processes_are() {
        let past = |expression| Selection::of_the_past(Some(expressed(expression)));
        for (expression, told) in [
            ("port:443", "about connections"),
            ("iface:eth0", "iface:"),
            ("!host:10.0.0.1", "about connections"),
            ("rx>1M", "about one tick"),
            ("is:active", "is:active"),
            ("total>1G", "total"),
            ("conns>5", "conns"),
            ("age>5m", "age"),
        ] {
            let error = past(expression).unwrap_err();
            assert!(error.contains(told), "{expression}: {error}");
        }
        let nginx = Facts {
            cgroup: Some("/system.slice/nginx.service".into()),
            ..facts(7, None)
        };
        for (expression, expected) in [
            ("unit:nginx is:live", true),
            ("pid:7 user:0", true),
            ("!cgroup:/system.slice", false),
            ("apache", false),
        ] {
            let selection = past(expression).unwrap();
            assert_eq!(selection.takes_ever(&nginx), expected, "{expression}");
        }
    }
}
