//! What is wrong with an expression, and where.

use std::borrow::Cow;

use super::MAX_DEPTH;
use super::MAX_LENGTH;
use super::MAX_REGEXES;

/// The first mistake in an expression. Its text may quote what was typed: make it safe to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at column {column}")]
pub struct Error {
    /// In characters, from 1; one past the end when something is missing there.
    pub column: usize,
    /// What was expected.
    pub problem: Problem,
}

/// What was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Something has to follow.
    #[error("expected {what} after '{after}'")]
    After {
        /// With its article: "a size".
        what: &'static str,
        /// What stands before.
        after: String,
    },
    /// Something has to come first.
    #[error("expected {what} before '{before}'")]
    Before {
        /// With its article.
        what: &'static str,
        /// What stands behind.
        before: String,
    },
    /// Something is missing at the end.
    #[error("expected {0}")]
    Missing(&'static str),
    /// It looks like a key and is none.
    #[error("expected {keys}, or quotes around a word, not '{found}'")]
    Key {
        /// The keys that can stand there.
        keys: &'static str,
        /// What was found.
        found: String,
    },
    /// A regular expression does not compile.
    #[error("expected a regular expression after '/': {reason}")]
    Regex {
        /// In the words of the compiler.
        reason: String,
    },
    /// Over [`MAX_LENGTH`].
    #[error("expected at most {MAX_LENGTH} characters")]
    TooLong,
    /// Over [`MAX_DEPTH`].
    #[error("expected at most {MAX_DEPTH} levels of ( ) and !")]
    TooDeep,
    /// Over [`MAX_REGEXES`].
    #[error("expected at most {MAX_REGEXES} regular expressions")]
    TooManyRegexes,
}

impl Error {
    /// The expression, and below it a line with a caret under the mistake. `safe` makes text fit
    /// to print, `width` tells its cells: a character may take none, one or two.
    pub fn marked(
        &self,
        expression: &str,
        safe: impl Fn(&str) -> Cow<'_, str>,
        width: impl Fn(&str) -> usize,
    ) -> [String; 2] {
        let split = expression
            .char_indices()
            .nth(self.column.saturating_sub(1))
            .map_or(expression.len(), |(at, _)| at);
        let (before, after) = expression.split_at(split);
        let before = safe(before);
        let caret = format!("{}^", " ".repeat(width(&before)));
        [format!("{before}{}", safe(after)), caret]
    }
}
