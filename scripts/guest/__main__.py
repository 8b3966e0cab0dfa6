"""`scripts/kernels`: boots the guests and prints the matrix."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from guest import Failure, cost, debian, image, machine, readme, verifier
from guest import disk as disks
from guest.cells import Guest
from guest.table import report

DEFAULT = ["5.10", "6.1", "6.12", "6.18", "newest"]
HOOKS = ["tracepoint", "kprobe", "fexit"]
# The tests that run on the disk, by cargo's name of the target. The tests of the README and of the release
# are about this machine, not about a kernel; the selftest runs by itself.
TESTS = {"live": "live", "netmon_bpf": "bpf", "trace": "trace"}
# Patching code that a flood runs is what the emulator cannot do: see machine.boot.
SKIP = ["replacing_programs_in_a_flood", "readme::", "release::", "every_case_of_the_selftest", "every_case_under_load"]


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/kernels",
        description="Runs netmon's selftest on Debian's kernels in QEMU, with each hook set.",
        epilog="Exit codes: 0 every cell is exact or explained; 1 some are not; 2 usage.")
    parser.add_argument("kernel", nargs="*", default=DEFAULT,
                        help=f"series such as 6.1, or 'newest' (default: {' '.join(DEFAULT)})")
    parser.add_argument("--list", action="store_true", help="list the kernels to be had and exit")
    parser.add_argument("--case", default="*", metavar="GLOB", help="only these cases")
    parser.add_argument("--hooks", choices=HOOKS, help="only this hook set")
    parser.add_argument("--debug", action="store_true", help="debug binaries, not the release")
    parser.add_argument("--no-build", action="store_true", help="take the binaries as they are")
    parser.add_argument("--no-load", action="store_true", help="leave the cases under load out")
    parser.add_argument("--no-tests", action="store_true", help="leave the root tests out")
    parser.add_argument("--tests", choices=sorted(TESTS.values()), action="append", metavar="NAME",
                        help=f"of the root tests only these: {', '.join(sorted(TESTS.values()))}")
    parser.add_argument("--quick", action="store_true",
                        help="load cases and root tests only with the hook set that an agent takes by itself")
    parser.add_argument("--cost", action="store_true",
                        help="only count the instructions that a send costs, in a guest of one CPU")
    parser.add_argument("--readme", action="store_true",
                        help="write the outcome into the README (all hook sets, whole cases)")
    parser.add_argument("--limit", type=int, default=1800, metavar="SECONDS",
                        help="for one guest (default: 1800)")
    return parser.parse_args()


def main():
    """Runs it all; gives the exit code."""
    options = arguments()
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = home / "netmon"
    archive = debian.Archive(cache)
    known = archive.series()
    newest = max(known, key=debian.natural)
    if options.list:
        for series in sorted(known, key=debian.natural):
            print(f"{series:<6} {known[series]}")
        return 0
    wanted = list(dict.fromkeys(newest if k == "newest" else k for k in options.kernel))
    unknown = [series for series in wanted if series not in known]
    if unknown:
        raise Failure(f"Debian has no cloud kernel {', '.join(unknown)} now (--list names them)")
    programs = binaries(options)
    base = image.base(programs)
    logs = cache / "guests"
    logs.mkdir(parents=True, exist_ok=True)
    tests = {} if options.no_tests else test_programs(options.tests or TESTS.values())
    disk = cache / "disk"
    disks.disk(disk, programs, tests)
    if options.cost:
        return costs(wanted, known, archive, base, disk, options, logs)
    guests = []
    for series in wanted:
        release = known[series]
        kernel = archive.unpacked(release)
        parts = [base, image.modules(kernel, release)]
        work = Work(not options.no_load, tests)
        for hooks in [options.hooks] if options.hooks else HOOKS:
            guest = visit(series, hooks, kernel, parts, disk, work, options, logs)
            if options.quick and not guest.impossible:
                work = Work(False, {})
            guests.append(guest)
    spent, over = verifier.report(guests)
    text, unexplained = report(guests)
    print(spent + "\n" + text, end="")
    if options.readme:
        readme.write(guests)
    return 1 if unexplained or over else 0


def costs(wanted, known, archive, base, disk, options, logs):
    """What a send costs in each guest; gives the exit code."""
    measured = []
    for series in wanted:
        kernel = archive.unpacked(known[series])
        parts = [base, image.modules(kernel, known[series])]
        for hooks in [options.hooks] if options.hooks else HOOKS:
            console = logs / f"{series}-{hooks}.cost.console"
            figures, reason = cost.measure(kernel, parts, disk, hooks, options.limit, console)
            measured.append((series, hooks, figures, reason))
    text, over = cost.report(measured)
    print(text, end="")
    return 1 if over else 0


class Work:
    """What a guest does beside the self-test."""

    def __init__(self, load, tests):
        self.load, self.tests = load, tests

    def sections(self):
        """What it must have said something about."""
        return ["selftest"] + ["load"] * self.load + ["tests"] * bool(self.tests)


def visit(series, hooks, kernel, parts, disk, work, options, logs):
    """One guest with one hook set."""
    start = time.monotonic()
    print(f"{series} {hooks} ...", end=" ", flush=True)
    skip = " ".join(f"--skip {name}" for name in SKIP)
    script = (f"SET={hooks}\nCASE='{options.case}'\nLOAD={'1' if work.load else ''}\n"
              f"TESTS='{' '.join(work.tests)}'\nSKIP='{skip}'\n" + (image.HERE / "job").read_text())
    console = logs / f"{series}-{hooks}.console"
    archives = [*parts, image.job(script)]
    outcome = machine.boot(kernel, archives, disk, options.limit, console)
    if outcome.died:
        print(f"{outcome.died}; again, emulated in one thread ...", end=" ", flush=True)
        console.rename(console.with_suffix(".died"))
        outcome = machine.boot(kernel, archives, disk, options.limit, console,
                               machine.Emulation.ONE_THREAD)
    sections = outcome.sections
    said = "".join(f"== {name} ({section.code})\n{section.text}"
                   for name, section in sections.items())
    (logs / f"{series}-{hooks}.output").write_text(said)
    guest = Guest(series, hooks, sections, work.sections())
    words = guest.impossible or f"{len(guest.runs)} runs"
    if not outcome.ended:
        words += f", and it did not end within {options.limit} s"
    print(f"{words} ({time.monotonic() - start:.0f} s)", flush=True)
    return guest


def test_programs(wanted):
    """The test programs with these names of TESTS, built; name -> file."""
    # As scripts/test builds them, so that nothing is built twice.
    command = ["cargo", "test", "--workspace", "--locked", "--no-run", "--message-format=json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        name = TESTS.get(message.get("target", {}).get("name"))
        if name in wanted and message.get("executable") and message["profile"]["test"]:
            found[name] = Path(message["executable"])
    return found


def binaries(options):
    """Where the programs to test are, built first."""
    profile = "debug" if options.debug else "release"
    if not options.no_build:
        command = ["cargo", "build", "--locked", "-p", "netmon", "-p", "netmon-agent"]
        if not options.debug:
            command.append("--release")
        subprocess.run(command, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", "target")) / profile


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"scripts/kernels: {failure}", file=sys.stderr)
        sys.exit(2)
    except subprocess.CalledProcessError as failure:
        print(f"scripts/kernels: {failure}", file=sys.stderr)
        sys.exit(2)
