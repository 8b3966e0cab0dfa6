"""`scripts/kernels`: boots the guests and prints the matrix."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from guest import Failure, debian, image, machine, verifier
from guest.cells import Guest
from guest.table import report

DEFAULT = ["5.10", "6.1", "6.12", "6.18", "newest"]
HOOKS = ["tracepoint", "kprobe", "fexit"]
# Text patching of a running 7.3 with two CPUs fails under emulation now and then.
CPUS = {"7.3": 1}
CPUS_OTHERWISE = 2


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
    parser.add_argument("--limit", type=int, default=600, metavar="SECONDS",
                        help="for one guest (default: 600)")
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
    base = image.base(binaries(options))
    logs = cache / "guests"
    logs.mkdir(parents=True, exist_ok=True)
    guests = []
    for series in wanted:
        release = known[series]
        kernel = archive.unpacked(release)
        parts = [base, image.modules(kernel, release)]
        for hooks in [options.hooks] if options.hooks else HOOKS:
            guests.append(visit(series, hooks, kernel, parts, options, logs))
    costs, over = verifier.report(guests)
    text, unexplained = report(guests)
    print(costs + "\n" + text, end="")
    return 1 if unexplained or over else 0


def visit(series, hooks, kernel, parts, options, logs):
    """One guest with one hook set."""
    start = time.monotonic()
    print(f"{series} {hooks} ...", end=" ", flush=True)
    script = f"SET={hooks}\nCASE='{options.case}'\n" + (image.HERE / "job").read_text()
    console = logs / f"{series}-{hooks}.console"
    sections = machine.boot(kernel, [*parts, image.job(script)],
                            CPUS.get(series, CPUS_OTHERWISE), options.limit, console)
    said = "".join(f"== {name} ({section.code})\n{section.text}"
                   for name, section in sections.items())
    (logs / f"{series}-{hooks}.output").write_text(said)
    guest = Guest(series, hooks, sections)
    outcome = guest.impossible or f"{len(guest.runs)} runs"
    print(f"{outcome} ({time.monotonic() - start:.0f} s)", flush=True)
    return guest


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
