"""What came out of the guests, cell by cell: kernel x hook set x case."""

import fnmatch
import json
import re
from dataclasses import dataclass
from pathlib import Path

from guest import verifier

EXPECTED = Path(__file__).parent / "expected"
# What a cell can be, best first.
# Missed: bytes are missing and the agent said itself that it lost events.
EXACT, IMPOSSIBLE, MISSED, OFF, FAILED = "exact", "impossible", "missed", "off", "failed"
WORST = [EXACT, IMPOSSIBLE, MISSED, OFF, FAILED]
LOST = re.compile(r"the agent reports (\d+) lost events")


@dataclass(frozen=True)
class Run:
    """One run of a case: how it came out and, unless exact, the words for it."""
    case: str
    where: str
    outcome: str
    words: str = ""


class Guest:
    """All runs with one hook set on one kernel."""

    def __init__(self, kernel, hooks, sections):
        self.kernel, self.hooks = kernel, hooks
        self.impossible, self.runs, self.lost = "", [], 0
        self.costs = verifier.costs(sections)
        selftest = sections.get("selftest")
        if selftest is None or "{" not in selftest.text:
            self.impossible = refusal(sections)
            return
        lost = LOST.search(selftest.text)
        self.lost = int(lost.group(1)) if lost else 0
        document = json.JSONDecoder().raw_decode(selftest.text[selftest.text.index("{"):])[0]
        self.runs = [run_of(case, self.lost) for case in document["cases"]]

    def cell(self, case):
        """The runs of one case."""
        return [run for run in self.runs if run.case == case]


def run_of(case, lost):
    """A case of the selftest's document; `lost`: events that the agent missed all in all."""
    where = f"{case['path']} {case['family']}"
    if case["result"] == "exact":
        return Run(case["case"], where, EXACT)
    if case["result"] == "skipped":
        return Run(case["case"], where, IMPOSSIBLE, case["reason"])
    if case["result"] == "off":
        wrong = [f"{process['process']} {process['result']}" for process in case["processes"]
                 if process["result"] != "ok"]
        words = ", ".join(wrong)
        return Run(case["case"], where, MISSED if lost and "+" not in words else OFF, words)
    return Run(case["case"], where, FAILED, case["reason"] or "no reason given")


def refusal(sections):
    """Why a guest has no results: the agent's own words if it had any."""
    said = [section.text for name, section in sections.items() if name in ("agent", "selftest")]
    lines = [line for text in said for line in text.splitlines()]
    for line in lines:
        if line.startswith("netmon-agent: "):
            return line.removeprefix("netmon-agent: ")
    return lines[-1] if lines else "the guest said nothing: see its console"


class Expected:
    """The cells that are known not to be exact, each with the fact behind it."""

    def __init__(self):
        self._entries = []
        for line in EXPECTED.read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                kernels, hooks, case, outcome, why = line.split(None, 4)
                self._entries.append((kernels.split(","), hooks, case, outcome, why))

    def why(self, guest, case, outcome):
        """The fact that explains a cell; None: nothing does."""
        for kernels, hooks, pattern, expected, why in self._entries:
            if (guest.kernel in kernels or kernels == ["*"]) and outcome == expected \
                    and fnmatch.fnmatch(guest.hooks, hooks) and fnmatch.fnmatch(case, pattern):
                return why
        return None
