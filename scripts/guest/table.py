"""The matrix as text: one row per case, one column per kernel and hook set, notes below."""

from guest.cells import EXACT, FAILED, IMPOSSIBLE, MISSED, WORST, Expected

LETTERS = {"tracepoint": "T", "kprobe": "K", "fexit": "F"}


def report(guests):
    """The table with its notes, and how many cells nothing explains."""
    expected, notes = Expected(), Notes()
    cases = list(dict.fromkeys(run.case for guest in guests for run in guest.runs))
    columns = [[f"{guest.kernel} {LETTERS[guest.hooks]}" for guest in guests]]
    unexplained = 0
    for case in cases:
        row = []
        for guest in guests:
            text, faults = cell(guest, case, expected, notes)
            row.append(text)
            unexplained += faults
        columns.append(row)
    rows = zip(["CASE", *cases], columns)
    text = "".join(line(name, row, guests) for name, row in rows)
    for guest in guests:
        if guest.impossible:
            why = expected.why(guest, "*", IMPOSSIBLE)
            unexplained += why is None
            notes.add(f"{guest.kernel} {guest.hooks}", guest.impossible, why)
    exact = sum(run.outcome == EXACT for guest in guests for run in guest.runs)
    total = sum(len(guest.runs) for guest in guests)
    text += "".join(f"{guest.kernel} {guest.hooks}: the agent reports {guest.lost} lost events\n"
                    for guest in guests if guest.lost)
    text += ("\n= exact   - not possible   < missed, and reported as lost   . not run"
             f"      T tracepoint   K kprobe   F fexit\n{notes}")
    return text + f"{exact} of {total} runs exact, {unexplained} cells unexplained\n", unexplained


def line(name, row, guests):
    """One line of the table."""
    widths = [max(len(guest.kernel) + 2, 6) for guest in guests]
    cells = "".join(f"  {text:<{width}}" for text, width in zip(row, widths))
    return f"{name:<18}{cells}".rstrip() + "\n"


def cell(guest, case, expected, notes):
    """What a cell shows, and whether it is a fault."""
    runs = guest.cell(case)
    if not runs:
        return ("-" if guest.impossible else "."), 0
    outcome = max((run.outcome for run in runs), key=WORST.index)
    if outcome == EXACT:
        return "=", 0
    faults = 0
    numbers = []
    for run in runs:
        if run.outcome == EXACT:
            continue
        why = expected.why(guest, case, run.outcome)
        faults += why is None
        numbers.append(notes.add(f"{guest.kernel} {LETTERS[guest.hooks]} {case} ({run.where})",
                                 f"{run.outcome}: {run.words}", why))
    alone = all(run.outcome != EXACT for run in runs)
    sign = {IMPOSSIBLE: "-" if alone else "=", MISSED: "<", FAILED: "fail"}.get(outcome, "off")
    return f"{sign}[{min(numbers)}]", min(faults, 1)


class Notes:
    """Numbered notes; what is the same is said once, with all its places."""

    def __init__(self):
        self._places = {}

    def add(self, place, words, why):
        """The number of the note for this."""
        self._places.setdefault((words, why), []).append(place)
        return list(self._places).index((words, why)) + 1

    def __str__(self):
        text = ""
        for number, ((words, why), places) in enumerate(self._places.items(), 1):
            more = f" and {len(places) - 3} more" if len(places) > 3 else ""
            text += f"[{number}] {words}\n    at {'; '.join(places[:3])}{more}\n"
            text += f"    {'because ' + why if why else 'UNEXPLAINED'}\n"
        return text
