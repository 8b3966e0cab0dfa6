//! Names of systemd units as cgroups carry them.

/// Kinds of units that have a cgroup, without slices.
const KINDS: [&str; 5] = [".service", ".scope", ".mount", ".swap", ".socket"];

/// What a cgroup is to systemd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Slice,
    /// `user@1000.service`: everything below belongs to that user's manager.
    Manager(u32),
    Unit,
}

/// The unit of a cgroup's name. `None`: it is not a unit's.
pub(super) fn read(component: &str) -> Option<(&str, Kind)> {
    // systemd puts it before names that would collide with files of the kernel.
    let name = component.strip_prefix('_').unwrap_or(component);
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":_.\\-@".contains(c);
    if !name.chars().all(allowed) {
        return None;
    }
    if name
        .strip_suffix(".slice")
        .is_some_and(|stem| !stem.is_empty())
    {
        return Some((name, Kind::Slice));
    }
    let stem = KINDS.iter().find_map(|kind| name.strip_suffix(kind))?;
    if stem.is_empty() || stem.starts_with('@') {
        return None;
    }
    let manager = stem
        .strip_prefix("user@")
        .filter(|_| name.ends_with(".service"))
        .and_then(number);
    Some((name, manager.map_or(Kind::Unit, Kind::Manager)))
}

/// The user of `user-1000.slice`.
pub(super) fn user_of_slice(component: &str) -> Option<u32> {
    number(component.strip_prefix("user-")?.strip_suffix(".slice")?)
}

/// `getty@.service` of `getty@tty1.service`.
pub(super) fn template(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (instance, kind) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{kind}"))
}

/// The instance of a template: `web` of `systemd-nspawn@web.service`.
pub(super) fn instance<'a>(component: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = component.strip_prefix(prefix)?.strip_prefix('@')?;
    let instance = rest.strip_suffix(".service")?;
    (!instance.is_empty()).then_some(instance)
}

/// Text with its `\xNN` turned into what they stand for. What is no escape, or would not be UTF-8, stays.
pub(super) fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\x") {
        let (before, escape) = rest.split_at(at);
        bytes.extend_from_slice(before.as_bytes());
        let digits = escape
            .get(2..4)
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = escape.get(4..).unwrap_or_default();
            }
            None => {
                bytes.extend_from_slice(b"\\x");
                rest = escape.get(2..).unwrap_or_default();
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn number(text: &str) -> Option<u32> {
    // parse() would take a sign.
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_units_are_told_from_other_names() {
        for (component, expected) in [
            ("nginx.service", Some(("nginx.service", Kind::Unit))),
            (
                "user@1000.service",
                Some(("user@1000.service", Kind::Manager(1000))),
            ),
            ("user@x.service", Some(("user@x.service", Kind::Unit))),
            ("user@+5.service", None),
            ("system.slice", Some(("system.slice", Kind::Slice))),
            ("_cpu.service", Some(("cpu.service", Kind::Unit))),
            ("-.mount", Some(("-.mount", Kind::Unit))),
            (".service", None),
            (".slice", None),
            ("@a.service", None),
            ("a b.service", None),
            ("nginx", None),
            ("", None),
        ] {
            assert_eq!(read(component), expected, "{component}");
        }
    }

    #[test]
    fn templates_and_escapes() {
        assert_eq!(
            template("getty@tty1.service"),
            Some("getty@.service".into())
        );
        assert_eq!(template("a@b.c.service"), Some("a@.service".into()));
        assert_eq!(template("getty@.service"), None);
        assert_eq!(template("nginx.service"), None);
        for (text, expected) in [
            (r"a\x2db", "a-b"),
            (r"\xe7\xbd\x91", "网"),
            (r"a\xffb", r"a\xffb"),
            (r"\x2", r"\x2"),
            (r"\xzz\x2d", r"\xzz-"),
            (r"\x2网", r"\x2网"),
        ] {
            assert_eq!(unescape(text), expected, "{text}");
        }
    }
}
