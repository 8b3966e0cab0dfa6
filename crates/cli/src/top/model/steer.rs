//! What the model does with the wishes of the user.

use std::time::Duration;

use super::arrange;
use super::chart::Chart;
use super::details::Details;
use super::list::Hold;
use super::list::List;
use super::list::Order;
use super::moment::Lens;
use super::moment::Moment;
use super::moment::Zero;
use super::outline::Outline;
use super::past::Towards;
use super::position::Position;
use super::prompt::Purpose;
use super::report;
use super::screen::Pane;
use super::screen::Popup;
use super::screen::Screen;
use super::screen::Step;
use super::settings::Settings;
use super::settings::Subject;
use super::settings::Zoom;
use super::socket_list::SocketList;
use super::sort::Sort;
use super::sort::SortKey;
use super::Change;
use super::Model;
use crate::top::action::Action;
use crate::top::action::Motion;
use crate::top::action::Travel;
use crate::top::action::Zooming;
use crate::top::columns;
use crate::top::help;

impl Model {
    pub(super) fn steer(&mut self, action: Action) -> Change {
        if let Some(change) = self.steer_sockets(&action) {
            return change;
        }
        if let Some(change) = self.steer_outline(&action) {
            return change;
        }
        match action {
            Action::Resize(size) => self.size = size,
            Action::Back => return self.back(),
            Action::Reset => self.reset(),
            Action::Help if self.types_filter() => self.popup = Popup::Syntax { from: 0 },
            Action::Help => self.toggle(Popup::Help { from: 0 }),
            Action::Messages => self.toggle(Popup::Messages { from: 0 }),
            Action::Prompt(purpose) => return self.open_prompt(purpose),
            Action::Type(edit) => return self.type_in_prompt(edit),
            Action::Recall(step) => return self.recall(step),
            Action::SortMenu => self.open_sort_menu(),
            Action::Move(motion) => return self.move_by(motion),
            Action::Accept => return self.accept(),
            Action::SortBy(key) => return self.sort(|sort, _| sort.then(key)),
            Action::SortReverse => return self.sort(|sort, _| sort.reversed()),
            Action::SortNeighbour(step) => {
                return self.sort(|sort, keys| Sort::by(neighbour(sort.key, keys, step)));
            }
            Action::Freeze => {
                if let Some(pane) = self.screen.pane() {
                    self.list_mut(pane).toggle_freeze();
                }
            }
            Action::Follow => return self.follow(),
            Action::ColumnMenu => return self.open_column_menu(),
            Action::CopyMenu => {
                self.popup = Popup::Copy;
                return Change::Paint;
            }
            Action::Copy(field) => return self.copy(field),
            Action::Written(result) => return self.written(result),
            Action::Pause => self.position = self.position.toggle_pause(&self.past),
            Action::Travel(travel) => self.travel(travel),
            Action::Zoom(zooming) => {
                let zoom = &mut self.settings.zoom;
                *zoom = match zooming {
                    Zooming::Closer => zoom.closer(),
                    Zooming::Wider => zoom.wider(),
                    Zooming::Reset => Zoom::default(),
                };
            }
            Action::SetZero => self.set_zero(),
            Action::ClickRow { pane, row } => {
                self.screen = Screen::List(pane);
                let rows = self.rows(pane);
                if row < rows {
                    self.list_mut(pane).select_row(row, rows);
                }
            }
            Action::ClickHeader { pane, key } => {
                self.screen = Screen::List(pane);
                return self.sort(|sort, _| sort.then(key));
            }
            Action::Wheel { pane, by } => {
                let rows = self.rows(pane);
                self.list_mut(pane).scroll(by, rows);
                return Change::Paint;
            }
            Action::ClickChart { column } => self.click_chart(column),
            // The rest is taken before it gets here.
            _ => return Change::None,
        }
        Change::View
    }

    fn follow(&mut self) -> Change {
        let Some(pane) = self.screen.pane() else {
            return Change::None;
        };
        let rows = self.rows(pane);
        let list = self.list_mut(pane);
        if list.selected.is_none() {
            list.select_by(0, rows);
        }
        list.hold = match list.hold {
            Hold::No if list.selected.is_some() => Hold::Middle,
            _ => Hold::No,
        };
        self.settings.subject = match list.hold {
            Hold::Middle => Subject::Selected,
            Hold::No => Subject::Rows,
        };
        Change::View
    }

    fn toggle(&mut self, popup: Popup) {
        let same = std::mem::discriminant(&self.popup) == std::mem::discriminant(&popup);
        self.popup = if same { Popup::None } else { popup };
    }

    fn back(&mut self) -> Change {
        match self.popup {
            Popup::None => {}
            Popup::Prompt(purpose) => return self.leave_prompt(purpose),
            Popup::Syntax { .. } => {
                self.popup = Popup::Prompt(Purpose::Filter);
                return Change::Paint;
            }
            _ => {
                self.popup = Popup::None;
                return Change::Paint;
            }
        }
        if let Some(change) = self.leave_details() {
            return change;
        }
        if self.position != Position::Live {
            self.travel(Travel::Live);
            return Change::View;
        }
        if self.drop_socket() || self.drop_entry() {
            return Change::Lists;
        }
        if let Some(pane) = self.screen.pane() {
            let list = self.list_mut(pane);
            list.offset = 0;
            list.hold = Hold::No;
            if list.selected.take().is_some() {
                return Change::Lists;
            }
        }
        self.clear_filter()
    }

    // What says something about this terminal and this user stays.
    fn reset(&mut self) {
        let first = self.first_settings;
        let Settings {
            theme,
            charset,
            mouse,
            ..
        } = self.settings;
        self.settings = Settings {
            theme,
            charset,
            mouse,
            ..first
        };
        self.popup = Popup::None;
        self.zero = None;
        self.clear_filter();
        self.details = Details::default();
        self.outline = Outline::default();
        self.connections = SocketList::new("rate");
        self.travel(Travel::Live);
        for pane in [Pane::Live, Pane::Exited] {
            *self.list_mut(pane) = List::default();
        }
    }

    fn open_sort_menu(&mut self) {
        if let Some(pane) = self.screen.pane() {
            let key = self.list(pane).sort.key;
            let choice = SortKey::of(pane)
                .iter()
                .position(|&other| other == key)
                .unwrap_or(0);
            self.popup = Popup::SortMenu { choice };
        }
    }

    fn accept(&mut self) -> Change {
        if let Popup::Prompt(purpose) = self.popup {
            return self.take_prompt(purpose);
        }
        if let Popup::ColumnMenu { choice } = self.popup {
            return self.toggle_column(choice);
        }
        let (Popup::SortMenu { choice }, Some(pane)) = (self.popup, self.screen.pane()) else {
            return Change::None;
        };
        self.popup = Popup::None;
        let Some(&key) = SortKey::of(pane).get(choice) else {
            return Change::Paint;
        };
        if self.list(pane).sort.key == key {
            return Change::Paint;
        }
        self.sort(|_, _| Sort::by(key))
    }

    fn sort(&mut self, change: impl FnOnce(Sort, &[SortKey]) -> Sort) -> Change {
        let Some(pane) = self.screen.pane() else {
            return Change::None;
        };
        let width = self.plan().panel(pane).unwrap_or_default().inner();
        let keys = columns::sort_keys(pane, self.chosen(pane), width.width);
        let list = self.list_mut(pane);
        list.sort = change(list.sort, &keys);
        // Asking for an order ends the frozen one.
        list.order = Order::Sorted;
        if pane == Pane::Live {
            self.outline.thaw();
        }
        Change::Lists
    }

    fn move_by(&mut self, motion: Motion) -> Change {
        let lines = |page: usize| {
            let page = isize::try_from(page.max(1)).unwrap_or(isize::MAX);
            match motion {
                Motion::Lines(by) => by,
                Motion::Pages(by) => by.saturating_mul(page),
                Motion::HalfPages(by) => by.saturating_mul((page / 2).max(1)),
                Motion::First => isize::MIN,
                Motion::Last => isize::MAX,
            }
        };
        let page = usize::from(self.size.height.saturating_sub(4));
        let moved = |at: usize, count: usize| {
            at.saturating_add_signed(lines(page))
                .min(count.saturating_sub(1))
        };
        let choices = self.sort_choices().len();
        let columns_count = self.column_choices().len();
        match &mut self.popup {
            Popup::Help { from } => *from = moved(*from, help::scroll_steps(self.size)),
            Popup::Syntax { from } => *from = moved(*from, help::syntax::scroll_steps(self.size)),
            Popup::ColumnMenu { choice } => *choice = moved(*choice, columns_count),
            Popup::Prompt(_) | Popup::Copy => return Change::None,
            Popup::Messages { from } => *from = moved(*from, self.notices.len()),
            Popup::GroupMenu { choice } => *choice = moved(*choice, arrange::CHOICES.len()),
            Popup::SortMenu { choice } => {
                *choice = moved(*choice, choices);
            }
            Popup::None if self.screen == Screen::Agent => {
                self.report_from = moved(self.report_from, report::scroll_steps(self));
            }
            Popup::None => return self.move_in_list(motion, lines),
        }
        Change::Paint
    }

    fn move_in_list(&mut self, motion: Motion, lines: impl Fn(usize) -> isize) -> Change {
        let Some(pane) = self.screen.pane() else {
            return Change::None;
        };
        let rows = self.rows(pane);
        let list = self.list_mut(pane);
        match motion {
            Motion::First => list.select_first(rows),
            Motion::Last => list.select_last(rows),
            _ => list.select_by(lines(rows), rows),
        }
        // The details are those of the selected process.
        match self.plan().details {
            Some(_) => Change::Lists,
            None => Change::Paint,
        }
    }

    fn travel(&mut self, travel: Travel) {
        if travel != Travel::Peak {
            self.visited_peaks.clear();
        }
        self.position = match travel {
            Travel::Live => Position::Live,
            Travel::Tick(towards) => {
                let at_end = match (towards, self.position.tick(&self.past)) {
                    (Towards::Older, Some(at)) => at <= self.past.whole(self.past.oldest()),
                    (Towards::Newer, Some(at)) => Some(at) == self.past.newest(),
                    (_, None) => false,
                };
                let length = self.coarse_step().unwrap_or(self.step());
                if let Some(target) = self.beyond(length, towards).filter(|_| at_end) {
                    return self.go_to_time(target);
                }
                self.position.step(&self.past, 1, towards)
            }
            Travel::Seconds(seconds, towards) => {
                if let Some(target) = self.beyond(Duration::from_secs(seconds), towards) {
                    return self.go_to_time(target);
                }
                let step = self.step().as_nanos().max(1);
                let ticks = (Duration::from_secs(seconds).as_nanos() / step).max(1);
                let ticks = u64::try_from(ticks).unwrap_or(u64::MAX);
                self.position.step(&self.past, ticks, towards)
            }
            Travel::Peak => return self.visit_peak(),
        };
    }

    fn visit_peak(&mut self) {
        let Some(chart) = self.chart() else { return };
        let mut visited = std::mem::take(&mut self.visited_peaks);
        let next = |chart: &Chart, visited: &[u64]| {
            chart.next_peak(&self.past, visited, |tick| self.chart_rate(tick))
        };
        let peak = next(&chart, &visited).or_else(|| {
            // All have been seen: begin again with the highest.
            visited.clear();
            next(&chart, &visited)
        });
        if let Some(tick) = peak {
            visited.push(tick);
            self.position = self.position.go(&self.past, tick, Towards::Older);
        }
        self.visited_peaks = visited;
    }

    fn click_chart(&mut self, column: usize) {
        let Some(chart) = self.chart() else { return };
        let ticks = chart.extent.ticks(column);
        if !ticks.is_empty() {
            self.visited_peaks.clear();
            let at = (*ticks.end()).min(self.past.newest().unwrap_or(0));
            self.position = self.position.go(&self.past, at, Towards::Older);
        }
    }

    fn set_zero(&mut self) {
        let lens = Lens {
            settings: &self.settings,
            capabilities: &self.agent.capabilities,
            zero: None,
        };
        let shown = self.position.tick(&self.past);
        let zero = shown.and_then(|tick| {
            let moment = Moment::at(&self.past, &self.roster, tick, lens)?;
            Some(Zero {
                time: self.past.tick(tick)?.time,
                totals: moment.totals(),
            })
        });
        self.zero = zero.or(self.zero.take());
    }
}

fn neighbour(key: SortKey, keys: &[SortKey], step: Step) -> SortKey {
    let at = keys.iter().position(|&other| other == key);
    let next = match (at, step) {
        (Some(at), Step::Forward) => at + 1,
        (Some(at), Step::Back) => at.saturating_sub(1),
        (None, _) => 0,
    };
    keys.get(next).copied().unwrap_or(key)
}
