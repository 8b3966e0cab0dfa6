use clap::Parser as _;
use netmon_api::v1;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::tally::Tallies;
use super::way::Ways;
use super::*;
use crate::args::Cli;
use crate::args::Command;
use crate::row::packet;
use crate::text;

prop_compose! {
    fn an_event()(
        time in option::of((any::<i64>(), any::<i32>())),
        point in 0_u32..6,
        id in 0_u64..4,
        addresses in (vec(any::<u8>(), 0..18), vec(any::<u8>(), 0..18)),
        ports in (option::of(any::<u32>()), option::of(any::<u32>())),
        protocol in prop_oneof![Just(6), Just(17), any::<u32>()],
        numbers in (option::of(any::<u32>()), option::of(any::<u32>()), option::of(any::<u32>())),
        length in option::of(any::<u32>()),
        texts in (option::of(any::<String>()), option::of(any::<String>())),
        more in (option::of(any::<String>()), option::of(any::<String>())),
        header in option::of(vec(any::<u8>(), 0..90)),
        pid in option::of(any::<u32>()),
    ) -> v1::PacketEvent {
        v1::PacketEvent {
            time: time.map(|(seconds, nanos)| prost_types::Timestamp { seconds, nanos }),
            point,
            packet: id,
            source_address: addresses.0,
            destination_address: addresses.1,
            source_port: ports.0,
            destination_port: ports.1,
            protocol,
            sequence: numbers.0,
            acknowledgment: numbers.1,
            flags: numbers.2,
            length,
            interface: texts.0,
            cpu: point,
            process: pid.map(|pid| v1::ProcessId { pid, start_ns: 1 }),
            process_name: texts.1,
            drop_reason: more.0,
            header,
            symbol: more.1,
        }
    }
}

prop_compose! {
    fn a_point()(name in any::<String>(), kind in any::<String>(), available in any::<bool>())
        -> v1::TracePoint {
        v1::TracePoint { name, kind, available, ..v1::TracePoint::default() }
    }
}

fn any_counts() -> impl Strategy<Value = v1::TraceStatistics> {
    let point =
        any::<(u64, u64, u64, u64, u64)>().prop_map(|(matched, told, suppressed, lost, bytes)| {
            v1::PointStatistics {
                matched,
                told,
                suppressed,
                lost,
                bytes,
            }
        });
    (vec(point, 0..6), any::<u64>()).prop_map(|(points, elapsed_ns)| v1::TraceStatistics {
        points,
        last: false,
        elapsed_ns,
    })
}

fn printer_of(options: &str) -> Box<dyn Printer> {
    let words = ["netmon", "trace"]
        .into_iter()
        .chain(options.split_whitespace());
    let cli = Cli::try_parse_from(words).unwrap();
    let Some(Command::Trace(args)) = &cli.command else {
        panic!("{options}");
    };
    printer(args, &cli.global, false).unwrap()
}

// Everything that is printed of these.
fn print(
    options: &str,
    points: &[v1::TracePoint],
    batches: &[Vec<v1::PacketEvent>],
    counts: &[v1::TraceStatistics],
) -> Vec<u8> {
    let points: Vec<_> = points.iter().cloned().map(packet::point).collect();
    let (mut printer, mut ways, mut tallies) =
        (printer_of(options), Ways::default(), Tallies::default());
    let mut out = Vec::new();
    printer.begin(&Agent::default(), &points, &mut out);
    let mut printed = 0;
    for batch in batches {
        let packets: Vec<_> = batch.iter().cloned().map(packet::packet).collect();
        let lines: Vec<_> = packets
            .iter()
            .map(|packet| Line {
                packet,
                point: points.get(packet.point),
                since: ways.pass(packet),
            })
            .collect();
        printed += printer.packets(&lines, &mut out);
    }
    for counts in counts {
        let tally = tallies.step(&points, packet::counts(counts.clone()), printed);
        printer.step(&tally, &mut out);
    }
    let total = tallies.total(&points, printed);
    printer.end(total.as_ref(), "count", &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_is_told_is_printed_safely(
        points in vec(a_point(), 0..5),
        batches in vec(vec(an_event(), 0..4), 0..4),
        counts in vec(any_counts(), 0..3),
    ) {
        let events: usize = batches.iter().map(Vec::len).sum();
        for options in ["", "-f wide -d", "-f csv -d", "-j", "-s", "-s -f csv", "-s -j"] {
            let text = String::from_utf8(print(options, &points, &batches, &counts)).unwrap();
            prop_assert!(
                text.lines().all(|line| text::sanitize(line) == line),
                "{options}: {text:?}"
            );
            let lines = text.lines().filter(|line| !line.starts_with("KERNEL FUNCTION")).count();
            match options {
                "-f wide -d" | "" => prop_assert_eq!(lines, events),
                "-f csv -d" => prop_assert_eq!(lines, events + 1),
                "-j" => prop_assert_eq!(lines, events + 2 + usize::from(!counts.is_empty())),
                _ => {}
            }
        }
    }

    #[test]
    fn columns_stand_below_their_header(
        points in vec(a_point(), 0..5),
        batch in vec(an_event(), 1..6),
    ) {
        let options = "-f wide --columns src,dst,sport,cpu";
        let text = String::from_utf8(print(options, &points, &[batch], &[])).unwrap();
        let mut lines = text.lines();
        let header = lines.next().unwrap();
        let at = |name: &str| header.find(name).unwrap();
        for line in lines {
            for column in ["DST IP", "SRC PORT"] {
                let bytes = line.as_bytes();
                prop_assert_eq!(bytes[at(column) - 1], b' ', "{}", text);
                prop_assert_ne!(bytes[at(column)], b' ', "{}", text);
            }
        }
    }

    #[test]
    fn a_capture_is_whole_blocks(
        points in vec(a_point(), 0..5),
        batches in vec(vec(an_event(), 0..4), 0..4),
    ) {
        let bytes = print("--pcapng x", &points, &batches, &[]);
        let number = |at: usize| {
            u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
        };
        let mut at = 0;
        while at < bytes.len() {
            let length = number(at + 4);
            prop_assert!(length.is_multiple_of(4) && length >= 12);
            prop_assert_eq!(number(at + length - 4), length);
            if number(at) == 6 {
                let (captured, original) = (number(at + 20), number(at + 24));
                prop_assert!(captured <= original && captured < 90);
            }
            at += length;
        }
        prop_assert_eq!(at, bytes.len());
    }
}

#[test]
fn unusual_pace_of_counts_is_unknown_not_zero() {
    let counts = |matched, elapsed_ns| v1::TraceStatistics {
        points: vec![v1::PointStatistics {
            matched,
            ..v1::PointStatistics::default()
        }],
        last: false,
        elapsed_ns,
    };
    let points = [v1::TracePoint {
        name: "tcp_probe".to_owned(),
        available: true,
        ..v1::TracePoint::default()
    }];
    let text = print(
        "-s -f csv --no-header",
        &points,
        &[],
        &[
            counts(10, 2_000_000_000),
            counts(20, 2_500_000_000),
            counts(30, 0),
            counts(5, 3_000_000_000),
        ],
    );
    let text = String::from_utf8(text).unwrap();
    let cells = text.lines().map(|line| line.split_once(',').unwrap().1);
    assert_eq!(
        cells.collect::<Vec<_>>(),
        [
            "2.000,tcp_probe,10,5,0,0,0,0",
            "0.500,tcp_probe,10,20,0,0,0,0",
            ",tcp_probe,10,,0,0,0,0",
            ",tcp_probe,,,,,,",
        ]
    );
}
