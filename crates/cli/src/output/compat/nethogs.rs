//! The lines of `nethogs -t`: program/pid/uid, sent and received in KB/s, separated by tabs.

use std::fmt::Write as _;

use crate::output::block::Block;
use crate::output::Printer;
use crate::text::sanitize;

/// Prints what `nethogs -t` prints.
#[derive(Debug)]
pub struct Nethogs;

impl Printer for Nethogs {
    fn sample(&mut self, block: &Block<'_>, out: &mut String) {
        out.push_str("\nRefreshing:\n");
        for line in &block.lines {
            let facts = &line.row.facts;
            let program = facts.exe.as_deref().unwrap_or(&facts.name);
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "{}/{}/{}\t{}\t{}",
                sanitize(program),
                facts.id.pid,
                facts.uid,
                kilobytes(line.numbers.tx_rate),
                kilobytes(line.numbers.rx_rate),
            );
        }
    }
}

// As C++ streams print a double: six significant digits, no trailing zeros.
fn kilobytes(rate: Option<u64>) -> String {
    let Some(rate) = rate else {
        return "n/a".to_owned();
    };
    let value = rate as f64 / 1024.0;
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.log10().floor() as i32;
    if exponent >= 6 {
        let mantissa = trimmed(format!("{:.5}", value / 10_f64.powi(exponent)));
        return format!("{mantissa}e+{exponent:02}");
    }
    trimmed(format!(
        "{value:.*}",
        usize::try_from(5 - exponent).unwrap_or(0)
    ))
}

fn trimmed(number: String) -> String {
    if !number.contains('.') {
        return number;
    }
    number
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_like_those_of_a_cpp_stream() {
        for (rate, expected) in [
            (Some(0), "0"),
            (Some(1), "0.000976562"),
            (Some(1024), "1"),
            (Some(1536), "1.5"),
            (Some(99_226), "96.9004"),
            (Some(9_332_326), "9113.6"),
            (Some(2_480_343_613), "2.42221e+06"),
            (None, "n/a"),
        ] {
            assert_eq!(kilobytes(rate), expected);
        }
    }
}
