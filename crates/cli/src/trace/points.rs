//! In words: where packets can be seen here, and why not elsewhere.

use crate::row::packet::Point;
use crate::text::sanitize;

/// Points that are missed for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing<'a> {
    /// Their names, in the order of a packet.
    pub names: Vec<&'a str>,
    /// How they would be hooked.
    pub kind: &'a str,
    /// Why they are not.
    pub reason: &'a str,
}

/// `9 of 14 points`. Those that others stand in for are not counted.
pub fn share(points: &[Point]) -> String {
    let there = points
        .iter()
        .filter(|point| point.refused.is_none())
        .count();
    let missing = points
        .iter()
        .filter(|point| point.missing().is_some())
        .count();
    format!("{there} of {} points", there + missing)
}

/// `9 of 14 points: a, b, c`. Safe to print.
pub fn allowed(points: &[Point]) -> String {
    let names: Vec<_> = points
        .iter()
        .filter(|point| point.refused.is_none())
        .map(|point| point.name.as_str())
        .collect();
    let list = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    let text = format!("{}: {list}", share(points));
    sanitize(&text).into_owned()
}

/// Those that are missed, with the same reason together.
pub fn missing(points: &[Point]) -> Vec<Missing<'_>> {
    let mut groups: Vec<Missing<'_>> = Vec::new();
    for point in points {
        let Some(reason) = point.missing() else {
            continue;
        };
        let group = groups
            .iter_mut()
            .find(|group| group.reason == reason && group.kind == point.kind);
        match group {
            Some(group) => group.names.push(&point.name),
            None => groups.push(Missing {
                names: vec![&point.name],
                kind: &point.kind,
                reason,
            }),
        }
    }
    groups
}

impl Missing<'_> {
    /// `a, b (kprobe): why`. Safe to print.
    pub fn text(&self) -> String {
        let text = format!("{} ({}): {}", self.names.join(", "), self.kind, self.reason);
        sanitize(&text).into_owned()
    }
}
