"""lab: hosts in network namespaces, cables between them, and `lanes` running on them.

Every script in this folder is one scenario: it draws its topology, builds it with a Lab, and
states what must be true with check(). Whatever happens, namespaces, processes and files are gone
afterwards. A script exits 0 (passed), 1 (failed; the logs of all nodes are printed) or 77 (skipped,
with the reason). Only the standard library is used.

The command under test is $LANES_BIN, or build/tools/lanes. Every node that stops must have stopped
with status 0 and balanced books: received + made = sent + absorbed + dropped.
"""

import ctypes
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
LANES = os.environ.get("LANES_BIN", str(ROOT / "build" / "tools" / "lanes"))
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TAP_NO_PI = 0x400454CA, 0x1002
SKIPPED = 77
SOL_PACKET, PACKET_AUXDATA = 263, 8
TP_STATUS_VLAN_VALID = 0x10

libc = ctypes.CDLL(None, use_errno=True)


class Skip(Exception):
    """This machine cannot run the scenario; the text says why."""


class Failed(Exception):
    """Something that must be true is not."""


def check(condition, message):
    if not condition:
        raise Failed(message)


def equal(found, wanted, what):
    if found != wanted:
        raise Failed(f"{what}: {brief(found)}, expected {brief(wanted)}{difference(found, wanted)}")


def brief(value):
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:200]} ... {text[-100:]}"


def difference(found, wanted):
    """What is missing and what is too much, for long lists."""
    if not isinstance(found, list) or not isinstance(wanted, list) or len(wanted) < 10:
        return ""
    missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    return (f"\n  {len(found)} found, {len(wanted)} expected; missing {len(missing)}: "
            f"{brief(missing)}; not expected {len(extra)}: {brief(extra)}")


def eventually(condition, message, timeout=5.0):
    """Waits until condition() is true; returns its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < deadline, f"not within {timeout} s: {message}")
        time.sleep(0.01)


class Closing:
    """What a node printed when it stopped."""

    LANE = re.compile(r"lane (\S+): (sent|received|patched|relayed) (\d+) packets, (\d+) bytes; "
                      r"dropped (\d+)(?: \(duplicates (\d+), too old (\d+)\))?")
    DROP = re.compile(r"dropped (\d+) as (\w+): \S+")
    FRAMES = re.compile(r"frames: received (\d+), made (\d+), sent (\d+), absorbed (\d+), "
                        r"dropped (\d+)")

    def __init__(self, text):
        self.packets, self.bytes, self.dropped_by, self.duplicates, self.old = {}, {}, {}, {}, {}
        self.drops = {}
        self.lost = {port: int(count) for port, count in
                     re.findall(r"port (\S+): lost by the device (\d+) before", text)}
        for name, _, packets, size, dropped, duplicates, old in self.LANE.findall(text):
            self.packets[name] = int(packets)
            self.bytes[name] = int(size)
            self.dropped_by[name] = int(dropped)
            self.duplicates[name] = int(duplicates or 0)
            self.old[name] = int(old or 0)
        for count, reason in self.DROP.findall(text):
            self.drops[reason] = int(count)
        frames = self.FRAMES.search(text)
        check(frames, "a stopped node prints no `frames:` line")
        self.received, self.made, self.sent, self.absorbed, self.dropped = map(int, frames.groups())

    def check_books(self, node):
        check(self.received + self.made == self.sent + self.absorbed + self.dropped,
              f"{node}: books do not balance: received {self.received} + made {self.made} != "
              f"sent {self.sent} + absorbed {self.absorbed} + dropped {self.dropped}")
        equal(sum(self.drops.values()), self.dropped, f"{node}: sum of all named drops")


class Node:
    """One running `lanes`."""

    def __init__(self, host, text, name, wait):
        self.host = host
        self.name = name
        self.file = host.lab.dir / f"{name}.yaml"
        self.log_file = host.lab.dir / f"{name}.log"
        self.file.write_text(text)
        with open(self.log_file, "wb") as log:
            self.process = host.start(LANES, str(self.file), stderr=log, stdout=log)
        if wait:
            self.wait_for("is running: ", timeout=30)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_file.read_text(errors="replace")

    def wait_for(self, text, timeout=5.0, count=1):
        def there():
            ended = self.process.poll()
            if self.log().count(text) >= count:
                return True
            check(ended is None, f"node {self.name} ended with {ended}, before `{text}`")
            return False
        eventually(there, f"node {self.name} says `{text}`", timeout)

    def reload(self, text, answer="reloaded"):
        """Gives the node another file and SIGHUP; returns when it has said `answer`."""
        before = self.log().count(answer)
        self.file.write_text(text)
        self.kill(signal.SIGHUP)
        self.wait_for(answer, timeout=20, count=before + 1)

    def kill(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=10.0):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"node {self.name} does not stop") from None

    def stop(self, number=signal.SIGTERM):
        """Stops the node and returns its Closing, its books checked."""
        self.kill(number)
        equal(self.wait(), 0, f"exit status of node {self.name}")
        check("sandbox: refused" not in self.log(), f"node {self.name} was refused a system call")
        closing = Closing(self.log())
        closing.check_books(self.name)
        return closing

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_kib(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))


class Host:
    """A network namespace: loopback up, no IPv6 unless asked for, so that it is silent."""

    def __init__(self, lab, name, ipv6):
        self.lab = lab
        self.name = name
        self.space = f"lanes-{os.getpid()}-{name}"
        command("ip", "netns", "add", self.space)
        self.path = f"/run/netns/{self.space}"
        settings = {"net.ipv6.conf.default.accept_dad": 0, "net.ipv6.conf.all.accept_dad": 0,
                    "net.ipv6.conf.default.disable_ipv6": 0 if ipv6 else 1,
                    "net.ipv4.ping_group_range": "0 0"}
        self.run("sysctl", "-qw", *(f"{key}={value}" for key, value in settings.items()))
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *arguments, fails=False, timeout=60):
        """Runs a command in the namespace; returns what it printed."""
        return command("nsenter", f"--net={self.path}", *arguments, fails=fails, timeout=timeout)

    def start(self, *arguments, **options):
        """Starts a command in the namespace; it ends with the lab at the latest."""
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        process = subprocess.Popen(["nsenter", f"--net={self.path}", *arguments],
                                   stdin=subprocess.DEVNULL, **options)
        self.lab.processes.append(process)
        return process

    def node(self, text, name=None, wait=True):
        """Starts `lanes` on this YAML; returns when it is running."""
        node = Node(self, text, name or self.name, wait)
        self.lab.nodes.append(node)
        return node

    def within(self, make):
        """What `make()` returns in this namespace; a descriptor stays there, whoever uses it."""
        made = []

        def enter():
            with open(self.path) as there:
                if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(make())
        # A thread of its own: if it could not come back, nobody else would be in the wrong place.
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        check(made, f"nothing was made in {self.name}")
        return made[0]

    def socket(self, *arguments):
        """A socket of this namespace."""
        made = self.within(lambda: socket.socket(*arguments))
        made.settimeout(2.0)
        return made

    def tap(self, device):
        """A TAP device as the program behind it has it: a file of frames, read and written."""
        def make():
            opened = open("/dev/net/tun", "r+b", buffering=0)
            fcntl.ioctl(opened, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP_NO_PI))
            return opened
        made = self.within(make)
        self.run("ip", "link", "set", device, "up")
        return made

    def udp(self, address, port, buffer=32 << 20):
        """A bound UDP socket with a large receive buffer."""
        made = self.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, 33, buffer)  # SO_RCVBUFFORCE
        made.bind((address, port))
        return made

    def packet(self, device, protocol=0x0003):
        """A raw packet socket on a device; receive with receive_frame(). It does not see what
        lanes sends there, which passes by the kernel's taps."""
        made = self.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
        made.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        made.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
        made.bind((device, protocol))
        return made

    def link(self, device):
        """Statistics of a device: link("eth1")["rx"]["packets"]."""
        return json.loads(self.run("ip", "-j", "-s", "link", "show", "dev", device))[0]["stats64"]

    def mac(self, device):
        return json.loads(self.run("ip", "-j", "link", "show", "dev", device))[0]["address"]

    def ping(self, address, count=20, size=56, interval=0.02, patience=2.0):
        """Returns how many answers came, each within `patience` seconds. By fping: after the last
        request ping waits for two round trips only, and on a busy machine misses what did come."""
        out = self.run("sh", "-c", 'exec fping "$@" 2>&1', "fping", "-q", "-c", str(count), "-p",
                       str(round(interval * 1000)), "-t", str(round(patience * 1000)), "-b",
                       str(size), address, fails=True)
        found = re.search(r"xmt/rcv/%loss = \d+/(\d+)/", out)
        check(found, f"ping from {self.name} to {address}: {out}")
        return int(found.group(1))

    def reaches(self, address, timeout=5.0):
        """Waits until one ping is answered: neighbours are known then."""
        eventually(lambda: self.ping(address, count=1, patience=0.5) == 1, f"{self.name} reaches {address}",
                   timeout)

    def serve_iperf3(self, port=5201):
        self.start("iperf3", "-s", "-p", str(port), "--forceflush")
        eventually(lambda: f":{port} " in self.run("ss", "-Hltn"), "iperf3 listens")

    def iperf3(self, address, seconds=2, options=(), port=5201):
        """Runs an iperf3 client; returns its JSON report."""
        report = {}

        def done():
            nonlocal report
            report = json.loads(self.run("iperf3", "-c", address, "-p", str(port), "-t",
                                         str(seconds), "-J", *options, fails=True,
                                         timeout=seconds + 30))
            # The server may still be closing the former client's test.
            return "server is busy" not in report.get("error", "")
        eventually(done, f"iperf3 to {address} finds the server free")
        check("error" not in report, f"iperf3 to {address}: {report.get('error')}")
        return report


class Lab:
    """Everything of one scenario; leaves nothing behind."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="lanes-e2e-"))
        self.hosts, self.nodes, self.processes = [], [], []

    def host(self, name, ipv6=False):
        host = Host(self, name, ipv6)
        self.hosts.append(host)
        return host

    def cable(self, a, device_a, b, device_b, addresses=(), mtu=1500):
        """A veth pair; `addresses` are (for a, for b), each a string or a list of them. Checksums
        are computed by the stack, as on a real cable, not left for the far end to guess."""
        command("ip", "link", "add", device_a, "netns", a.space, "mtu", str(mtu), "type", "veth",
                "peer", "name", device_b, "netns", b.space, "mtu", str(mtu))
        for index, (host, device) in enumerate(((a, device_a), (b, device_b))):
            host.run("ip", "link", "set", device, "up")
            given = addresses[index] if addresses else []
            for address in [given] if isinstance(given, str) else given:
                host.run("ip", "address", "add", address, "dev", device)

    def close_hosts(self):
        """Ends all processes and removes all hosts; the lab can make new ones."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        for host in self.hosts:
            command("ip", "netns", "del", host.space, fails=True)
        self.hosts, self.processes = [], []

    def close(self):
        self.close_hosts()
        shutil.rmtree(self.dir, ignore_errors=True)


def two_hosts(lab, ipv6=False, mtu=1500):
    """texas and oslo with a cable between their eth1; the kernel has the wan addresses too."""
    texas, oslo = lab.host("texas", ipv6), lab.host("oslo", ipv6)
    addresses = [["192.0.2.1/24"], ["192.0.2.2/24"]]
    if ipv6:
        addresses[0].append("2001:db8::1/64")
        addresses[1].append("2001:db8::2/64")
    lab.cable(texas, "eth1", oslo, "eth1", addresses, mtu)
    return texas, oslo


class Flow:
    """Numbered UDP datagrams, sent by a thread of its own at a steady rate until stopped."""

    def __init__(self, sender, target, rate_pps, size=64):
        self.sender, self.target, self.rate_pps, self.size = sender, target, rate_pps, size
        self.sent = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        start = time.monotonic()
        padding = bytes(self.size - 8)
        while not self._stop.is_set():
            due = int((time.monotonic() - start) * self.rate_pps)
            while self.sent < due:
                self.sender.sendto(self.sent.to_bytes(8, "big") + padding, self.target)
                self.sent += 1
            time.sleep(0.001)

    def stop(self):
        self._stop.set()
        self._thread.join()
        return self.sent


def receive_frame(receiver):
    """The next frame of a packet socket, as it was on the wire: the kernel hands the VLAN tag over
    beside the frame."""
    data, ancillary, _, _ = receiver.recvmsg(65536, 256)
    for level, kind, content in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, _ = struct.unpack("=IIIHHHH", content[:20])
            if status & TP_STATUS_VLAN_VALID:
                return data[:12] + b"\x81\x00" + tci.to_bytes(2, "big") + data[12:]
    return data


def receive_all(receiver, quiet=0.3):
    """All frames that wait in a packet socket, until it is quiet."""
    receiver.settimeout(quiet)
    frames = []
    try:
        while True:
            frames.append(receive_frame(receiver))
    except socket.timeout:
        return frames


def collect(receiver, quiet=0.5):
    """All numbers that wait in a receiving socket, in their order, until it is quiet."""
    receiver.settimeout(quiet)
    numbers = []
    try:
        while True:
            numbers.append(int.from_bytes(receiver.recv(65536)[:8], "big"))
    except socket.timeout:
        return numbers


def command(*arguments, fails=False, timeout=60):
    """Runs a command; returns stdout. With `fails` a bad exit status is no error."""
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=timeout, check=False,
                          stdin=subprocess.DEVNULL)
    check(fails or done.returncode == 0,
          f"`{' '.join(arguments)}` exited with {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout


def run(scenario):
    """Runs scenario(lab) and exits as the head of this file says."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    name = pathlib.Path(sys.argv[0]).stem
    reason = None
    if os.geteuid() != 0:
        reason = "needs root for network namespaces"
    elif not os.access(LANES, os.X_OK):
        sys.exit(f"{name}: no program {LANES}; build it, or set LANES_BIN")
    elif not os.path.exists("/dev/net/tun"):
        reason = "no /dev/net/tun"
    if reason:
        print(f"{name}: skipped: {reason}")
        sys.exit(SKIPPED)
    started = time.monotonic()
    status = 1
    lab = Lab()
    try:
        scenario(lab)
        status = 0
    except Skip as skip:
        print(f"{name}: skipped: {skip}")
        status = SKIPPED
    except Exception as error:  # whatever it was, the logs are wanted
        # What failed comes last: whoever shows the end of this shows that.
        for node in lab.nodes:
            print(f"--- log of node {node.name}\n{node.log()[-6000:]}", end="")
        if not isinstance(error, Failed):
            traceback.print_exc(file=sys.stdout)
        for line in traceback.format_tb(error.__traceback__)[1:2]:
            print(line, end="")
        print(f"{name}: FAILED: {error}")
    finally:
        lab.close()
    if status == 0:
        print(f"{name}: passed in {time.monotonic() - started:.1f} s")
    sys.exit(status)
