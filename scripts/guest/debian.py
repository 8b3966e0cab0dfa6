"""Debian's cloud kernels: found and fetched by apt with a state of its own, then unpacked."""

import os
import re
import shutil
import subprocess
import time

from guest import Failure

# Where the kernels of the default list come from; each is in at least one of these.
SECURITY_SUITES = ["bullseye-security", "bookworm-security"]
SUITES = ["bookworm", "bookworm-backports", "trixie", "trixie-backports", "sid", "experimental"]
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PACKAGE = re.compile(r"linux-(image|binary|binary-unsigned)-((\d+\.\d+)\.\d[0-9a-z.+-]*-cloud-amd64)$")


def natural(release):
    """A key that orders releases: numbers by value, the rest by letters."""
    return [(int(part), "") if part.isdigit() else (-1, part)
            for part in re.findall(r"\d+|[a-z]+", release)]


class Archive:
    """The suites above, on the mirrors that this machine's own apt uses."""

    def __init__(self, cache):
        self.root = cache / "apt"
        self.kernels = cache / "kernels"
        self.environment = dict(os.environ, APT_CONFIG=str(self.root / "apt.conf"))

    def series(self):
        """Every kernel series there is, as {"6.1": "6.1.0-56-cloud-amd64"} with its newest
        release. Asks the mirrors first, but not twice on a day."""
        stamp = self.root / "updated"
        if not stamp.exists() or age(stamp) > 24 * 3600:
            self._configure()
            done = self._run(["apt-get", "-q", "update"], check=False)
            # A suite that is refused (expired, gone) must be seen, and costs only its kernels.
            for line in (done.stdout + done.stderr).splitlines():
                if line.startswith(("E:", "W:")):
                    print(f"apt: {line}", flush=True)
            stamp.touch()
        newest = {}
        listed = self._run(["apt-cache", "--names-only", "search", "^linux-(image|binary(-unsigned)?)-[0-9]"])
        for line in listed.stdout.splitlines():
            match = PACKAGE.match(line.split(" ", 1)[0])
            if match:
                release, series = match.group(2), match.group(3)
                if series not in newest or natural(newest[series]) < natural(release):
                    newest[series] = release
        if not newest:
            raise Failure("apt knows no Debian cloud kernel: see its messages above")
        return newest

    def unpacked(self, release):
        """The directory with the kernel's files; fetched when it is not in the cache."""
        target = self.kernels / release
        if target.exists():
            return target
        print(f"fetching linux {release}", flush=True)
        partial = self.kernels / f"{release}.part"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        # From 6.19 on the image package only pulls in a binary and the modules; the newest may
        # have no signed binary yet.
        image, signed, unsigned, modules = (
            f"linux-{part}-{release}" for part in ("image", "binary", "binary-unsigned", "modules"))
        binary = next((name for name in (signed, unsigned, image) if self._exists(name)), image)
        there = [name for name in (binary, modules) if self._exists(name)]
        self._run(["apt-get", "-q", "download", *there], cwd=partial)
        for package in partial.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, partial], check=True)
            package.unlink()
        partial.rename(target)
        return target

    def _exists(self, package):
        return bool(self._run(["apt-cache", "madison", package]).stdout.strip())

    def _configure(self):
        shutil.rmtree(self.root, ignore_errors=True)
        for directory in ("state/lists/partial", "cache/archives/partial"):
            (self.root / directory).mkdir(parents=True)
        (self.root / "status").touch()
        main, security = mirrors()
        lines = [f"deb [signed-by={KEYRING}] {security} {suite} main" for suite in SECURITY_SUITES]
        lines += [f"deb [signed-by={KEYRING}] {main} {suite} main" for suite in SUITES]
        (self.root / "sources.list").write_text("\n".join(lines) + "\n")
        # How to reach mirrors, and how strictly, is this machine's decision: kept as it is.
        acquire = run(["apt-config", "dump", "Acquire"]).stdout
        (self.root / "apt.conf").write_text(acquire + f'''
Dir::Etc::parts "/dev/null";
Dir::Etc::main "/dev/null";
Dir::Etc::sourcelist "{self.root}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "{self.root}/state";
Dir::State::status "{self.root}/status";
Dir::Cache "{self.root}/cache";
APT::Architecture "amd64";
// The sandbox user of apt cannot write to a home directory.
APT::Sandbox::User "{"root" if os.geteuid() == 0 else ""}";
''')

    def _run(self, command, **options):
        return run(command, env=self.environment, **options)


def mirrors():
    """The addresses of the main and the security archive in this machine's apt sources."""
    form = "$(LABEL)|$(REPO_URI)"
    listed = run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"]).stdout
    known = dict(line.split("|", 1) for line in listed.splitlines() if "|" in line)
    main = known.get("Debian")
    if not main:
        raise Failure("this machine's apt has no Debian mirror (apt-get update, then again)")
    return main, known.get("Debian-Security", main.rstrip("/") + "-security/")


def age(path):
    """Seconds since a file was written."""
    return time.time() - path.stat().st_mtime


def run(command, check=True, **options):
    """Runs a command and keeps what it says; its last words become the failure."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if check and done.returncode:
        raise Failure(f"{' '.join(map(str, command))}: {done.stderr.strip()[-400:]}")
    return done
