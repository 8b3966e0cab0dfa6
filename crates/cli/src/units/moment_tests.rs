use proptest::prelude::*;

use super::*;

// 17:56:05 in Berlin, an hour before UTC's 17.
fn berlin() -> Here {
    Here {
        now: "2026-11-20T16:56:05Z".parse().unwrap(),
        // The rule itself, so that no data base of time zones is needed.
        zone: TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap(),
        boot: Some("2026-11-01T06:00:00Z".parse().unwrap()),
    }
}

fn placed(text: &str, here: &Here) -> Result<(String, bool), MomentError> {
    let placed = text.parse::<Moment>()?.place(here)?;
    let text = match placed.point {
        Point::At(time) => time.to_string(),
        Point::Now => "now".to_owned(),
        Point::Start => "start".to_owned(),
    };
    Ok((text, placed.yesterday))
}

#[test]
fn every_form_of_a_moment_is_understood() {
    for (text, expected, yesterday) in [
        ("10m", "2026-11-20T16:46:05Z", false),
        ("-10m", "2026-11-20T16:46:05Z", false),
        ("10m ago", "2026-11-20T16:46:05Z", false),
        ("1h30m", "2026-11-20T15:26:05Z", false),
        ("500ms", "2026-11-20T16:56:04.5Z", false),
        ("0s", "2026-11-20T16:56:05Z", false),
        ("17:41", "2026-11-20T16:41:00Z", false),
        ("17:41:30", "2026-11-20T16:41:30Z", false),
        ("17:41:30.25", "2026-11-20T16:41:30.25Z", false),
        ("17:56:05", "2026-11-20T16:56:05Z", false),
        ("17:56:06", "2026-11-19T16:56:06Z", true),
        ("23:00", "2026-11-19T22:00:00Z", true),
        ("today", "2026-11-19T23:00:00Z", false),
        ("today 06:00", "2026-11-20T05:00:00Z", false),
        ("yesterday", "2026-11-18T23:00:00Z", false),
        ("yesterday 17:41", "2026-11-19T16:41:00Z", false),
        ("2026-11-20", "2026-11-19T23:00:00Z", false),
        ("2026-11-20 17:41", "2026-11-20T16:41:00Z", false),
        ("2026-11-20T17:41:30", "2026-11-20T16:41:30Z", false),
        ("2026-11-20T17:41:00Z", "2026-11-20T17:41:00Z", false),
        (
            "2026-11-20T17:41:00.5+02:00",
            "2026-11-20T15:41:00.5Z",
            false,
        ),
        ("2026-11-20 17:41:00-05:00", "2026-11-20T22:41:00Z", false),
        ("@1763661113", "2025-11-20T17:51:53Z", false),
        ("@1763661113.042", "2025-11-20T17:51:53.042Z", false),
        ("@-1.5", "1969-12-31T23:59:58.5Z", false),
        ("now", "now", false),
        ("boot", "2026-11-01T06:00:00Z", false),
        ("start", "start", false),
    ] {
        let expected = Ok((expected.to_owned(), yesterday));
        assert_eq!(placed(text, &berlin()), expected, "{text}");
    }
}

#[test]
fn what_is_no_moment_is_refused() {
    for (text, expected) in [
        ("", MomentError::Syntax),
        ("10", MomentError::Syntax),
        ("10 m", MomentError::Syntax),
        ("tomorrow", MomentError::Syntax),
        ("24:00", MomentError::Syntax),
        ("17:60", MomentError::Syntax),
        ("17:41 yesterday", MomentError::Syntax),
        ("yesterday 25:00", MomentError::Syntax),
        ("2026-02-30", MomentError::Syntax),
        ("2026-11-20 17", MomentError::Syntax),
        ("@", MomentError::Syntax),
        ("@1e9", MomentError::Syntax),
        ("@--1", MomentError::Syntax),
        ("@99999999999999999999", MomentError::TooFar),
        ("@9999999999999", MomentError::TooFar),
        ("99999999999d", MomentError::TooFar),
    ] {
        assert_eq!(placed(text, &berlin()), Err(expected), "{text}");
    }
    let nowhere = Here {
        boot: None,
        ..berlin()
    };
    assert_eq!(placed("boot", &nowhere), Err(MomentError::NoBoot));
}

#[test]
fn skipped_and_doubled_hours_have_one_meaning() {
    for (text, expected) in [
        // 02:30 does not exist on that day: 03:30 CEST.
        ("2026-03-29 02:30", "2026-03-29T01:30:00Z"),
        // 02:30 comes twice: the first, CEST.
        ("2026-10-25 02:30", "2026-10-25T00:30:00Z"),
    ] {
        let expected = Ok((expected.to_owned(), false));
        assert_eq!(placed(text, &berlin()), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn reading_and_placing_never_panics(text in any::<String>(), now in any::<i32>()) {
        let here = Here {
            now: Timestamp::from_second(now.into()).unwrap(),
            ..berlin()
        };
        let _ = placed(&text, &here);
    }

    #[test]
    fn nearly_moments_never_panic(text in "(today |yesterday |-|@)?[0-9T: .Z+-]{0,24}( ago)?") {
        let _ = placed(&text, &berlin());
    }

    #[test]
    fn a_clock_time_is_within_the_last_day(now in 0_i64..4_000_000_000, h in 0_u8..24, m in 0_u8..60) {
        let now = Timestamp::from_second(now).unwrap();
        let here = Here { now, ..berlin() };
        let moment: Moment = format!("{h}:{m:02}").parse().unwrap();
        let Point::At(time) = moment.place(&here).unwrap().point else {
            return Err(TestCaseError::fail("not a time"));
        };
        let ago = now.duration_since(time).as_secs();
        // Days on which the clock is put back have 25 hours; a skipped hour may come later.
        prop_assert!((-3600..=25 * 3600).contains(&ago), "{ago}");
    }

    #[test]
    fn what_is_written_reads_back(ms in 0_i64..4_000_000_000_000) {
        let time = Timestamp::from_millisecond(ms).unwrap();
        let unix = format!("@{}.{:03}", ms / 1000, ms % 1000);
        let local = time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
        let utc = Here { zone: TimeZone::UTC, ..berlin() };
        for text in [unix, local, crate::units::time::iso(time)] {
            let placed = text.parse::<Moment>().unwrap().place(&utc).unwrap();
            prop_assert_eq!(placed.point, Point::At(time), "{}", text);
        }
    }
}
