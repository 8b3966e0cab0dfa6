//! Which processes a client asked for.

use glob::Pattern;
use netmon_api::v1;

use crate::process::Facts;

/// A checked filter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    pids: Vec<u32>,
    names: Vec<Pattern>,
    uids: Vec<u32>,
    /// `Some(true)`: exited only; `Some(false)`: live only.
    exited: Option<bool>,
}

impl Selection {
    /// From the wire.
    ///
    /// # Errors
    /// A sentence for the client: a bad pattern, or a state this agent does not know.
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
        Ok(Selection {
            pids: filter.pids,
            names,
            uids: filter.uids,
            exited: (live != exited).then_some(exited),
        })
    }

    /// Whether every process is asked for.
    pub fn is_everything(&self) -> bool {
        *self == Selection::default()
    }

    /// Whether the process is one of those asked for, now.
    pub fn matches(&self, facts: &Facts) -> bool {
        self.matches_ever(facts) && self.exited.is_none_or(|e| e == facts.exit.is_some())
    }

    /// Whether changes of the process are to be told: a viewer of live processes must see them end.
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
        any(&self.pids, |pid| *pid == facts.id.pid)
            && any(&self.uids, |uid| *uid == facts.uid)
            && any(&self.names, named)
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
}
