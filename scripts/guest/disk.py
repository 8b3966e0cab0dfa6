"""The disk of a guest: the live tests and every program that they start."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from guest import Failure

# What the tests start, as Debian installs it.
PROGRAMS = ["/bin/sh", "/usr/bin/python3", "/usr/bin/curl", "/usr/bin/setpriv", "/usr/bin/unshare",
            "/usr/bin/env", "/bin/cp", "/bin/kill", "/bin/mount", "/bin/sleep", "/bin/cat", "ip"]
# Parts of Python's library that no test needs, and that are large.
NOT_NEEDED = ["test", "idlelib", "ensurepip", "dist-packages", "distutils", "lib2to3", "turtledemo",
              "config-*", "tkinter", "unittest", "pydoc_data", "asyncio"]
MEGABYTES = 192


def disk(path, binaries, tests):
    """Makes an ext4 image at `path` with the programs of netmon in `binaries` (a directory) and the
    test programs `tests` (name -> file)."""
    with tempfile.TemporaryDirectory(prefix="netmon-disk-") as directory:
        root = Path(directory)
        for name in ("proc", "sys", "dev", "run", "tmp", "etc", "root", "usr/bin", "tests",
                     "usr/local/bin", "var/lib"):
            (root / name).mkdir(parents=True)
        (root / "tmp").chmod(0o1777)
        # As Debian has it, so that libraries are found at whichever path a program wants them.
        for name in ("bin", "sbin", "lib", "lib64"):
            (root / name).symlink_to(f"usr/{name}")
            (root / "usr" / name).mkdir(exist_ok=True)
        for name in PROGRAMS:
            place(root, Path(found(name)))
        for name in ("netmon", "netmon-agent"):
            place(root, binaries / name, f"/usr/local/bin/{name}")
        for name, program in tests.items():
            place(root, program, f"/tests/{name}")
            subprocess.run(["strip", "--strip-debug", root / "tests" / name], check=True)
        python(root)
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n"
                                         "nobody:x:65534:65534:nobody:/:/bin/false\n")
        (root / "etc/group").write_text("root:x:0:\nnetmon:x:1:\nnogroup:x:65534:\n")
        path.unlink(missing_ok=True)
        run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, path,
             f"{MEGABYTES}M"])


def place(root, program, target=None):
    """A program at its own path, or at `target`, with the libraries it wants."""
    inside = root / (target or str(program)).lstrip("/")
    inside.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(program.resolve(), inside)
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    for library in re.findall(r"(/\S+) \(0x", listed.stdout):
        copy = root / library.lstrip("/")
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(Path(library).resolve(), copy)


def python(root):
    """Python's own library, with the times of its files: else it would be compiled anew."""
    for library in Path("/usr/lib").glob("python3.*"):
        shutil.copytree(library, root / "usr/lib" / library.name, symlinks=True,
                        ignore=shutil.ignore_patterns(*NOT_NEEDED))
        for extension in (library / "lib-dynload").glob("*.so"):
            place(root, extension)


def found(name):
    """Where a program of this machine is."""
    if name.startswith("/"):
        return name
    for directory in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        if (Path(directory) / name).exists():
            return f"{directory}/{name}"
    raise Failure(f"{name} is not installed")


def run(command):
    """Runs a command; its last words become the failure."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{command[0]}: {done.stderr.strip()[-400:]}")
