//! Ports as typed: one or a range.

use crate::failure::Failure;
use crate::text::sanitize;

/// `80` or `1024-65535` as the filter language has it.
///
/// # Errors
/// It is neither, or out of range.
pub fn read(text: &str, option: &str) -> Result<String, Failure> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first, text, option)?, port(last, text, option)?);
    if first > last {
        return Err(Failure::Usage(format!(
            "{option} {first}-{last} is no range: the first port is above the last"
        )));
    }
    Ok(if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    })
}

fn port(text: &str, whole: &str, option: &str) -> Result<u16, Failure> {
    match text.parse::<u32>() {
        Ok(number @ 1..=65535) => Ok(u16::try_from(number).unwrap_or(u16::MAX)),
        Ok(number) if number > 65535 && text == whole => Err(Failure::Usage(format!(
            "{number} is not a port (1-65535). To select a process use --pid {number}."
        ))),
        _ => Err(Failure::Usage(format!(
            "'{}' is not a port (1-65535) or a range of ports for {option}",
            sanitize(whole)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number_or_a_range() {
        for (text, expected) in [
            ("443", Some("443")),
            ("1-65535", Some("1-65535")),
            ("80-80", Some("80")),
            ("0", None),
            ("65536", None),
            ("90-80", None),
            ("80-", None),
            ("http", None),
            ("", None),
            ("99999999999999", None),
        ] {
            let read = read(text, "--port").ok();
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_pid_is_taken_for_what_it_is() {
        assert_eq!(
            read("70000", "--port").unwrap_err().to_string(),
            "70000 is not a port (1-65535). To select a process use --pid 70000."
        );
    }
}
