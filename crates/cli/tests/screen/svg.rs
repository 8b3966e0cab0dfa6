//! A screen as a picture: SVG, so that it is sharp at any size and its text can be searched. Lines and
//! bars are drawn and not written: fonts disagree about them.

use std::fmt::Write as _;

/// Pixels of a cell.
const CELL: (u32, u32) = (8, 17);
/// Around the screen.
const MARGIN: u32 = 10;
const BACKGROUND: &str = "#11151c";
const FOREGROUND: &str = "#d4dae3";
/// The colours 0 to 15.
const PALETTE: [&str; 16] = [
    "#11151c", "#f07178", "#a6d189", "#e5c07b", "#7aa2f7", "#c792ea", "#5fd0d8", "#d4dae3",
    "#5c6672", "#ff8b92", "#bde29e", "#ffd68a", "#98b8ff", "#ddb3ff", "#86e6ec", "#ffffff",
];

/// How a cell looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Style {
    colour: Option<usize>,
    ground: Option<usize>,
    bold: bool,
    dim: bool,
    underlined: bool,
    reversed: bool,
}

impl Style {
    fn apply(&mut self, codes: &str) {
        let mut codes = codes.split(';').map(|code| code.parse().unwrap_or(0));
        while let Some(number) = codes.next() {
            match number {
                // One of 256, of which the themes use the first 16.
                38 | 48 => {
                    let [kind, colour] = [codes.next(), codes.next()];
                    assert!(kind == Some(5) && colour < Some(16), "{colour:?}");
                    match number {
                        38 => self.colour = colour,
                        _ => self.ground = colour,
                    }
                }
                0 => *self = Style::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                4 => self.underlined = true,
                7 => self.reversed = true,
                22 => (self.bold, self.dim) = (false, false),
                24 => self.underlined = false,
                27 => self.reversed = false,
                30..=37 => self.colour = Some(number - 30),
                39 => self.colour = None,
                40..=47 => self.ground = Some(number - 40),
                49 => self.ground = None,
                90..=97 => self.colour = Some(number - 82),
                other => panic!("what does {other} do?"),
            }
        }
    }

    fn colours(self) -> (&'static str, &'static str) {
        let colour = self.colour.map_or(FOREGROUND, |n| PALETTE[n]);
        let ground = self.ground.map_or(BACKGROUND, |n| PALETTE[n]);
        if self.reversed {
            (ground, colour)
        } else {
            (colour, ground)
        }
    }
}

/// The picture of a screen, from what `capture-pane -e -N` prints.
pub fn picture(lines: &[String], width: u32, title: &str) -> String {
    let mut style = Style::default();
    let mut shapes = String::new();
    for (row, line) in lines.iter().enumerate() {
        let cells = cells(line, &mut style);
        draw(&cells, row as u32, &mut shapes);
    }
    let size = (
        width * CELL.0 + 2 * MARGIN,
        lines.len() as u32 * CELL.1 + 2 * MARGIN,
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" \
         font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',\
         monospace\" font-size=\"13.3\">\n<title>{title}</title>\n<rect width=\"{0}\" height=\"{1}\" \
         rx=\"8\" fill=\"{BACKGROUND}\"/>\n{shapes}</svg>\n",
        size.0, size.1
    )
}

fn cells(line: &str, style: &mut Style) -> Vec<(char, Style)> {
    let mut cells = Vec::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some((codes, after)) = rest.strip_prefix("\u{1b}[").and_then(|r| r.split_once('m')) {
            style.apply(codes);
            rest = after;
            continue;
        }
        // Line drawing of old terminals would come as a shift; tmux writes UTF-8.
        assert!(c != '\u{1b}' && c != '\u{e}', "{line:?}");
        cells.push((c, *style));
        rest = &rest[c.len_utf8()..];
    }
    cells
}

fn draw(cells: &[(char, Style)], row: u32, shapes: &mut String) {
    let mut column = 0;
    while column < cells.len() {
        let style = cells[column].1;
        let same = cells[column..]
            .iter()
            .take_while(|(_, other)| *other == style);
        let run: Vec<char> = same.map(|(c, _)| *c).collect();
        let (x, y) = place(column, row);
        let (colour, ground) = style.colours();
        if ground != BACKGROUND {
            let (w, h) = (run.len() as u32 * CELL.0, CELL.1);
            let _ = writeln!(
                shapes,
                r#"<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{ground}"/>"#
            );
        }
        let group = attributes(style, colour);
        let mut inside = String::new();
        write_run(&run, column, row, &mut inside);
        if !inside.is_empty() {
            let _ = writeln!(shapes, "<g{group}>{inside}</g>");
        }
        column += run.len();
    }
}

fn attributes(style: Style, colour: &str) -> String {
    let mut text = format!(r#" fill="{colour}" stroke="{colour}" stroke-width="0""#);
    if style.bold {
        text.push_str(r#" font-weight="bold""#);
    }
    if style.dim {
        text.push_str(r#" opacity="0.62""#);
    }
    if style.underlined {
        text.push_str(r#" text-decoration="underline""#);
    }
    text
}

fn place(column: usize, row: u32) -> (u32, u32) {
    (MARGIN + column as u32 * CELL.0, MARGIN + row * CELL.1)
}

/// Words are written, each as wide as its cells; everything else is drawn.
fn write_run(run: &[char], column: usize, row: u32, out: &mut String) {
    let mut at = 0;
    while at < run.len() {
        let (x, y) = place(column + at, row);
        if let Some(shape) = bar(run[at], x, y).or_else(|| frame(run[at], x, y)) {
            out.push_str(&shape);
            at += 1;
            continue;
        }
        let is_word = |c: &char| *c != ' ' && bar(*c, 0, 0).is_none() && frame(*c, 0, 0).is_none();
        let word: String = run[at..].iter().take_while(|c| is_word(c)).collect();
        let length = word.chars().count();
        if length > 0 {
            let text = word.replace('&', "&amp;").replace('<', "&lt;");
            let _ = write!(
                out,
                r#"<text x="{x}" y="{}" textLength="{}" lengthAdjust="spacingAndGlyphs">{text}</text>"#,
                y + 13,
                length as u32 * CELL.0
            );
        }
        at += length.max(1);
    }
}

/// The eight heights of a bar.
fn bar(c: char, x: u32, y: u32) -> Option<String> {
    let eighths = (c as u32).checked_sub('▁' as u32)? + 1;
    if eighths > 8 {
        return None;
    }
    let height = f64::from(CELL.1 * eighths) / 8.0;
    Some(format!(
        r#"<rect x="{x}" y="{}" width="{}" height="{height}"/>"#,
        f64::from(y + CELL.1) - height,
        CELL.0
    ))
}

/// Lines from the middle of a cell: their widths to the left, up, right and down.
fn frame(c: char, x: u32, y: u32) -> Option<String> {
    let arms: [u8; 4] = match c {
        '─' => [1, 0, 1, 0],
        '│' => [0, 1, 0, 1],
        '┌' => [0, 0, 1, 1],
        '┐' => [1, 0, 0, 1],
        '└' => [0, 1, 1, 0],
        '┘' => [1, 1, 0, 0],
        '├' => [0, 1, 1, 1],
        '┤' => [1, 1, 0, 1],
        '┬' => [1, 0, 1, 1],
        '┴' => [1, 1, 1, 0],
        '━' => [2, 0, 2, 0],
        '┃' => [0, 2, 0, 2],
        '┏' => [0, 0, 2, 2],
        '┓' => [2, 0, 0, 2],
        '┗' => [0, 2, 2, 0],
        '┛' => [2, 2, 0, 0],
        '┊' => {
            let dots = (0..4).map(|n| (y + n * 4, y + n * 4 + 2));
            let middle = f64::from(x) + 4.0;
            let path: String = dots.map(|(a, b)| format!("M{middle} {a}V{b}")).collect();
            return Some(format!(r#"<path d="{path}" stroke-width="1"/>"#));
        }
        _ => return None,
    };
    let middle = (f64::from(x) + 4.0, f64::from(y) + 8.5);
    let ends = [
        format!("H{x}"),
        format!("V{y}"),
        format!("H{}", x + CELL.0),
        format!("V{}", y + CELL.1),
    ];
    let used = ends.iter().zip(arms).filter(|(_, width)| *width > 0);
    let path: String = used
        .map(|(end, _)| format!("M{} {}{end}", middle.0, middle.1))
        .collect();
    let width = f64::from(arms.into_iter().max().unwrap_or(1)) * 1.1;
    Some(format!(
        r#"<path d="{path}" stroke-width="{width}" stroke-linecap="square"/>"#
    ))
}
