//! The output of net-proc-watch: a header once, a blank line per tick, rates with words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::or_na;
use super::Form;
use crate::output::block::Block;
use crate::output::json;
use crate::output::Header;
use crate::output::Printer;
use crate::session::agent::Agent;
use crate::text::sanitize;

/// Prints what net-proc-watch prints.
#[derive(Debug)]
pub struct NetProcWatch {
    /// Text or JSON.
    pub form: Form,
    /// Whether the columns are named.
    pub header: Header,
}

#[derive(Serialize)]
struct Process {
    cmd: String,
    tx_sec: Option<u64>,
    rx_sec: Option<u64>,
    conns: Option<u32>,
}

impl Printer for NetProcWatch {
    fn begin(&mut self, _agent: &Agent, out: &mut String) {
        if self.form == Form::Text && self.header == Header::Shown {
            out.push_str("PID, COMMAND, CONNS, TX_SEC, RX_SEC\n");
        }
    }

    fn sample(&mut self, block: &Block<'_>, out: &mut String) {
        let conns = |line: &crate::output::line::Line<'_>| {
            line.row
                .connections(line.scope)
                .filter(|_| line.known.connections)
        };
        if self.form == Form::Json {
            let processes: BTreeMap<_, _> = block
                .lines
                .iter()
                .map(|line| {
                    let process = Process {
                        cmd: sanitize(&line.row.facts.name).into_owned(),
                        tx_sec: line.numbers.tx_rate,
                        rx_sec: line.numbers.rx_rate,
                        conns: conns(line),
                    };
                    (line.row.facts.id.pid.to_string(), process)
                })
                .collect();
            json::line(&processes, out);
            return;
        }
        out.push('\n');
        for line in &block.lines {
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "{}, {}, {}, {}, {}",
                line.row.facts.id.pid,
                sanitize(&line.row.facts.name),
                or_na(conns(line)),
                words(line.numbers.tx_rate),
                words(line.numbers.rx_rate),
            );
        }
    }
}

fn words(rate: Option<u64>) -> String {
    let Some(rate) = rate else {
        return "n/a".to_owned();
    };
    if rate < 1024 {
        return format!("{rate} bytes/sec");
    }
    let mut value = rate as f64 / 1024.0;
    let mut unit = "K";
    for next in ["MB", "GB", "TB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{} {unit}/sec", cut(value))
}

// Cut, not rounded, after two digits that follow the zeros behind the point.
fn cut(value: f64) -> String {
    let text = value.to_string();
    let Some((whole, digits)) = text.split_once('.') else {
        return text;
    };
    let zeros = digits.len() - digits.trim_start_matches('0').len();
    match digits.get(..zeros + 2) {
        Some(kept) => format!("{whole}.{kept}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_cut_as_net_proc_watch_cuts_them() {
        for (rate, expected) in [
            (Some(0), "0 bytes/sec"),
            (Some(1023), "1023 bytes/sec"),
            (Some(1024), "1 K/sec"),
            (Some(1536), "1.5 K/sec"),
            (Some(99_190), "96.86 K/sec"),
            (Some(1025), "1.00097 K/sec"),
            (Some(9_332_326), "8.89 MB/sec"),
            (None, "n/a"),
        ] {
            assert_eq!(words(rate), expected);
        }
    }
}
