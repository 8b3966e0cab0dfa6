//! Events that the agent says it lost while a test ran.

/// By cause; causes with 0 are not there.
pub type Losses = Vec<(String, u64)>;

/// What came between two readings of the agent's cumulative losses.
pub fn between(before: &[(String, u64)], after: &[(String, u64)]) -> Losses {
    let known = |cause: &str| {
        let known = before.iter().find(|(name, _)| name == cause);
        known.map_or(0, |(_, events)| *events)
    };
    after
        .iter()
        .map(|(cause, events)| (cause.clone(), events.saturating_sub(known(cause))))
        .filter(|(_, events)| *events > 0)
        .collect()
}

/// Adds `more` to `losses`.
pub fn add(losses: &mut Losses, more: &[(String, u64)]) {
    for (cause, events) in more {
        match losses.iter_mut().find(|(name, _)| name == cause) {
            Some((_, sum)) => *sum = sum.saturating_add(*events),
            None => losses.push((cause.clone(), *events)),
        }
    }
}

/// Of all causes.
pub fn sum(losses: &[(String, u64)]) -> u64 {
    let events = losses.iter().map(|(_, events)| *events);
    events.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::add;
    use super::between;
    use super::sum;

    #[test]
    fn only_what_is_new_is_counted() {
        let of = |pairs: &[(&str, u64)]| -> super::Losses {
            pairs
                .iter()
                .map(|(cause, events)| ((*cause).to_owned(), *events))
                .collect()
        };
        let before = of(&[("a", 3), ("b", 5)]);
        let after = of(&[("a", 3), ("b", 7), ("c", 1)]);
        let mut new = between(&before, &after);
        assert_eq!(new, of(&[("b", 2), ("c", 1)]));
        assert_eq!(sum(&new), 3);
        add(&mut new, &of(&[("b", 10), ("d", 4)]));
        assert_eq!(new, of(&[("b", 12), ("c", 1), ("d", 4)]));
        assert!(between(&after, &after).is_empty());
    }
}
