"""What came out of the guests, cell by cell: kernel x hook set x case."""

import fnmatch
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from guest import verifier

EXPECTED = Path(__file__).parent / "expected"
# What a cell can be, best first.
# Missed: bytes are missing and the agent said itself that it lost events.
EXACT, IMPOSSIBLE, MISSED, OFF, FAILED = "exact", "impossible", "missed", "off", "failed"
WORST = [EXACT, IMPOSSIBLE, MISSED, OFF, FAILED]
PROGRAM = re.compile(r"^== (\w+)$(.*?)(?=^== \w+$|\Z)", re.MULTILINE | re.DOTALL)
FAILED_TEST = re.compile(r"^test (\S+) \.\.\. FAILED$", re.MULTILINE)
SKIPPED_TEST = re.compile(r"^SKIPPED: (.*)$", re.MULTILINE)
LOST = re.compile(r"the agent reports (\d+) lost events")


@dataclass(frozen=True)
class Run:
    """One run of a case: how it came out and, unless exact, the words for it."""
    case: str
    where: str
    outcome: str
    words: str = ""
    # Whose counts are not exact.
    processes: int = 0


class Guest:
    """All runs with one hook set on one kernel."""

    def __init__(self, kernel, hooks, sections, wanted):
        """`wanted`: the sections that must be there, if the agent serves at all."""
        self.kernel, self.hooks = kernel, hooks
        self.impossible, self.runs, self.lost = "", [], 0
        self.costs = verifier.costs(sections)
        self.release = sections["release"].text.strip() if "release" in sections else ""
        if "selftest" not in sections:
            self.impossible = refusal(sections)
            if not self.impossible:
                self.runs.append(Run("start", "", FAILED, "no agent serves: see the guest's console"))
            return
        for name in wanted:
            section = sections.get(name)
            if section is None or section.code is None:
                self.runs.append(Run(name, "", FAILED, "it did not end in time"))
            elif name == "tests":
                self.runs += tested(section)
            else:
                self.take(name, section)

    def take(self, name, selftest):
        """The runs of one selftest."""
        if "{" not in selftest.text:
            words = selftest.text.strip().splitlines() or ["it said nothing"]
            self.runs.append(Run(name, "", FAILED, words[0]))
            return
        found = LOST.search(selftest.text)
        lost = int(found.group(1)) if found else 0
        self.lost += lost
        document = json.JSONDecoder().raw_decode(selftest.text[selftest.text.index("{"):])[0]
        runs = [run_of(case, lost) for case in document["cases"]]
        # Each event that is lost spoils one process at most.
        spoiled = sum(run.processes for run in runs if run.outcome == MISSED)
        if spoiled > lost:
            runs = [replace(run, outcome=OFF) if run.outcome == MISSED else run for run in runs]
        self.runs += runs

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
        outcome = MISSED if lost and "+" not in words else OFF
        return Run(case["case"], where, outcome, words, len(wrong))
    return Run(case["case"], where, FAILED, case["reason"] or "no reason given")


def tested(section):
    """What the test programs on the disk said: one run for each program."""
    runs = []
    for name, part in PROGRAM.findall(section.text):
        failed = FAILED_TEST.findall(part)
        skipped = SKIPPED_TEST.findall(part)
        ended = "test result: " in part
        if failed or not ended:
            words = ", ".join(failed) or f"it ended early: {part.strip().splitlines()[-1]}"
            runs.append(Run(f"tests {name}", "", FAILED, words))
        elif skipped:
            runs.append(Run(f"tests {name}", "", IMPOSSIBLE, "; ".join(sorted(set(skipped)))))
        else:
            runs.append(Run(f"tests {name}", "", EXACT))
    if not runs:
        runs = [Run("tests", "", FAILED, section.text.strip()[-200:])]
    return runs


def refusal(sections):
    """Why an agent does not serve, in its own words; empty: it has not said so."""
    said = sections["agent"].text if "agent" in sections else ""
    for line in said.splitlines():
        if line.startswith("netmon-agent: "):
            return line.removeprefix("netmon-agent: ")
    return ""


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
