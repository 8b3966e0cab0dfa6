//! Where everything is on a screen of a given size.

pub mod facts;

use super::model::details::Stage;
use super::model::screen::Pane;
use super::model::screen::Screen;

/// Smallest screen that shows anything but a request for a larger one.
pub const MIN_WIDTH: u16 = 40;
/// See [`MIN_WIDTH`].
pub const MIN_HEIGHT: u16 = 10;
/// Columns of a chart box taken by the scale, when it is shown.
pub const SCALE_WIDTH: u16 = 7;

/// A screen size in cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Cells in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// A rectangle of cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Area {
    /// First column.
    pub x: u16,
    /// First row.
    pub y: u16,
    /// Cells in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl Area {
    /// What a border of one cell leaves.
    pub fn inner(self) -> Self {
        Self {
            x: self.x.saturating_add(1),
            y: self.y.saturating_add(1),
            width: self.width.saturating_sub(2),
            height: self.height.saturating_sub(2),
        }
    }

    /// Whether a cell is inside.
    pub fn contains(self, x: u16, y: u16) -> bool {
        (self.x..self.x.saturating_add(self.width)).contains(&x)
            && (self.y..self.y.saturating_add(self.height)).contains(&y)
    }

    fn rows(self, from: u16, height: u16) -> Self {
        Self {
            y: self.y + from,
            height,
            ..self
        }
    }

    fn columns(self, from: u16, width: u16) -> Self {
        Self {
            x: self.x + from,
            width,
            ..self
        }
    }
}

/// Whether chart boxes say what their height means on the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Seven columns with values.
    Labels,
    /// On the time axis.
    OnAxis,
}

/// The two boxes of the waveform, of the same inner width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charts {
    /// Received.
    pub rx: Area,
    /// Sent.
    pub tx: Area,
    /// How the boxes show their scale.
    pub scale: Scale,
}

impl Charts {
    /// How many columns of time each box has.
    pub fn columns(&self) -> usize {
        let inner = self.rx.inner().width.min(self.tx.inner().width);
        usize::from(match self.scale {
            Scale::Labels => inner.saturating_sub(SCALE_WIDTH),
            Scale::OnAxis => inner,
        })
    }

    /// The column of time under a cell; `None`: the cell is on none.
    pub fn column_at(&self, x: u16, y: u16) -> Option<usize> {
        [self.rx, self.tx]
            .into_iter()
            .find(|area| area.contains(x, y))
            .and_then(|area| {
                let inner = area.inner();
                let first = match self.scale {
                    Scale::Labels => inner.x.saturating_add(SCALE_WIDTH),
                    Scale::OnAxis => inner.x,
                };
                let column = usize::from(x.checked_sub(first)?);
                (column < self.columns()).then_some(column)
            })
    }
}

/// Where a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panel {
    /// Which list.
    pub pane: Pane,
    /// With its border.
    pub area: Area,
}

/// What is where between the header (first row) and the footer (last row).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The waveform, if there is room or the screen is the chart.
    pub charts: Option<Charts>,
    /// The lists of processes; empty on the screens without any.
    pub panels: Vec<Panel>,
    /// The list of connections.
    pub sockets: Option<Area>,
    /// The details of a process.
    pub details: Option<Area>,
    /// The rest, for screens without lists; zero-sized otherwise.
    pub body: Area,
}

impl Plan {
    /// The area of a list, if it is on screen.
    pub fn panel(&self, pane: Pane) -> Option<Area> {
        self.panels
            .iter()
            .find(|panel| panel.pane == pane)
            .map(|panel| panel.area)
    }
}

/// Whether nothing but a request for more room can be shown.
pub fn too_small(size: Size) -> bool {
    size.width < MIN_WIDTH || size.height < MIN_HEIGHT
}

/// Rows of data a list of this height has between its header row and its pinned rows, and how
/// many of the wanted pinned rows it keeps.
pub fn list_rows(area: Area, pinned: usize) -> (usize, usize) {
    const ENOUGH: usize = 5;
    let rows = usize::from(area.inner().height.saturating_sub(1));
    let kept = pinned.min(rows.saturating_sub(ENOUGH));
    (rows - kept, kept)
}

/// Whether details have a place beside the list they belong to.
pub fn has_room_beside(size: Size) -> bool {
    size.width >= SPLIT_WIDTH && size.height >= 20
}

/// Whether the details of something are there without being asked for.
pub fn always_has_details(size: Size) -> bool {
    size.width >= SIDE_WIDTH && size.height >= 40
}

/// The plan for a screen. Nothing in it for sizes that are too small.
pub fn plan(size: Size, screen: Screen, stage: Stage) -> Plan {
    let mut plan = Plan {
        charts: None,
        panels: Vec::new(),
        sockets: None,
        details: None,
        body: Area::default(),
    };
    if too_small(size) {
        return plan;
    }
    let middle = Area {
        x: 0,
        y: 1,
        width: size.width,
        height: size.height - 2,
    };
    if stage == Stage::Full && matches!(screen, Screen::List(_) | Screen::Connections) {
        plan.details = Some(middle);
        return plan;
    }
    let focus = match screen {
        Screen::Agent => {
            plan.body = middle;
            return plan;
        }
        Screen::Chart => {
            plan.charts = Some(full_charts(middle));
            return plan;
        }
        Screen::Connections => None,
        Screen::List(pane) => Some(pane),
    };
    let chart_height = match size.height {
        0..20 => 0,
        20..28 => 5,
        28..40 => 8,
        _ => 12,
    };
    if chart_height > 0 {
        let scale = if size.width >= 100 {
            Scale::Labels
        } else {
            Scale::OnAxis
        };
        plan.charts = Some(side_by_side(middle.rows(0, chart_height), scale));
    }
    let rest = middle.rows(chart_height, middle.height - chart_height);
    match focus {
        Some(pane) => panels(rest, size, pane, stage, &mut plan),
        None if stage == Stage::Beside => {
            let (list, details) = split(rest, size);
            plan.sockets = Some(list);
            plan.details = Some(details);
        }
        None => plan.sockets = Some(rest),
    }
    plan
}

fn full_charts(area: Area) -> Charts {
    if area.width >= 100 {
        return side_by_side(area, Scale::Labels);
    }
    let upper = area.height.div_ceil(2);
    Charts {
        rx: area.rows(0, upper),
        tx: area.rows(upper, area.height - upper),
        scale: Scale::Labels,
    }
}

fn side_by_side(area: Area, scale: Scale) -> Charts {
    let left = area.width / 2;
    Charts {
        rx: area.columns(0, left),
        tx: area.columns(left, area.width - left),
        scale,
    }
}

/// From this width on there are two columns.
const SIDE_WIDTH: u16 = 140;
/// From this width on there are two panels, one below the other.
const SPLIT_WIDTH: u16 = 100;

fn panels(rest: Area, size: Size, focus: Pane, stage: Stage, plan: &mut Plan) {
    const EXITED_HEIGHT: u16 = 7;
    let mut panel = |pane, area| plan.panels.push(Panel { pane, area });
    if size.width >= SIDE_WIDTH {
        let (left, right) = split(rest, size);
        if always_has_details(size) {
            let upper = part(right.height, 42, 100);
            panel(Pane::Live, left);
            panel(Pane::Exited, right.rows(0, upper));
            plan.details = Some(right.rows(upper, right.height - upper));
        } else if stage == Stage::Beside {
            panel(focus, left);
            plan.details = Some(right);
        } else {
            panel(Pane::Live, left);
            panel(Pane::Exited, right);
        }
    } else if stage == Stage::Beside {
        let (upper, lower) = split(rest, size);
        panel(focus, upper);
        plan.details = Some(lower);
    } else if size.width >= SPLIT_WIDTH && size.height >= 28 {
        let upper = rest.height - EXITED_HEIGHT;
        panel(Pane::Live, rest.rows(0, upper));
        panel(Pane::Exited, rest.rows(upper, EXITED_HEIGHT));
    } else {
        panel(focus, rest);
    }
}

// A list, and the place for something that belongs to it.
fn split(rest: Area, size: Size) -> (Area, Area) {
    if size.width >= SIDE_WIDTH {
        let left = part(rest.width, 61, 100);
        (rest.columns(0, left), rest.columns(left, rest.width - left))
    } else {
        let lower = part(rest.height, 11, 20);
        let upper = rest.height - lower;
        (rest.rows(0, upper), rest.rows(upper, lower))
    }
}

fn part(whole: u16, share: u32, of: u32) -> u16 {
    u16::try_from(u32::from(whole) * share / of).unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heights(width: u16, height: u16) -> (Option<u16>, Vec<Area>) {
        let plan = plan(
            Size { width, height },
            Screen::List(Pane::Live),
            Stage::Closed,
        );
        (
            plan.charts.map(|charts| charts.rx.height),
            plan.panels.iter().map(|panel| panel.area).collect(),
        )
    }

    #[test]
    fn the_waveform_grows_with_the_screen() {
        for (height, expected) in [
            (19, None),
            (20, Some(5)),
            (27, Some(5)),
            (28, Some(8)),
            (39, Some(8)),
            (40, Some(12)),
        ] {
            assert_eq!(heights(80, height).0, expected, "{height}");
        }
    }

    #[test]
    fn exited_processes_appear_beside_the_live_ones_when_there_is_room() {
        for (width, height, lists) in [
            (80, 24, 1),
            (99, 60, 1),
            (100, 27, 1),
            (100, 28, 2),
            (139, 60, 2),
            (140, 10, 2),
        ] {
            assert_eq!(heights(width, height).1.len(), lists, "{width}x{height}");
        }
        let side = heights(160, 45).1;
        assert_eq!((side[0].width, side[1].width, side[1].height), (97, 63, 13));
    }

    #[test]
    fn areas_tile_the_middle_of_every_screen() {
        let shapes = Screen::ALL.into_iter().flat_map(|screen| {
            [Stage::Closed, Stage::Beside, Stage::Full].map(|stage| (screen, stage))
        });
        let shapes: Vec<_> = shapes.collect();
        for width in MIN_WIDTH..220 {
            for height in MIN_HEIGHT..70 {
                let size = Size { width, height };
                for &(screen, stage) in &shapes {
                    if stage == Stage::Beside && !has_room_beside(size) {
                        continue;
                    }
                    let plan = plan(size, screen, stage);
                    let mut cells = u32::from(plan.body.width) * u32::from(plan.body.height);
                    let charts = plan.charts.iter().flat_map(|charts| [charts.rx, charts.tx]);
                    let panels = plan.panels.iter().map(|panel| panel.area);
                    let rest = plan.sockets.into_iter().chain(plan.details);
                    for area in charts.chain(panels).chain(rest) {
                        assert!(area.x + area.width <= width && area.y + area.height < height);
                        cells += u32::from(area.width) * u32::from(area.height);
                    }
                    assert_eq!(cells, u32::from(width) * u32::from(height - 2));
                }
            }
        }
    }

    #[test]
    fn details_take_the_place_of_what_they_are_about_least() {
        for (width, height, details) in [
            (100, 30, Some((100, 11))),
            (160, 45, Some((63, 18))),
            (160, 30, Some((63, 20))),
            (120, 20, Some((120, 7))),
        ] {
            let size = Size { width, height };
            let plan = plan(size, Screen::List(Pane::Live), Stage::Beside);
            let area = plan.details.map(|area| (area.width, area.height));
            assert_eq!(area, details, "{width}x{height}");
        }
        assert!(!has_room_beside(Size {
            width: 99,
            height: 60
        }));
    }

    #[test]
    fn short_lists_give_up_their_pinned_rows_first() {
        let area = |height| Area {
            x: 0,
            y: 0,
            width: 80,
            height,
        };
        for (height, pinned, expected) in [
            (17, 1, (13, 1)),
            (8, 1, (5, 0)),
            (9, 1, (5, 1)),
            (9, 2, (5, 1)),
            (2, 1, (0, 0)),
        ] {
            assert_eq!(list_rows(area(height), pinned), expected, "{height}");
        }
    }
}
