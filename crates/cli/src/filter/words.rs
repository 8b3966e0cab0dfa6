//! Options and `--filter` together as one expression of the filter language.

use netmon_api::filter::Filter;
use nix::unistd::User;

use super::hosts;
use super::interfaces;
use super::ports;
use super::Need;
use crate::args::selection::SelectionArgs;
use crate::failure::Failure;
use crate::text::sanitize;
use crate::text::width;

/// What is asked for in the filter language.
#[derive(Debug)]
pub struct Words {
    /// All of it; `None`: nothing.
    pub all: Option<Filter>,
    /// What the options say about connections; `None`: nothing.
    pub connections: Option<Filter>,
    /// What the agent has to be able to do for it.
    pub needs: Vec<Need>,
}

impl Words {
    /// Reads the options.
    ///
    /// # Errors
    /// An expression that cannot be read, or a name that is not known here.
    pub fn read(args: &SelectionArgs) -> Result<Self, Failure> {
        let typed = args.filter.as_deref().map(expression).transpose()?;
        let typed = typed.filter(|filter| !filter.is_everything());
        let mut needs = Vec::new();
        let of_connections = connections(args, &mut needs)?;
        let mut parts: Vec<String> = Vec::new();
        parts.extend(typed.as_ref().map(|filter| format!("({filter})")));
        parts.extend(list("unit", &quoted(&args.units)));
        parts.extend(list("cgroup", &quoted(&args.cgroups)));
        parts.extend(list("container", &quoted(&args.containers)));
        parts.extend(of_connections.iter().cloned());
        if typed.as_ref().is_some_and(Filter::uses_connections) {
            needs.push(Need::connections("--filter with words about connections"));
        }
        Ok(Self {
            all: together(&parts)?,
            connections: together(&of_connections)?,
            needs,
        })
    }
}

/// `text` as a filter with ids in place of user names.
///
/// # Errors
/// It cannot be read, or names a user that does not exist here.
pub fn expression(text: &str) -> Result<Filter, Failure> {
    let filter = Filter::parse(text).map_err(|error| {
        let [line, caret] = error.marked(text, sanitize, width);
        let what = error.to_string();
        Failure::Usage(format!(
            "filter: {}\n      {line}\n      {caret}",
            sanitize(&what)
        ))
    })?;
    let mut unknown = None;
    let filter = filter.with_users(&mut |name| match User::from_name(name) {
        Ok(Some(user)) => Some(user.uid.as_raw()),
        _ => {
            unknown.get_or_insert_with(|| name.to_owned());
            None
        }
    });
    match unknown {
        Some(name) => Err(Failure::Usage(format!(
            "no user '{}' on this machine",
            sanitize(&name)
        ))),
        None if filter.uses_user_names() => Err(Failure::Usage(
            "filter: user: takes names and ids, no regular expression".to_owned(),
        )),
        None => Ok(filter),
    }
}

/// `first` and `text`, which is well formed.
///
/// # Errors
/// They are too much together.
pub fn both(first: Option<&Filter>, text: &str) -> Result<Filter, Failure> {
    let mut parts: Vec<_> = first.iter().map(|first| format!("({first})")).collect();
    parts.push(text.to_owned());
    Ok(together(&parts)?.unwrap_or_else(Filter::everything))
}

fn connections(args: &SelectionArgs, needs: &mut Vec<Need>) -> Result<Vec<String>, Failure> {
    let mut parts = Vec::new();
    for name in &args.interfaces {
        interfaces::check(name)?;
    }
    if !args.interfaces.is_empty() {
        needs.push(Need::connections("--interface"));
        needs.push(Need::interface("--interface"));
    }
    parts.extend(list("iface", &quoted(&args.interfaces)));
    let mut hosts = Vec::new();
    for host in &args.hosts {
        hosts.extend(hosts::read(host)?);
    }
    if !hosts.is_empty() {
        needs.push(Need::connections("--host"));
    }
    parts.extend(list("host", &hosts));
    for (option, key, ports) in [
        ("--port", "port", &args.ports),
        ("--lport", "lport", &args.local_ports),
        ("--rport", "rport", &args.remote_ports),
    ] {
        let read = |text: &String| ports::read(text, option);
        let ports = ports.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if !ports.is_empty() {
            needs.push(Need::connections(option));
        }
        parts.extend(list(key, &ports));
    }
    Ok(parts)
}

// `None`: no parts.
fn together(parts: &[String]) -> Result<Option<Filter>, Failure> {
    if parts.is_empty() {
        return Ok(None);
    }
    // Every part is well formed, so what is left to fail is the length and the number of patterns.
    let failed = |what: String| Failure::Usage(format!("the selection is too much: {what}"));
    let filter =
        Filter::parse(&parts.join(" ")).map_err(|error| failed(error.problem.to_string()))?;
    // What is sent is the normal form, which may be longer.
    Filter::parse(&filter.to_string()).map_err(|error| failed(error.problem.to_string()))?;
    Ok(Some(filter))
}

fn list(key: &str, values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| format!("{key}:{}", values.join(",")))
}

// Any text as a value, whatever is in it. An empty one matches nothing in the language.
fn quoted(values: &[String]) -> Vec<String> {
    let escaped = |text: &String| text.replace('\\', r"\\").replace('"', "\\\"");
    values
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| format!("\"{}\"", escaped(text)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(change: impl Fn(&mut SelectionArgs)) -> Words {
        let mut args = SelectionArgs::default();
        change(&mut args);
        Words::read(&args).unwrap()
    }

    fn text(filter: Option<Filter>) -> String {
        filter.map(|filter| filter.to_string()).unwrap_or_default()
    }

    #[test]
    fn options_and_the_expression_must_all_match() {
        let one = |text: &str| vec![text.to_owned()];
        let words = read(|args| {
            args.filter = Some("rx>1M or user:root".to_owned());
            args.units = vec!["nginx.service".to_owned(), "a \"b\" \\".to_owned()];
            args.cgroups = one("/system.slice");
            args.containers = one("web(1)");
            args.interfaces = one("lo");
            args.hosts = one("10.0.0.0/8");
            args.ports = one("80-90");
            args.local_ports = one("1");
            args.remote_ports = one("2");
        });
        assert_eq!(
            text(words.all),
            "(rx>1MiB or user:0) unit:nginx.service,\"a \\\"b\\\" \\\\\" cgroup:/system.slice \
             container:\"web(1)\" iface:lo host:10.0.0.0/8 port:80-90 lport:1 rport:2"
        );
        assert_eq!(
            text(words.connections),
            "iface:lo host:10.0.0.0/8 port:80-90 lport:1 rport:2"
        );
        let needs: Vec<_> = words.needs.iter().map(|need| need.capability).collect();
        assert!(needs.contains(&"interface") && needs.contains(&"connection_details"));
    }

    #[test]
    fn nothing_asked_is_nothing_sent() {
        let words = read(|args| args.filter = Some("  ".to_owned()));
        assert!(words.all.is_none() && words.connections.is_none() && words.needs.is_empty());
    }

    #[test]
    fn words_about_processes_need_no_connections() {
        assert!(read(|args| args.filter = Some("nginx rx>1".to_owned()))
            .needs
            .is_empty());
        assert!(!read(|args| args.filter = Some("port:1".to_owned()))
            .needs
            .is_empty());
    }

    #[test]
    fn a_mistake_is_marked() {
        assert_eq!(
            expression("rx>>5").unwrap_err().to_string(),
            "filter: expected a size after 'rx>' at column 4\n      rx>>5\n         ^"
        );
        assert_eq!(
            expression("user:nosuchuser").unwrap_err().to_string(),
            "no user 'nosuchuser' on this machine"
        );
        assert!(expression("user:/^r/").is_err());
    }

    #[test]
    fn more_than_the_language_takes_is_said() {
        let args = SelectionArgs {
            units: vec!["x".repeat(600), "y".repeat(600)],
            ..SelectionArgs::default()
        };
        let text = Words::read(&args).unwrap_err().to_string();
        assert_eq!(
            text,
            "the selection is too much: expected at most 1024 characters"
        );
    }
}
