//! What the model does with wishes to see the same thing another way.

use super::screen::Pane;
use super::screen::Screen;
use super::settings;
use super::settings::Command;
use super::settings::Hosts;
use super::settings::Idle;
use super::settings::Mix;
use super::settings::Mouse;
use super::settings::Numbers;
use super::settings::Scaling;
use super::settings::Subject;
use super::Change;
use super::Effect;
use super::Model;
use crate::top::action::Switch;

impl Model {
    pub(super) fn switch(&mut self, switch: Switch) -> (Change, Effect) {
        let settings = &mut self.settings;
        match switch {
            Switch::Idle => {
                settings.idle = match settings.idle {
                    Idle::Shown => Idle::Hidden,
                    Idle::Hidden => Idle::Shown,
                }
            }
            Switch::Mix => {
                settings.mix = match settings.mix {
                    Mix::Apart => Mix::Together,
                    Mix::Together => Mix::Apart,
                }
            }
            Switch::Hosts => {
                let (hosts, text) = match settings.hosts {
                    Hosts::Addresses => (Hosts::Names, "host names on: the resolver is asked"),
                    Hosts::Names => (Hosts::Addresses, "host names off"),
                };
                settings.hosts = hosts;
                self.tell(text.to_owned());
            }
            Switch::Subject => {
                settings.subject = match settings.subject {
                    Subject::Rows => Subject::Selected,
                    Subject::Selected => Subject::Rows,
                };
                let none =
                    self.settings.subject == Subject::Selected && self.chart_process().is_none();
                if none {
                    self.tell("no process is selected: the chart shows all rows".to_owned());
                }
            }
            Switch::Loopback => {
                settings.scope.loopback = settings::toggled(settings.scope.loopback);
            }
            Switch::Bits => settings::toggle_bits(settings),
            Switch::Base => settings.units = settings::other_base(settings.units),
            Switch::Numbers => {
                settings.numbers = match settings.numbers {
                    Numbers::Rates => Numbers::Totals,
                    Numbers::Totals => Numbers::Rates,
                }
            }
            Switch::Span if self.screen == Screen::List(Pane::Exited) => {
                settings.window = settings.window.next();
            }
            Switch::Span => settings.average = settings.average.next(),
            Switch::Command => {
                settings.command = match settings.command {
                    Command::Name => Command::Line,
                    Command::Line => Command::Name,
                }
            }
            Switch::Scaling => {
                settings.scaling = match settings.scaling {
                    Scaling::Shared => Scaling::Own,
                    Scaling::Own => Scaling::Shared,
                }
            }
            Switch::Theme => {
                settings.theme = settings.theme.next();
                let text = format!("theme: {}", settings.theme.name());
                self.tell(text);
                return (Change::Paint, Effect::Nothing);
            }
            Switch::Mouse => {
                let (mouse, text) = match settings.mouse {
                    Mouse::Ours => (Mouse::Terminals, "mouse off: text can be selected"),
                    Mouse::Terminals => (Mouse::Ours, "mouse on: hold Shift to select text"),
                };
                settings.mouse = mouse;
                self.tell(text.to_owned());
                return (Change::Paint, Effect::Mouse(mouse));
            }
        }
        (Change::View, Effect::Nothing)
    }
}
