//! From text to the tree, by recursive descent of bounded depth.

use super::error::Error;
use super::error::Problem;
use super::expression::Expression;
use super::lexeme::Cursor;
use super::lexeme::Until;
use super::lexeme::Value;
use super::network::Network;
use super::pattern::Pattern;
use super::quantity;
use super::quantity::Operator;
use super::quantity::Size;
use super::term;
use super::term::CgroupIs;
use super::term::End;
use super::term::HostIs;
use super::term::Ports;
use super::term::Term;
use super::term::UserIs;
use super::MAX_DEPTH;
use super::MAX_LENGTH;

const LIST_KEYS: &str =
    "pid, name, user, unit, cgroup, container, host, port, lport, rport, proto, family, state, iface or is";
const COMPARED_KEYS: &str = "rx, tx, rate, total, conns, peak or age";
const OPERATORS: &str = "one of > >= < <= =";

/// Reads an expression; see the module above for the language.
///
/// # Errors
/// The first mistake.
pub(super) fn parse(text: &str) -> Result<Expression, Error> {
    let chars: Vec<char> = text.chars().take(MAX_LENGTH + 1).collect();
    let too_long = chars.len() > MAX_LENGTH;
    let mut parser = Parser {
        cursor: Cursor::new(chars),
        depth: 0,
    };
    if too_long {
        return Err(parser.cursor.error_at(MAX_LENGTH, Problem::TooLong));
    }
    parser.cursor.skip_spaces();
    if parser.cursor.peek().is_none() {
        return Ok(Expression::all(Vec::new()));
    }
    let expression = parser.alternatives(None)?;
    match parser.cursor.peek() {
        None => Ok(expression),
        Some(extra) => Err(parser.before("'('", extra)),
    }
}

struct Parser {
    cursor: Cursor,
    depth: usize,
}

impl Parser {
    // `after` is what stands before, for the message.
    fn alternatives(&mut self, after: Option<&str>) -> Result<Expression, Error> {
        let mut parts = vec![self.side_by_side(after)?];
        while self.cursor.is_word("or") {
            self.cursor.skip(2);
            parts.push(self.side_by_side(Some("or"))?);
        }
        Ok(Expression::any(parts))
    }

    fn side_by_side(&mut self, after: Option<&str>) -> Result<Expression, Error> {
        let mut parts = Vec::new();
        loop {
            self.cursor.skip_spaces();
            let next = self.cursor.peek();
            if next.is_some_and(|c| c != ')') && !self.cursor.is_word("or") {
                parts.push(self.part()?);
                continue;
            }
            if !parts.is_empty() {
                return Ok(Expression::all(parts));
            }
            return Err(match (after, next) {
                (Some(after), _) => self.after("a word", after),
                (None, Some(')')) => self.before("'('", ')'),
                (None, _) => self.cursor.error(Problem::Before {
                    what: "a word",
                    before: "or".to_owned(),
                }),
            });
        }
    }

    fn part(&mut self) -> Result<Expression, Error> {
        match self.cursor.peek() {
            Some('!') => self.deeper(|parser| {
                parser.cursor.skip_spaces();
                match parser.cursor.peek() {
                    None | Some(')') => Err(parser.after("a word", "!")),
                    _ if parser.cursor.is_word("or") => Err(parser.after("a word", "!")),
                    _ => parser.part().map(Expression::not),
                }
            }),
            Some('(') => self.deeper(|parser| {
                let inner = parser.alternatives(Some("("))?;
                if parser.cursor.peek() != Some(')') {
                    return Err(parser.cursor.error(Problem::Missing("')'")));
                }
                parser.cursor.skip(1);
                Ok(inner)
            }),
            _ => self.term().map(Expression::term),
        }
    }

    // Skips one character and reads what it opens.
    fn deeper(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Expression, Error>,
    ) -> Result<Expression, Error> {
        if self.depth == MAX_DEPTH {
            return Err(self.cursor.error(Problem::TooDeep));
        }
        self.depth += 1;
        self.cursor.skip(1);
        let inner = read(self);
        self.depth -= 1;
        inner
    }

    fn term(&mut self) -> Result<Term, Error> {
        if let Some(operator @ ('<' | '>' | '=')) = self.cursor.peek() {
            return Err(self.before(COMPARED_KEYS, operator));
        }
        let letters = self.cursor.letters();
        if letters > 0 {
            if let Some(term) = self.keyed(letters)? {
                return Ok(term);
            }
        }
        let pattern = match self.cursor.value(Until::Space, true)? {
            Value::Plain(text) | Value::Quoted(text) => Pattern::literal(&text),
            Value::Regex(pattern) => pattern,
        };
        Ok(Term::Word(pattern))
    }

    // A key of `letters` letters with its values. `None`: it is a word after all.
    fn keyed(&mut self, letters: usize) -> Result<Option<Term>, Error> {
        let start = self.cursor.place();
        let key: String = (0..letters)
            .filter_map(|i| self.cursor.ahead(i))
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let compared = is_compared(&key);
        match (self.cursor.ahead(letters), self.cursor.ahead(letters + 1)) {
            (Some(':'), _) if is_list(&key) => {
                self.cursor.skip(letters + 1);
                return self.list(&key, start).map(Some);
            }
            (Some('<' | '>' | '='), _) if compared => {
                self.cursor.skip(letters);
                return self.comparison(&key, start).map(Some);
            }
            (Some(':'), _) | (Some('!'), Some('=')) if compared => {
                self.cursor.skip(letters);
                return Err(self.after(OPERATORS, &key));
            }
            (Some('<' | '>' | '='), _) if is_list(&key) => {
                self.cursor.skip(letters);
                return Err(self.after("':'", &key));
            }
            (Some(':'), _) if self.is_address() => {}
            (Some(mark @ (':' | '<' | '>' | '=')), _) => {
                self.cursor.skip(letters + 1);
                let keys = if mark == ':' {
                    LIST_KEYS
                } else {
                    COMPARED_KEYS
                };
                let found = self.cursor.since(start);
                return Err(self.cursor.error_at(start, Problem::Key { keys, found }));
            }
            (Some(space), _) if compared && space.is_whitespace() => {
                // `rx > 5` is a comparison, `rx` alone a word.
                let spaces = (letters..)
                    .take_while(|i| self.cursor.ahead(*i).is_some_and(char::is_whitespace))
                    .count();
                let next = self.cursor.ahead(letters + spaces);
                if matches!(next, Some('<' | '>' | '=')) {
                    self.cursor.skip(letters + spaces);
                    return self.comparison(&key, start).map(Some);
                }
            }
            _ => {}
        }
        Ok(None)
    }

    // `abcd::1` is no key `abcd`.
    fn is_address(&self) -> bool {
        // The longest address with its prefix length.
        let word: String = (0..50)
            .map_while(|i| self.cursor.ahead(i))
            .take_while(|c| c.is_ascii_hexdigit() || "./:".contains(*c))
            .collect();
        let end = self.cursor.ahead(word.len());
        end.is_none_or(|c| c.is_whitespace() || c == '(' || c == ')')
            && Network::parse(&word).is_some()
    }

    fn list(&mut self, key: &str, start: usize) -> Result<Term, Error> {
        Ok(match key {
            "pid" => Term::Pid(self.values(start, "a process id", plain(number))?),
            "name" => Term::Name(self.values(start, "a name", pattern)?),
            "user" => Term::User(self.values(start, "a user", user)?),
            "unit" => Term::Unit(self.values(start, "a unit", pattern)?),
            "cgroup" => Term::Cgroup(self.values(start, "a cgroup", cgroup)?),
            "container" => Term::Container(self.values(start, "a container", pattern)?),
            "host" => {
                let what = "an address, a network or a name";
                Term::Host(self.values(start, what, host)?)
            }
            "port" => Term::Port(End::Either, self.ports(start)?),
            "lport" => Term::Port(End::Local, self.ports(start)?),
            "rport" => Term::Port(End::Remote, self.ports(start)?),
            "proto" => {
                Term::Transport(self.values(start, "tcp or udp", one_of(&term::TRANSPORTS))?)
            }
            "family" => Term::Family(self.values(start, "4 or 6", one_of(&term::FAMILIES))?),
            "state" => {
                let what = "established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, time-wait, \
                            close, close-wait, last-ack, listen or closing";
                Term::State(self.values(start, what, one_of(&term::STATES))?)
            }
            "iface" => Term::Interface(self.values(start, "an interface", pattern)?),
            _ => {
                let what = "live, exited, idle, active or loopback";
                Term::Is(self.values(start, what, one_of(&term::QUALITIES))?)
            }
        })
    }

    fn ports(&mut self, start: usize) -> Result<Vec<Ports>, Error> {
        let what = "a port (0-65535) or a range such as 8000-8099";
        self.values(start, what, plain(ports))
    }

    // Values with commas between them. `read` takes a value that is not empty.
    fn values<T>(
        &mut self,
        start: usize,
        what: &'static str,
        read: impl Fn(Value) -> Option<T>,
    ) -> Result<Vec<T>, Error> {
        let mut after = self.cursor.since(start);
        let regex = !after.eq_ignore_ascii_case("cgroup:");
        let mut values = Vec::new();
        loop {
            let place = self.cursor.place();
            let value = self.cursor.value(Until::SpaceOrComma, regex)?;
            let filled = !matches!(&value, Value::Plain(text) if text.is_empty());
            match Some(value).filter(|_| filled).and_then(&read) {
                Some(value) => values.push(value),
                None => {
                    let problem = Problem::After { what, after };
                    return Err(self.cursor.error_at(place, problem));
                }
            }
            if self.cursor.peek() != Some(',') {
                return Ok(values);
            }
            self.cursor.skip(1);
            after = ",".to_owned();
        }
    }

    fn comparison(&mut self, key: &str, start: usize) -> Result<Term, Error> {
        let place = self.cursor.place();
        let fits = |written: &str| {
            let mut marks = written.chars().enumerate();
            marks.all(|(i, mark)| self.cursor.ahead(i) == Some(mark))
        };
        let Some((written, operator)) = Operator::ALL.into_iter().find(|(text, _)| fits(text))
        else {
            return Err(self.cursor.error_at(place, Problem::Missing(OPERATORS)));
        };
        self.cursor.skip(written.len());
        let after = self.cursor.since(start);
        self.cursor.skip_spaces();
        let place = self.cursor.place();
        let text = self.cursor.plain(Until::Space);
        let measure = term::MEASURES.iter().find(|(name, _)| *name == key);
        let (what, read) = match (measure, key) {
            (Some((_, measure)), _) => (
                "a size",
                Size::parse(&text).map(|size| Term::Compare(*measure, operator, size)),
            ),
            (None, "conns") => (
                "a number",
                number(&text).map(|count| Term::Connections(operator, count)),
            ),
            (None, _) => (
                "an age such as 5m",
                quantity::parse_age(&text).map(|age| Term::Age(operator, age)),
            ),
        };
        read.ok_or_else(|| self.cursor.error_at(place, Problem::After { what, after }))
    }

    fn after(&self, what: &'static str, after: &str) -> Error {
        self.cursor.error(Problem::After {
            what,
            after: after.to_owned(),
        })
    }

    fn before(&self, what: &'static str, before: char) -> Error {
        self.cursor.error(Problem::Before {
            what,
            before: before.to_string(),
        })
    }
}

fn is_list(key: &str) -> bool {
    LIST_KEYS
        .split([',', ' '])
        .any(|known| known == key && known != "or")
}

fn is_compared(key: &str) -> bool {
    COMPARED_KEYS
        .split([',', ' '])
        .any(|known| known == key && known != "or")
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    // parse() would take a sign.
    if text.is_empty() || !term::is_number(text) {
        return None;
    }
    text.parse().ok()
}

fn plain<T>(read: impl Fn(&str) -> Option<T>) -> impl Fn(Value) -> Option<T> {
    move |value| match value {
        Value::Plain(text) => read(&text),
        Value::Quoted(_) | Value::Regex(_) => None,
    }
}

fn one_of<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(Value) -> Option<T> {
    plain(move |text: &str| {
        let known = words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(text));
        known.map(|(_, value)| *value)
    })
}

fn pattern(value: Value) -> Option<Pattern> {
    Some(match value {
        Value::Plain(text) | Value::Quoted(text) => Pattern::literal(&text),
        Value::Regex(pattern) => pattern,
    })
}

fn user(value: Value) -> Option<UserIs> {
    match value {
        Value::Plain(text) if term::is_number(&text) => number(&text).map(UserIs::Uid),
        other => pattern(other).map(UserIs::Name),
    }
}

fn cgroup(value: Value) -> Option<CgroupIs> {
    match value {
        Value::Plain(text) | Value::Quoted(text) if text.starts_with('/') => {
            Some(CgroupIs::Under(text.trim_end_matches('/').to_owned()))
        }
        other => pattern(other).map(CgroupIs::Part),
    }
}

fn host(value: Value) -> Option<HostIs> {
    match value {
        Value::Plain(text) => match Network::parse(&text) {
            Some(network) => Some(HostIs::Network(network)),
            None if term::is_host_name(&text) => Some(HostIs::Name(Pattern::literal(&text))),
            None => None,
        },
        other => pattern(other).map(HostIs::Name),
    }
}

fn ports(text: &str) -> Option<Ports> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some(Ports(first, last))
}
