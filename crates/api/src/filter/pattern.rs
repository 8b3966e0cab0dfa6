//! Text to look for: literal or by regular expression, with or without case.

use std::fmt;

use regex::Regex;
use regex::RegexBuilder;

/// Bounds of one compiled regular expression, in bytes. Matching takes time proportional to this
/// and to the text, so it is also what keeps a hostile expression cheap.
const REGEX_SIZE: usize = 128 * 1024;
/// Its cache while matching, in bytes.
const REGEX_CACHE: usize = 128 * 1024;
/// Its own nesting.
const REGEX_DEPTH: u32 = 32;

/// Text to look for.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    Literal(Literal),
    Regex(Regex),
}

/// Literal text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Literal {
    text: String,
    /// In lower case, when case does not matter.
    folded: Option<String>,
}

impl Literal {
    /// `text` is not empty.
    pub(super) fn new(text: &str) -> Self {
        let capitals = text.chars().any(char::is_uppercase);
        Self {
            text: text.to_owned(),
            folded: (!capitals).then(|| text.to_lowercase()),
        }
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is a part of `whole`.
    pub(super) fn is_in(&self, whole: &str) -> bool {
        match &self.folded {
            None => whole.contains(&self.text),
            Some(part) if whole.is_ascii() => {
                // Most text is; nothing has to be copied then.
                let (whole, part) = (whole.as_bytes(), part.as_bytes());
                whole
                    .windows(part.len().max(1))
                    .any(|window| window.eq_ignore_ascii_case(part))
            }
            Some(part) => whole.to_lowercase().contains(part),
        }
    }

    /// Whether it is all of `whole`.
    pub(super) fn is(&self, whole: &str) -> bool {
        match &self.folded {
            None => whole == self.text,
            Some(part) => whole.to_lowercase() == *part,
        }
    }

    /// Whether `whole` begins with it.
    pub(super) fn begins(&self, whole: &str) -> bool {
        match &self.folded {
            None => whole.starts_with(&self.text),
            Some(part) => whole.to_lowercase().starts_with(part),
        }
    }
}

impl Pattern {
    pub(super) fn literal(text: &str) -> Self {
        Self::Literal(Literal::new(text))
    }

    /// Compiles a regular expression.
    ///
    /// # Errors
    /// The compiler's reason in one line.
    pub(super) fn regex(source: &str) -> Result<Self, String> {
        RegexBuilder::new(source)
            .case_insensitive(!has_capitals(source))
            .size_limit(REGEX_SIZE)
            .dfa_size_limit(REGEX_CACHE)
            .nest_limit(REGEX_DEPTH)
            .build()
            .map(Self::Regex)
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                // The compiler draws a picture; its last line is the reason.
                other => {
                    let text = other.to_string();
                    let reason = text.lines().last().unwrap_or_default();
                    reason.trim_start_matches("error: ").to_owned()
                }
            })
    }

    /// Whether it is a part of `whole`.
    pub(super) fn is_in(&self, whole: &str) -> bool {
        match self {
            Self::Literal(literal) => literal.is_in(whole),
            Self::Regex(regex) => regex.is_match(whole),
        }
    }

    /// Whether it is all of `whole`. A regular expression says itself where it is tied.
    pub(super) fn is(&self, whole: &str) -> bool {
        match self {
            Self::Literal(literal) => literal.is(whole),
            Self::Regex(regex) => regex.is_match(whole),
        }
    }

    /// Whether the identifier `whole` begins with it.
    pub(super) fn begins(&self, whole: &str) -> bool {
        match self {
            Self::Literal(literal) => literal.begins(whole),
            Self::Regex(regex) => regex.is_match(whole),
        }
    }

    /// Whether it can be a part of an address at all.
    pub(super) fn may_be_in_an_address(&self) -> bool {
        match self {
            Self::Literal(literal) => literal
                .text
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b'.' || byte == b':'),
            Self::Regex(_) => true,
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => a == b,
            (Self::Regex(a), Self::Regex(b)) => a.as_str() == b.as_str(),
            _ => false,
        }
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => write_text(f, &literal.text),
            Self::Regex(regex) => write_regex(f, regex.as_str()),
        }
    }
}

/// Whether `text` reads back as itself without quotes, wherever a value or a word can stand.
pub(super) fn is_plain(text: &str) -> bool {
    !text.starts_with('/')
        && !text.is_empty()
        && !text.eq_ignore_ascii_case("or")
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || "._-@+%\\/".contains(c))
}

/// `text`, in quotes if it needs them.
pub(super) fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if is_plain(text) {
        f.write_str(text)
    } else {
        write_quoted(f, text)
    }
}

/// `text` in quotes.
pub(super) fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        if c == '"' || c == '\\' {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("\"")
}

fn write_regex(f: &mut fmt::Formatter<'_>, source: &str) -> fmt::Result {
    f.write_str("/")?;
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        match c {
            '/' => f.write_str("\\/")?,
            '\\' => {
                write!(f, "\\")?;
                if let Some(escaped) = chars.next() {
                    write!(f, "{escaped}")?;
                }
            }
            _ => write!(f, "{c}")?,
        }
    }
    f.write_str("/")
}

// Capitals that stand for themselves: not those of `\W`, `\p{Lu}`, `\x{AB}` or `(?P<Name>`.
fn has_capitals(source: &str) -> bool {
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let escaped = chars.next();
                if escaped.is_some_and(|c| "pPxuU".contains(c)) && chars.peek() == Some(&'{') {
                    chars.by_ref().find(|c| *c == '}');
                }
            }
            '(' if chars.peek() == Some(&'?') => {
                chars.by_ref().find(|c| ":>)".contains(*c));
            }
            _ if c.is_uppercase() => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_matters_only_with_capitals() {
        for (part, whole, expected) in [
            ("nginx", "NGINX: worker", true),
            ("Nginx", "nginx", false),
            ("Nginx", "the Nginx", true),
            ("größe", "GRÖSSE", false),
            ("größe", "DIE GRÖßE", true),
            ("网络", "a网络b", true),
            ("ü", "u", false),
            ("longer than", "short", false),
        ] {
            assert_eq!(Literal::new(part).is_in(whole), expected, "{part} {whole}");
        }
        for (source, whole, expected) in [
            (r"^\S+x$", "NGINX", true),
            (r"^N\w+", "nginx", false),
            (r"\p{Lu}\x{6E}", "NGINX", true),
            (r"(?P<Name>ng)", "NG", true),
            ("[A-Z]", "nginx", false),
        ] {
            let regex = Pattern::regex(source).unwrap();
            assert_eq!(regex.is_in(whole), expected, "{source} {whole}");
        }
    }

    #[test]
    fn a_large_or_broken_regex_is_refused() {
        for (source, reason) in [
            ("(a", "unclosed group"),
            (r"\w{400}", "it is too large"),
            ("((a{100}){100}){100}", "it is too large"),
        ] {
            assert_eq!(Pattern::regex(source).unwrap_err(), reason, "{source}");
        }
        assert!(Pattern::regex(&"(".repeat(100)).is_err());
    }
}
