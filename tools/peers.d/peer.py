"""What a peer of tools/compare-peers is: something that carries packets, started before its turn
and stopped after it, on hosts that stay. One file per peer beside this one.
"""

import pathlib
import shutil
import subprocess
import time

import lab


class Peer:
    """name: what --only calls it. kind: `plain`, `clear`, `sealed` or `forwarder`; peers are
    compared within their kind. programs: what must be in PATH. package: what Debian calls it."""

    name, kind, settings = "", "", ""
    programs, package = (), None

    def missing(self):
        """Why it cannot be measured here, or None."""
        absent = [program for program in self.programs if not shutil.which(program)]
        return f"not installed: {', '.join(absent)}; --install fetches it" if absent else None

    def version(self):
        return debian_version(self.package) if self.package else f"Linux {kernel()}"

    def start(self, bed):
        """Returns the Ends to measure between; what it needs is running then."""
        raise NotImplementedError

    def stop(self):
        """Undoes start(), also one that failed half way."""


class Daemons:
    """The processes of one turn, each with a log."""

    def __init__(self):
        self._running = []

    def start(self, bed, host, core, program, *arguments, **options):
        log = bed.world.dir / f"{bed.fresh(program)}.log"
        with open(log, "wb") as out:
            process = host.start("taskset", "-c", str(core), program, *arguments, stdout=out,
                                 stderr=out, **options)
        self._running.append((process, program, log))

    def wait_for(self, *texts, timeout=15.0):
        """Until each of them has said one of these."""
        for process, program, log in self._running:
            def said(process=process, program=program, log=log):
                ended, found = process.poll() is not None, log.read_text(errors="replace")
                there = any(text in found for text in texts)
                lab.check(there or not ended, f"{program} ended: {found[-1000:]}")
                return there
            lab.eventually(said, f"{program} says `{texts[0]}`", timeout)

    def stop(self):
        for process, *_ in self._running:
            if process.poll() is None:
                process.terminate()
        for process, *_ in self._running:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running = []


def bring_up(host, device, address, mtu, peer=None, timeout=10.0):
    """Gives a tunnel device that a daemon makes its address and size."""
    lab.eventually(lambda: host.run("ip", "-o", "link", "show", "dev", device, fails=True),
                   f"{device} is there", timeout)
    host.run("ip", "address", "add", address, *(("peer", peer) if peer else ()), "dev", device)
    host.run("ip", "link", "set", device, "mtu", str(mtu), "up")


def gone(host, device):
    """Waits until a device is no more, so that the next turn can have its name."""
    deadline = time.monotonic() + 5
    while host.run("ip", "-o", "link", "show", "dev", device, fails=True):
        lab.check(time.monotonic() < deadline, f"{device} stays")
        time.sleep(0.02)


def kernel():
    return pathlib.Path("/proc/sys/kernel/osrelease").read_text().strip()


def debian_version(package):
    """`package version`, or `package`, version unknown, where it did not come from Debian."""
    try:
        found = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], timeout=10,
                               capture_output=True, text=True, check=False).stdout
    except OSError:
        found = ""
    return f"{package} {found or '(version unknown)'}"
