//! Which API this is, and which other ones it fits.

/// `MAJOR.MINOR` of the API in this build. The minor grows with every added field or call.
pub const API_VERSION: &str = "1.0";

/// Whether a client of this build can talk to an agent that reports `other`: same major.
pub fn fits(other: &str) -> bool {
    major(other) == major(API_VERSION)
}

fn major(version: &str) -> Option<&str> {
    version.split('.').next()
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn only_the_major_version_must_agree() {
        for (other, expected) in [("1.0", true), ("1.9", true), ("2.0", false), ("", false)] {
            assert_eq!(fits(other), expected, "{other}");
        }
    }
}
