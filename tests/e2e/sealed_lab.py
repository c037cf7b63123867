"""sealed_lab: what the scenarios of sealed lanes share: key files and whether their secrets got out,
a stretch whose two ends outlive `lanes`, numbered datagrams that are collected while they come, and
what a node says of its lanes.
"""

import base64
import contextlib
import os
import re
import signal
import socket
import threading
import time

import lab

TEXAS_MAC, OSLO_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
SOURCE, SINK = "10.8.0.1", "10.8.0.2"
PORT = 9  # discard


def new_key(world, name):
    """Makes NAME.key in the lab's folder, as an operator does; returns the public key's text."""
    path = world.dir / f"{name}.key"
    lab.command("sh", "-c", 'umask 077; "$0" key new > "$1"', lab.LANES, str(path))
    return lab.command("sh", "-c", '"$0" key public < "$1"', lab.LANES, str(path)).strip()


def new_secret(world, name):
    """Makes NAME.psk in the lab's folder."""
    lab.command("sh", "-c", 'umask 077; "$0" key secret > "$1"', lab.LANES,
                str(world.dir / f"{name}.psk"))


def spellings(secret):
    """A key's text as it might be printed."""
    raw = base64.b64decode(secret)
    return [secret.encode(), secret[:20].encode(), raw.hex().encode(), raw.hex().upper().encode(),
            raw[::-1].hex().encode(), raw, base64.urlsafe_b64encode(raw)]


def no_secret_in(data, secrets, what):
    for name, secret in secrets.items():
        for spelling in spellings(secret):
            lab.check(spelling not in data, f"{what} holds the secret of {name}")


@contextlib.contextmanager
def small_disk(path, size="64k"):
    """A file system at `path`, in memory and empty at first."""
    path.mkdir(mode=0o700)
    lab.command("mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "lanes-e2e", str(path))
    try:
        yield
    finally:
        lab.command("umount", "--lazy", str(path))


def fill(path):
    """Fills the file system at `path`; returns the file that does."""
    filler = path / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(os.sysconf("SC_PAGE_SIZE")))
    return filler


def ends(world):
    """texas and oslo, not joined yet. What is sent to SINK on texas' gen comes out of its lan0, for
    lanes to take; what lanes at oslo puts into lan0 comes out of sink. Both stay when lanes stops,
    and nobody asks for addresses.

        texas gen ===== lan0                              lan0 ===== sink oslo
    """
    texas, oslo = world.host("texas"), world.host("oslo")
    world.cable(texas, "gen", texas, "lan0", [[f"{SOURCE}/24"], []])
    world.cable(oslo, "sink", oslo, "lan0", [[f"{SINK}/24"], []])
    texas.run("ip", "neigh", "replace", SINK, "lladdr", oslo.mac("sink"), "dev", "gen")
    return texas, oslo


def stretch(world):
    """The same with a cable between their eth1.

        texas gen ===== lan0 --[ lanes ]-- eth1 ===== eth1 --[ lanes ]-- lan0 ===== sink oslo
    """
    texas, oslo = ends(world)
    world.cable(texas, "eth1", oslo, "eth1", [["192.0.2.1/24"], ["192.0.2.2/24"]])
    texas.run("ip", "link", "set", "eth1", "address", TEXAS_MAC)
    oslo.run("ip", "link", "set", "eth1", "address", OSLO_MAC)
    return texas, oslo


class Collector:
    """Takes in numbered datagrams (lab.Flow sends them) in a thread of its own."""

    def __init__(self, host, port=PORT, address=SINK):
        self.numbers = []
        self._socket = host.udp(address, port)
        self._socket.settimeout(0.1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                self.numbers.append(int.from_bytes(self._socket.recv(2048)[:8], "big"))
            except socket.timeout:
                if self._stop.is_set():
                    return

    def end(self):
        """Lets the thread end when no more come; stop() waits for it."""
        self._stop.set()

    def stop(self):
        """All numbers that came, in their order, when no more come."""
        self.end()
        self._thread.join()
        self._socket.close()
        return self.numbers

    def comes(self, count=50, timeout=5.0):
        """Waits until `count` more have come; returns the seconds that it took."""
        began, mark = time.monotonic(), len(self.numbers)
        lab.eventually(lambda: len(self.numbers) >= mark + count, "traffic flows again", timeout)
        return time.monotonic() - began


def flow(host, rate_pps, port=PORT, size=64):
    return lab.Flow(host.udp(SOURCE, 0), (SINK, port), rate_pps, size)


def each_once(numbers, sent, what):
    """Nothing lost and nothing twice, in any order."""
    lab.equal((len(numbers), sorted(set(numbers))), (sent, list(range(sent))), what)


def none_twice(numbers, what):
    lab.equal(len(set(numbers)), len(numbers), f"{what}: different numbers among all that came")


class LaneState:
    """One line of SIGUSR1."""

    LINE = re.compile(r"^lanes: lane (\S+) is ([a-z-]+)(?:: (.*?))?(?:; epoch (\d+) for (\d+ \w+))?"
                      r"(?:; lost on the way (\d+), delay varies by (\d+) us)?$", re.M)

    def __init__(self, match):
        _, self.state, cause, epoch, self.age, lost, varies = match.groups()
        self.cause = cause or ""
        self.epoch = None if epoch is None else int(epoch)
        self.lost = None if lost is None else int(lost)
        self.varies_us = None if varies is None else int(varies)


def states(node, *names):
    """What a running node says of these lanes."""
    begin = len(node.log())
    node.kill(signal.SIGUSR1)
    found = {}

    def said():
        for match in LaneState.LINE.finditer(node.log(), begin):
            line = LaneState(match)
            if line.state != "up" or line.epoch is not None:  # else it is news, not an answer
                found[match[1]] = line
        return all(name in found for name in names)
    lab.eventually(said, f"{node.name} tells the state of {names}")
    return found


def state(node, name):
    return states(node, name)[name]


def wait_until_sending(node, name):
    """Waits until a sending lane has its first session: what comes before is dropped as no_key."""
    lab.eventually(lambda: state(node, name).state == "up", f"{node.name} sends over {name}")
