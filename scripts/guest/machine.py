"""One guest from power-on to power-off, and what it said."""

import enum
import re
import subprocess
import tempfile
from pathlib import Path

from guest import Failure

# What a kernel says when a CPU does nothing but one thing.
STALL = "detected stalls on CPUs/tasks"
MARK = re.compile(r"^@@ (\w+) (begin|end (\d+))$")


class Section:
    """What one command in the guest printed, and how it ended."""

    def __init__(self):
        self.text = ""
        # None: it never ended.
        self.code = None


def vmlinuz(kernel):
    """The bootable image among a kernel's files."""
    for pattern in ("boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz*", "lib/modules/*/vmlinuz*"):
        for path in kernel.glob(pattern):
            return path
    raise Failure(f"no kernel image in {kernel}")


class Outcome:
    """What became of a guest."""

    def __init__(self, found, ended, console):
        self.sections = found
        # It powered off; else its time was up.
        self.ended = ended
        # What its kernel died of, in words, or None.
        self.died = None
        if "Kernel panic" in console:
            self.died = "its kernel died"
        elif not ended and STALL in console:
            self.died = "its kernel hung"


class Emulation(enum.Enum):
    """How the machine is emulated."""

    # A thread for each CPU.
    THREADS = ["-accel", "tcg", "-smp", "2"]
    # One thread for both.
    ONE_THREAD = ["-accel", "tcg,thread=single", "-smp", "2"]
    # One CPU whose clock counts its instructions, one a nanosecond.
    COUNTED = ["-accel", "tcg,thread=single", "-smp", "1", "-icount", "shift=0,sleep=off"]


def boot(kernel, archives, disk, limit, log, emulation=Emulation.THREADS):
    """Runs a guest until it powers off, or for `limit` seconds. `disk` is not changed. What its console
    said goes to the file `log`.

    The emulator runs the two CPUs in threads of its own. Where a kernel patches its code while another
    CPU runs it, such a thread may go on with a translation of what was there before: 5.10 was seen with
    both CPUs hitting for ever a breakpoint that was not in memory any more, and kernels died of it at
    boot. In one thread that cannot happen, and the guest is slower."""
    with tempfile.TemporaryDirectory(prefix="netmon-guest-") as directory:
        initrd, output = Path(directory) / "initrd", Path(directory) / "output"
        initrd.write_bytes(b"".join(archives))
        output.touch()
        options = "console=ttyS0 panic=-1 quiet mitigations=off nowatchdog tsc=reliable"
        command = ["qemu-system-x86_64", "-machine", "q35", *emulation.value, "-cpu", "max",
                   "-m", "1024", "-nodefaults", "-display", "none",
                   "-no-reboot", "-kernel", vmlinuz(kernel), "-initrd", initrd,
                   "-append", options,
                   "-drive", f"file={disk},format=raw,if=virtio,snapshot=on",
                   "-serial", f"file:{log}", "-serial", f"file:{output}"]
        ended = True
        try:
            subprocess.run(command, timeout=limit, check=True, stdin=subprocess.DEVNULL,
                           stderr=subprocess.PIPE)
        except subprocess.TimeoutExpired:
            ended = False
        except subprocess.CalledProcessError as error:
            raise Failure(f"qemu: {error.stderr.decode(errors='replace').strip()}") from error
        return Outcome(sections(output.read_text(errors="replace")), ended,
                       log.read_text(errors="replace"))


def sections(text):
    """Splits what came through the second serial port at its marks."""
    found, current = {}, None
    for line in text.splitlines():
        match = MARK.match(line)
        if match and match.group(2) == "begin":
            current = found.setdefault(match.group(1), Section())
        elif match and current is not None:
            current.code = int(match.group(3))
            current = None
        elif current is not None:
            current.text += line + "\n"
    return found
