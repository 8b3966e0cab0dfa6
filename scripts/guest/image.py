"""The initramfs of a guest: busybox, ip, netmon, the kernel's modules, and what to do."""

import gzip
import lzma
import re
import subprocess
from pathlib import Path

from guest import Failure
from guest.disk import found

# What the cases need beyond the kernel image, each with what it depends on. What a kernel does
# not have as a module is built in or not there at all: the cases find out which.
MODULES = ["veth", "tls", "gcm", "ctr", "ghash_generic", "aesni_intel", "mptcp_diag", "tcp_diag",
           "udp_diag", "sch_fq", "virtio_pci", "virtio_blk"]
HERE = Path(__file__).parent


class Image:
    """A cpio archive in the making."""

    def __init__(self):
        self._parts = []
        self._made = set()

    def directory(self, path):
        """A directory and those above it."""
        if path in self._made or path in ("", ".", "/"):
            return
        self.directory(str(Path(path).parent))
        self._made.add(path)
        self._entry(path, 0o040755, b"")

    def file(self, path, content, mode=0o644):
        """A file with this content."""
        self.directory(str(Path(path).parent))
        self._entry(path, 0o100000 | mode, content)

    def link(self, path, target):
        """A symbolic link."""
        self.directory(str(Path(path).parent))
        self._entry(path, 0o120777, target.encode())

    def program(self, path, source):
        """A program with the shared libraries it wants, at the paths it wants them at."""
        self.file(path, Path(source).read_bytes(), 0o755)
        listed = subprocess.run(["ldd", source], capture_output=True, text=True, check=False)
        for library in re.findall(r"(/\S+) \(0x", listed.stdout):
            inside = library.lstrip("/")
            if inside not in self._made:
                self._made.add(inside)
                self.file(inside, Path(library).read_bytes(), 0o755)

    def packed(self):
        """The archive, compressed fast."""
        self._entry("TRAILER!!!", 0, b"")
        return gzip.compress(b"".join(self._parts), compresslevel=1)

    def _entry(self, path, mode, content):
        name = path.lstrip("/").encode() + b"\0"
        fields = [len(self._parts) + 1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0]
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        self._parts += [header, bytes(-len(header) % 4), content, bytes(-len(content) % 4)]


def base(binaries):
    """What all guests have in common."""
    image = Image()
    for directory in ("proc", "sys", "dev", "run", "tmp", "root", "mnt", "var/run", "var/lib"):
        image.directory(directory)
    image.program("bin/busybox", "/bin/busybox")
    image.link("bin/sh", "busybox")
    # Before /bin in PATH: busybox has an ip of its own that knows less.
    image.program("usr/local/bin/ip", found("ip"))
    for name in ("netmon", "netmon-agent"):
        image.program(f"usr/local/bin/{name}", binaries / name)
    image.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    image.file("etc/group", b"root:x:0:\nnetmon:x:1:\n")
    image.file("init", (HERE / "init").read_bytes(), 0o755)
    return image.packed()


def modules(kernel, release):
    """The modules of a kernel and the order to load them in."""
    found = {}
    for path in sorted(kernel.rglob("*.ko*")):
        found.setdefault(path.name.split(".ko")[0].replace("-", "_"), path)
    image, order = Image(), []

    def add(name):
        if name in order or name not in found:
            return
        content = unpacked(found[name])
        wanted = re.search(rb"\0depends=([^\0]*)\0", content)
        for needed in wanted.group(1).decode().split(",") if wanted else []:
            add(needed.replace("-", "_"))
        order.append(name)
        image.file(f"lib/modules/{release}/{name}.ko", content)

    for name in MODULES:
        add(name)
    paths = "".join(f"/lib/modules/{release}/{name}.ko\n" for name in order)
    image.file("modules", paths.encode())
    return image.packed()


def job(text):
    """What a guest is to do."""
    image = Image()
    image.file("job", text.encode())
    return image.packed()


def unpacked(path):
    """The content of a module; the guest's insmod knows no compression."""
    content = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(content)
    if path.suffix == ".ko":
        return content
    raise Failure(f"{path.name}: unknown compression")
