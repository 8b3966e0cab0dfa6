//! The tree of an expression, always in normal form.

use std::fmt;

use super::term::Term;

/// A node. Made by the functions below only, which keep the form normal: no list in a list of its
/// kind, no list of one, no double "not".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expression {
    kind: Kind,
    /// Something in it can match a connection.
    connections: bool,
    /// There is a "not" in it.
    negated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Term(Term),
}

impl Expression {
    /// Every part; an empty list is always so.
    pub(super) fn all(parts: Vec<Expression>) -> Self {
        Self::list(parts, Kind::All, |kind| match kind {
            Kind::All(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// At least one part. The list is not empty.
    pub(super) fn any(parts: Vec<Expression>) -> Self {
        Self::list(parts, Kind::Any, |kind| match kind {
            Kind::Any(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// The opposite.
    pub(super) fn not(inner: Expression) -> Self {
        match inner.kind {
            Kind::Not(twice) => *twice,
            kind => Self {
                connections: inner.connections,
                negated: true,
                kind: Kind::Not(Box::new(Expression { kind, ..inner })),
            },
        }
    }

    /// A leaf.
    pub(super) fn term(term: Term) -> Self {
        Self {
            connections: term.looks_at_connections(),
            negated: false,
            kind: Kind::Term(term),
        }
    }

    fn list(
        parts: Vec<Expression>,
        make: fn(Vec<Expression>) -> Kind,
        open: fn(Kind) -> Result<Vec<Expression>, Kind>,
    ) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            let Expression {
                kind,
                connections,
                negated,
            } = part;
            match open(kind) {
                Ok(inner) => flat.extend(inner),
                Err(kind) => flat.push(Expression {
                    kind,
                    connections,
                    negated,
                }),
            }
        }
        if flat.len() == 1 {
            if let Some(only) = flat.pop() {
                return only;
            }
        }
        Self {
            connections: flat.iter().any(|part| part.connections),
            negated: flat.iter().any(|part| part.negated),
            kind: make(flat),
        }
    }

    /// What it is.
    pub(super) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Whether it speaks of the same connection as its neighbours: it can match one, and does not
    /// say that there is none.
    pub(super) fn joins(&self) -> bool {
        self.connections && !self.negated
    }

    /// Whether a leaf is as wanted.
    pub(super) fn has(&self, wanted: &dyn Fn(&Term) -> bool) -> bool {
        match &self.kind {
            Kind::All(parts) | Kind::Any(parts) => parts.iter().any(|part| part.has(wanted)),
            Kind::Not(inner) => inner.has(wanted),
            Kind::Term(term) => wanted(term),
        }
    }

    /// The same tree with other leaves.
    pub(super) fn map_terms(self, change: &mut dyn FnMut(Term) -> Term) -> Self {
        let mut each = |parts: Vec<Expression>| -> Vec<Expression> {
            parts
                .into_iter()
                .map(|part| part.map_terms(change))
                .collect()
        };
        match self.kind {
            Kind::All(parts) => Self::all(each(parts)),
            Kind::Any(parts) => Self::any(each(parts)),
            Kind::Not(inner) => Self::not(inner.map_terms(change)),
            Kind::Term(term) => Self::term(change(term)),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::All(parts) => joined(f, parts, " ", |part| matches!(part.kind, Kind::Any(_))),
            Kind::Any(parts) => joined(f, parts, " or ", |_| false),
            Kind::Not(inner) => match inner.kind {
                Kind::Term(_) => write!(f, "!{inner}"),
                _ => write!(f, "!({inner})"),
            },
            Kind::Term(term) => term.fmt(f),
        }
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    parts: &[Expression],
    between: &str,
    grouped: impl Fn(&Expression) -> bool,
) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        if grouped(part) {
            write!(f, "({part})")?;
        } else {
            write!(f, "{part}")?;
        }
    }
    Ok(())
}
