//! The waveform: received on one side, sent on the other.

use super::cells;
use super::look::Role;
use super::pen::Border;
use super::pen::Pen;
use super::pen::Span;
use crate::text;
use crate::top::columns::Side;
use crate::top::layout::Area;
use crate::top::layout::Charts;
use crate::top::layout::Scale;
use crate::top::layout::SCALE_WIDTH;
use crate::top::model::chart::Chart;
use crate::top::model::chart::Column;
use crate::top::model::chart::Peak;
use crate::top::model::tick::Rate;
use crate::top::model::Model;
use crate::units::span;

/// What is at the right end of the time axis.
const NOW: &str = "now";

struct Half<'a> {
    name: &'static str,
    role: Role,
    area: Area,
    speed: Option<u64>,
    top: u64,
    rate: fn(Rate) -> u64,
    peak: Option<Peak>,
    chart: Option<&'a Chart>,
    scale: Scale,
}

/// Draws both halves.
pub fn render(model: &Model, charts: Charts, pen: &mut Pen) {
    let chart = model.chart();
    let [rx_top, tx_top] = model.scale_tops();
    let [rx, tx] = model.chart_speed();
    let rx = Half {
        name: "RX",
        role: Role::Rx,
        area: charts.rx,
        speed: rx,
        top: rx_top,
        rate: |rate| rate.rx,
        peak: chart.as_ref().and_then(|chart| chart.rx_peak),
        chart: chart.as_ref(),
        scale: charts.scale,
    };
    let tx = Half {
        name: "TX",
        role: Role::Tx,
        area: charts.tx,
        speed: tx,
        top: tx_top,
        rate: |rate| rate.tx,
        peak: chart.as_ref().and_then(|chart| chart.tx_peak),
        chart: chart.as_ref(),
        scale: charts.scale,
    };
    for half in [rx, tx] {
        pen.frame(half.area, Border::Plain, [&title(model, &half), ""]);
        columns(model, &half, pen);
        if half.scale == Scale::Labels && half.peak.is_some() {
            labels(model, &half, pen);
        }
        axis(model, &half, pen);
    }
}

fn title(model: &Model, half: &Half) -> String {
    let speed = match half.speed {
        Some(_) => format!("{}/s", cells::rate(model, half.speed)),
        None => cells::UNKNOWN.to_owned(),
    };
    let name = half.name;
    let peak = half.peak.and_then(|peak| {
        let rate = model.settings.units.rate(peak.rate);
        Some((rate, model.clock_time(model.time_of(peak.tick)?)))
    });
    match (peak, half.area.width) {
        (None, _) => format!("{name} {speed}"),
        (Some((rate, time)), 60..) => format!("{name} now {speed} · peak {rate}/s at {time}"),
        (Some((rate, time)), 45..60) => format!("{name} {speed} · peak {rate} {time}"),
        (Some((rate, time)), _) => format!("{name} {speed} ▲{rate} {time}"),
    }
}

fn first_column(half: &Half) -> u16 {
    half.area.inner().x
        + match half.scale {
            Scale::Labels => SCALE_WIDTH,
            Scale::OnAxis => 0,
        }
}

fn columns(model: &Model, half: &Half, pen: &mut Pen) {
    let Some(chart) = half.chart else { return };
    let inner = half.area.inner();
    let rows = u64::from(inner.height);
    let cursor = model
        .position
        .cursor()
        .and_then(|tick| chart.extent.column_of(tick));
    for (index, column) in chart.columns.iter().enumerate() {
        let x = first_column(half) + u16::try_from(index).unwrap_or(u16::MAX);
        for row in 0..inner.height {
            let y = inner.y + inner.height - 1 - row;
            let (glyph, role) = match column {
                Column::Before => (' ', Role::Plain),
                Column::Missing => ('?', Role::Faint),
                Column::Start => ('|', Role::Faint),
                Column::Rates(rate) => {
                    // The bar in units of a whole column of full cells.
                    let amount = u128::from((half.rate)(*rate)) * u128::from(rows);
                    let below = u128::from(half.top) * u128::from(row);
                    let rest = u64::try_from(amount.saturating_sub(below)).unwrap_or(u64::MAX);
                    (cells::level(rest, half.top), half.role)
                }
            };
            let (glyph, role) = match glyph {
                ' ' if cursor == Some(index) => ('┊', Role::Mode),
                glyph => (glyph, role),
            };
            if glyph != ' ' {
                let mut text = [0; 4];
                pen.put(Span { x, y, width: 1 }, glyph.encode_utf8(&mut text), role);
            }
        }
    }
}

fn labels(model: &Model, half: &Half, pen: &mut Pen) {
    let inner = half.area.inner();
    let last = inner.height.saturating_sub(1);
    let middle = (inner.height >= 5).then_some(inner.height / 2);
    for row in 0..inner.height {
        let text = match row {
            0 => round(model, half.top),
            row if Some(row) == middle => round(model, half.top / 2),
            row if row == last => "0".to_owned(),
            _ => String::new(),
        };
        let line = if text.is_empty() { "│" } else { "┤" };
        let span = Span {
            x: inner.x,
            y: inner.y + row,
            width: SCALE_WIDTH,
        };
        pen.put_on(span, Side::Right, &format!("{text}{line}"), Role::Plain);
    }
}

fn axis(model: &Model, half: &Half, pen: &mut Pen) {
    let inner = half.area.inner();
    let start = first_column(half);
    let width = (inner.x + inner.width).saturating_sub(start);
    let y = half.area.y + half.area.height.saturating_sub(1);
    let columns = u32::from(width);
    let per_column = model.step() * model.settings.zoom.ticks();
    let left = short(per_column.saturating_mul(columns));
    let left = format!("-{left}");
    let left_width = u16::try_from(text::width(&left)).unwrap_or(width);
    let right = right_label(model, half);
    let right_width = u16::try_from(text::width(&right)).unwrap_or(width);
    let right_x = (start + width).saturating_sub(right_width);
    let peak = half
        .peak
        .map(|peak| start + u16::try_from(peak.column).unwrap_or(0));
    let mut taken = Vec::new();
    // The mark of the highest column comes before what is known without being said.
    if peak.is_none_or(|x| x >= start + left_width) {
        let span = Span { x: start, y, width };
        taken.push((start, pen.put(span, &left, Role::Plain)));
    }
    let right_yields = right == NOW && peak.is_some_and(|x| x >= right_x);
    if right_x > start + left_width && !right_yields {
        pen.put(
            Span {
                x: right_x,
                y,
                width: right_width,
            },
            &right,
            Role::Plain,
        );
        taken.push((right_x, right_width));
    }
    let mut place = |x: u16, label: &str, role, margin: u16, pen: &mut Pen| {
        let wide = u16::try_from(text::width(label)).unwrap_or(width);
        let free = taken
            .iter()
            .all(|(from, cells)| x + wide + margin <= *from || x >= from + cells);
        if free && x >= start && x + wide <= start + width {
            pen.put(Span { x, y, width: wide }, label, role);
            taken.push((x, wide));
        }
    };
    if let Some(chart) = half.chart {
        if let Some((tick, column)) = model
            .position
            .cursor()
            .and_then(|tick| Some((tick, chart.extent.column_of(tick)?)))
        {
            let time = model
                .time_of(tick)
                .map(|time| model.clock_time(time))
                .unwrap_or_default();
            let label = format!(" {time} ");
            let wide = u16::try_from(text::width(&label)).unwrap_or(0);
            let x = start + u16::try_from(column).unwrap_or(0);
            let least = start + left_width;
            let most = right_x.saturating_sub(wide);
            place(
                x.saturating_sub(wide / 2).min(most).max(least),
                &label,
                Role::Mode,
                0,
                pen,
            );
        }
        if let Some(x) = peak {
            place(x, "▲", half.role, 0, pen);
        }
        if let Some(column) = chart
            .columns
            .iter()
            .rposition(|column| *column == Column::Start)
        {
            place(
                start + u16::try_from(column).unwrap_or(0),
                "start",
                Role::Plain,
                0,
                pen,
            );
        }
    }
    if half.peak.is_some() {
        let zoom = short(per_column);
        let label = match half.scale {
            Scale::Labels => format!(" {zoom}/col "),
            Scale::OnAxis => format!(" {} {zoom} ", round(model, half.top)),
        };
        let wide = u16::try_from(text::width(&label)).unwrap_or(0);
        place(
            start + width.saturating_sub(wide) / 2,
            &label,
            Role::Plain,
            1,
            pen,
        );
    }
}

fn right_label(model: &Model, half: &Half) -> String {
    let edge = half
        .chart
        .and_then(|chart| model.time_of(chart.extent.edge));
    let newer = edge.zip(model.newest()).map(|(edge, newest)| {
        std::time::Duration::try_from(newest.time.duration_since(edge)).unwrap_or_default()
    });
    match newer {
        Some(newer) if newer >= model.step() => format!("+{}", short(newer)),
        _ => NOW.to_owned(),
    }
}

// Seconds as long as they are easily read as such.
fn short(span: std::time::Duration) -> String {
    match span.as_secs() {
        1..120 if span.subsec_millis() == 0 => format!("{}s", span.as_secs()),
        0 => span::exact(span),
        _ => span::format(span),
    }
}

// A step of the scale, without the digits that are always zero.
fn round(model: &Model, rate: u64) -> String {
    let text = model.settings.units.rate(rate);
    match text.split_once('.') {
        Some((whole, rest)) => {
            let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let digits = rest[..rest.len() - unit.len()].trim_end_matches('0');
            match digits {
                "" => format!("{whole}{unit}"),
                digits => format!("{whole}.{digits}{unit}"),
            }
        }
        None => text,
    }
}
