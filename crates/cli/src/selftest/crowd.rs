//! Cases with hundreds of processes: counts in place of a line for each.

use std::collections::BTreeMap;

use super::compare::Comparison;
use super::compare::Verdict;
use super::losses::Losses;
use super::truth::Bytes;
use super::truth::Cell;

/// What came out of a case under load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crowd {
    /// All processes, those with the same part and kind of traffic together.
    pub groups: Vec<Group>,
    /// Every line that is not exact. Those counted too high come first: no lost event explains
    /// them.
    pub wrong: Vec<Comparison>,
    /// What the agent says it lost meanwhile; `None`: no agent was asked.
    pub losses: Option<Losses>,
}

/// Processes with the same part and kind of traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Their part in the case.
    pub process: String,
    /// The kind; `None`: they had no traffic.
    pub cell: Option<Cell>,
    /// How many they are.
    pub processes: usize,
    /// Of those, exact ones.
    pub exact: usize,
    /// Of those, ones that the agent does not know.
    pub missing: usize,
    /// What the system calls of all returned.
    pub truth: Bytes,
    /// What the agent has for all; `None`: it knows none, or was not asked.
    pub counted: Option<Bytes>,
}

impl Crowd {
    /// Counts the lines.
    pub fn of(lines: Vec<Comparison>, losses: Option<Losses>) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let mut places = BTreeMap::new();
        for line in &lines {
            let key = (line.process.clone(), line.cell);
            let place = *places.entry(key).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.add(line),
                None => groups.push(Group::of(line)),
            }
        }
        let is_wrong = |line: &Comparison| line.verdict != Verdict::Exact;
        let mut wrong: Vec<Comparison> = lines.into_iter().filter(is_wrong).collect();
        // Stable: otherwise in the order of the processes.
        wrong.sort_by_key(|line| match line.verdict {
            Verdict::Off { rx, tx } => rx <= 0 && tx <= 0,
            Verdict::Exact | Verdict::Missing | Verdict::Name(_) => true,
        });
        Self {
            groups,
            wrong,
            losses,
        }
    }

    /// Whether everything agreed to the byte.
    pub fn is_exact(&self) -> bool {
        self.wrong.is_empty()
    }
}

impl Group {
    fn of(line: &Comparison) -> Self {
        let mut group = Self {
            process: line.process.clone(),
            cell: line.cell,
            processes: 0,
            exact: 0,
            missing: 0,
            truth: Bytes::default(),
            counted: None,
        };
        group.add(line);
        group
    }

    fn add(&mut self, line: &Comparison) {
        self.processes += 1;
        self.exact += usize::from(line.verdict == Verdict::Exact);
        self.missing += usize::from(line.verdict == Verdict::Missing);
        self.truth = plus(self.truth, line.truth);
        if let Some(counted) = line.counted {
            self.counted = Some(plus(self.counted.unwrap_or_default(), counted));
        }
    }

    /// Known to the agent, but with other bytes or another name.
    pub fn off(&self) -> usize {
        self.processes - self.exact - self.missing
    }

    /// Their part, and how many they are unless it is one.
    pub fn label(&self) -> String {
        match self.processes {
            1 => self.process.clone(),
            many => format!("{} (x{many})", self.process),
        }
    }

    /// `2000 of 2000 exact`, and what the others are.
    pub fn result(&self) -> String {
        if (self.processes, self.exact) == (1, 1) {
            return "ok".to_owned();
        }
        let mut text = format!("{} of {} exact", self.exact, self.processes);
        for (count, word) in [(self.missing, "missing"), (self.off(), "off")] {
            if count > 0 {
                text.push_str(&format!(", {count} {word}"));
            }
        }
        text
    }
}

fn plus(sum: Bytes, more: Bytes) -> Bytes {
    Bytes {
        rx: sum.rx + more.rx,
        tx: sum.tx + more.tx,
    }
}

#[cfg(test)]
mod tests {
    use super::Crowd;
    use crate::selftest::compare::Comparison;
    use crate::selftest::compare::Verdict;
    use crate::selftest::truth::Bytes;
    use crate::selftest::truth::Cell;
    use crate::selftest::truth::Transport;

    fn line(pid: u32, process: &str, counted: Option<u64>) -> Comparison {
        let bytes = |tx| Bytes { rx: 0, tx };
        Comparison {
            process: process.to_owned(),
            pid,
            cell: Some(Cell::of(Transport::Tcp, "127.0.0.1".parse().unwrap())),
            truth: bytes(100),
            counted: counted.map(bytes),
            verdict: match counted {
                Some(100) => Verdict::Exact,
                Some(tx) => Verdict::Off {
                    rx: 0,
                    tx: i128::from(tx) - 100,
                },
                None => Verdict::Missing,
            },
        }
    }

    #[test]
    fn each_process_is_in_one_count_and_the_sums() {
        let lines = vec![
            line(1, "life", Some(100)),
            line(2, "life", None),
            line(3, "life", Some(90)),
            line(4, "life", Some(130)),
            line(5, "server", Some(100)),
        ];
        let crowd = Crowd::of(lines, None);
        let results: Vec<String> = crowd.groups.iter().map(|group| group.result()).collect();
        assert_eq!(results, ["1 of 4 exact, 1 missing, 2 off", "ok"]);
        assert_eq!(crowd.groups[0].truth.tx, 400);
        assert_eq!(crowd.groups[0].counted, Some(Bytes { rx: 0, tx: 320 }));
        let wrong: Vec<u32> = crowd.wrong.iter().map(|line| line.pid).collect();
        // The one counted too high first.
        assert_eq!(wrong, [4, 2, 3]);
        assert!(!crowd.is_exact());
        assert!(Crowd::of(vec![line(1, "life", Some(100))], None).is_exact());
    }
}
