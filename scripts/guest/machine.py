"""One guest from power-on to power-off, and what it said."""

import re
import subprocess
import tempfile
from pathlib import Path

from guest import Failure

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


def boot(kernel, archives, disk, cpus, limit, log):
    """Runs a guest until it powers off, or for `limit` seconds. `disk` is not changed. Gives its
    sections by name; what its console said goes to the file `log`."""
    with tempfile.TemporaryDirectory(prefix="netmon-guest-") as directory:
        initrd, output = Path(directory) / "initrd", Path(directory) / "output"
        initrd.write_bytes(b"".join(archives))
        output.touch()
        options = "console=ttyS0 panic=-1 quiet mitigations=off nowatchdog tsc=reliable"
        command = ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max",
                   "-smp", str(cpus), "-m", "1024", "-nodefaults", "-display", "none",
                   "-no-reboot", "-kernel", vmlinuz(kernel), "-initrd", initrd,
                   "-append", options,
                   "-drive", f"file={disk},format=raw,if=virtio,snapshot=on",
                   "-serial", f"file:{log}", "-serial", f"file:{output}"]
        try:
            subprocess.run(command, timeout=limit, check=True, stdin=subprocess.DEVNULL,
                           stderr=subprocess.PIPE)
        except subprocess.TimeoutExpired:
            pass
        except subprocess.CalledProcessError as error:
            raise Failure(f"qemu: {error.stderr.decode(errors='replace').strip()}") from error
        return sections(output.read_text(errors="replace"))


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
