//! Reads an expression character by character: words, quotes, regular expressions, columns.

use super::error::Error;
use super::error::Problem;
use super::pattern::Pattern;
use super::MAX_REGEXES;

/// A position in an expression.
#[derive(Debug)]
pub(super) struct Cursor {
    chars: Vec<char>,
    at: usize,
    regexes: usize,
}

/// A value as it was written.
#[derive(Debug)]
pub(super) enum Value {
    Plain(String),
    Quoted(String),
    Regex(Pattern),
}

/// Where a plain word ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    Space,
    SpaceOrComma,
}

impl Cursor {
    pub(super) fn new(chars: Vec<char>) -> Self {
        Self {
            chars,
            at: 0,
            regexes: 0,
        }
    }

    /// The next character. `None`: the end.
    pub(super) fn peek(&self) -> Option<char> {
        self.ahead(0)
    }

    /// The character `distance` behind the next one.
    pub(super) fn ahead(&self, distance: usize) -> Option<char> {
        self.chars.get(self.at.saturating_add(distance)).copied()
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.chars.len());
    }

    pub(super) fn skip_spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// For [`since`](Self::since) and [`error_at`](Self::error_at).
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// What was read from `place` to here.
    pub(super) fn since(&self, place: usize) -> String {
        self.chars
            .get(place..self.at)
            .unwrap_or_default()
            .iter()
            .collect()
    }

    pub(super) fn error(&self, problem: Problem) -> Error {
        self.error_at(self.at, problem)
    }

    pub(super) fn error_at(&self, place: usize, problem: Problem) -> Error {
        Error {
            column: place + 1,
            problem,
        }
    }

    /// Whether nothing more belongs to the word here.
    pub(super) fn at_end_of_word(&self) -> bool {
        self.peek().is_none_or(|c| c.is_whitespace() || is_paren(c))
    }

    fn at_end_of_value(&self, until: Until) -> bool {
        let comma = until == Until::SpaceOrComma && self.peek() == Some(',');
        comma || self.at_end_of_word()
    }

    /// Whether the whole word `word` comes next, in any case.
    pub(super) fn is_word(&self, word: &str) -> bool {
        let fits = word.chars().enumerate().all(|(i, c)| {
            self.ahead(i)
                .is_some_and(|next| next.eq_ignore_ascii_case(&c))
        });
        let end = self.ahead(word.chars().count());
        fits && end.is_none_or(|c| c.is_whitespace() || is_paren(c))
    }

    /// How many ASCII letters come next.
    pub(super) fn letters(&self) -> usize {
        let rest = self.chars.get(self.at..).unwrap_or_default();
        rest.iter().take_while(|c| c.is_ascii_alphabetic()).count()
    }

    /// A value: in quotes, between slashes if `regex`, or plain; empty if nothing is there.
    ///
    /// # Errors
    /// What began does not end, is empty, or something sticks to its end.
    pub(super) fn value(&mut self, until: Until, regex: bool) -> Result<Value, Error> {
        let value = match self.peek() {
            Some('"') => Value::Quoted(self.quoted()?),
            Some('/') if regex => Value::Regex(self.regex()?),
            _ => return Ok(Value::Plain(self.plain(until))),
        };
        if self.at_end_of_value(until) {
            return Ok(value);
        }
        let after = match value {
            Value::Regex(_) => "/",
            _ => "\"",
        };
        Err(self.error(Problem::After {
            what: "a space",
            after: after.to_owned(),
        }))
    }

    /// Everything up to the end of the word.
    pub(super) fn plain(&mut self, until: Until) -> String {
        let start = self.at;
        while !self.at_end_of_value(until) {
            self.at += 1;
        }
        self.since(start)
    }

    fn quoted(&mut self) -> Result<String, Error> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match (self.peek(), self.ahead(1)) {
                (None, _) => return Err(self.error(Problem::Missing("'\"' at the end"))),
                (Some('"'), _) if text.is_empty() => {
                    return Err(self.error_at(
                        start + 1,
                        Problem::After {
                            what: "a text",
                            after: "\"".to_owned(),
                        },
                    ))
                }
                (Some('"'), _) => {
                    self.at += 1;
                    return Ok(text);
                }
                (Some('\\'), Some(escaped @ ('"' | '\\'))) => {
                    text.push(escaped);
                    self.at += 2;
                }
                (Some(c), _) => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
    }

    fn regex(&mut self) -> Result<Pattern, Error> {
        let start = self.at;
        self.at += 1;
        let mut source = String::new();
        loop {
            match (self.peek(), self.ahead(1)) {
                (None, _) => return Err(self.error(Problem::Missing("'/' at the end"))),
                (Some('/'), _) => break,
                (Some('\\'), Some('/')) => {
                    source.push('/');
                    self.at += 2;
                }
                (Some('\\'), Some(escaped)) => {
                    source.extend(['\\', escaped]);
                    self.at += 2;
                }
                (Some(c), _) => {
                    source.push(c);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        if source.is_empty() {
            return Err(self.error_at(
                start + 1,
                Problem::After {
                    what: "a regular expression",
                    after: "/".to_owned(),
                },
            ));
        }
        self.regexes += 1;
        if self.regexes > MAX_REGEXES {
            return Err(self.error_at(start, Problem::TooManyRegexes));
        }
        Pattern::regex(&source)
            .map_err(|reason| self.error_at(start + 1, Problem::Regex { reason }))
    }
}

fn is_paren(c: char) -> bool {
    c == '(' || c == ')'
}
