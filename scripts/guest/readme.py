"""The table of kernels in the README, written from what the guests showed."""

from datetime import date
from pathlib import Path

from guest import Failure
from guest.cells import EXACT, IMPOSSIBLE, MISSED

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- scripts/kernels --readme: begin -->\n", "<!-- end -->\n"
SETS = ["tracepoint", "kprobe", "fexit"]


def write(guests):
    """Puts the table between the marks."""
    text = README.read_text()
    if BEGIN not in text or END not in text:
        raise Failure(f"{README}: the marks of the table are missing")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    README.write_text(before + BEGIN + table(guests) + END + after)


def table(guests):
    """One row per kernel, one column per hook set."""
    rows = {}
    for guest in guests:
        rows.setdefault(guest.kernel, {})[guest.hooks] = guest
    day = f"{date.today():%-d %B %Y}"
    text = f"| Debian's kernel, {day} | " + " | ".join(SETS) + " |\n|---|" + "---|" * len(SETS) + "\n"
    for kernel, sets in rows.items():
        release = next((guest.release for guest in sets.values() if guest.release), kernel)
        cells = [verdict(sets[name]) if name in sets else "not run" for name in SETS]
        text += f"| {release.removesuffix('-cloud-amd64')} | {' | '.join(cells)} |\n"
    return text


def verdict(guest):
    """What one hook set did on one kernel, in some words."""
    if guest.impossible:
        return "not there"
    runs = [run for run in guest.runs if not run.case.startswith("tests")]
    missed = [run for run in runs if run.outcome == MISSED]
    wrong = [run for run in runs if run.outcome not in (EXACT, IMPOSSIBLE, MISSED)]
    exact = sum(run.outcome == EXACT for run in runs)
    absent = sorted({run.case.split("_")[0] for run in runs if run.outcome == IMPOSSIBLE})
    text = f"{exact} of {exact + len(missed) + len(wrong)} exact"
    if wrong:
        text += f", {len(wrong)} wrong"
    if missed:
        text += f", {len(missed)} short and said so"
    if absent:
        text += f"; no {', '.join(absent)}"
    return text
