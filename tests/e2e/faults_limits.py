#!/usr/bin/python3
"""What the host takes from running nodes: a worker's core, descriptors, room in the kernel's buffers.
Each is named once, the node lives, nothing spins, and the lane beside it loses nothing.

    texas hurt0 --[ wan,  eth1 ===== eth1, wan  ]-- hurt0 oslo
          calm0 --[ road, eth2 ===== eth2, road ]-- calm0

The core is taken by a cpuset; with LANES_TEST_OFFLINE=1 core 1 really goes offline for a moment.
"""

import contextlib
import errno
import json
import os
import pathlib
import resource
import socket
import time

import faults
import lab

CPUSETS = pathlib.Path("/sys/fs/cgroup/cpuset")
ONLINE = pathlib.Path("/sys/devices/system/cpu/cpu1/online")
PACKET_QDISC_BYPASS = 20
UDP = "driver: udp, address: 192.0.2.{own}"


@contextlib.contextmanager
def without_core_1(node):
    """The node's process may use core 0 only, as long as this lasts."""
    if os.environ.get("LANES_TEST_OFFLINE") == "1":
        try:
            ONLINE.write_text("0")
            yield
        finally:
            ONLINE.write_text("1")
        return
    group = CPUSETS / f"lanes-e2e-{os.getpid()}"
    group.mkdir()
    try:
        (group / "cpuset.mems").write_text((CPUSETS / "cpuset.mems").read_text())
        (group / "cpuset.cpus").write_text("0")
        (group / "cgroup.procs").write_text(str(node.pid))
        yield
    finally:
        (CPUSETS / "cgroup.procs").write_text(str(node.pid))
        group.rmdir()


def affinity(node, name):
    for task in pathlib.Path(f"/proc/{node.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return os.sched_getaffinity(int(task.name))
    raise lab.Failed(f"no thread {name}")


def core(pair):
    if not (CPUSETS / "cpuset.cpus").exists():
        return print("not tested: a core that is taken away: needs cgroup v1 cpusets")
    if os.cpu_count() < 2:
        return print("not tested: a core that is taken away: there is one core only")
    node = pair.near
    with without_core_1(node):
        pair.said(node, "worker 1: its core 1 is offline, or forbidden to this process by now")
        pair.hurt.goes_on("the lane without the core")
        pair.calm.goes_on("the calm lane without the core")
    pair.said(node, "worker 1: is back on its core 1")
    lab.equal(affinity(node, "worker-1"), {1}, "cores of worker 1")
    for task in pathlib.Path(f"/proc/{node.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "worker-0":
            os.sched_setaffinity(int(task.name), {1})
    pair.said(node, "worker 0: was moved off its core 0 and is pinned to it again")
    lab.equal(affinity(node, "worker-0"), {0}, "cores of worker 0")
    return None


def flood(pair, datagrams):
    for _ in range(datagrams):
        with contextlib.suppress(OSError):
            pair.hurt.sender.sendto(bytes(1000), ("10.8.0.2", 9))


def set_limit(node, limit):
    _, hard = resource.prlimit(node.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(node.pid, resource.RLIMIT_NOFILE, (limit, hard))


def descriptors(pair):
    """No descriptor is left: not for the worker's sleep, nor for clients, nor for the node file."""
    node = pair.near
    used = {int(fd.name) for fd in pathlib.Path(f"/proc/{node.pid}/fd").iterdir()}
    limit = 8
    lab.check(used >= set(range(limit)), f"the first descriptors are in use: {sorted(used)}")
    former, _ = resource.prlimit(node.pid, resource.RLIMIT_NOFILE)
    set_limit(node, limit)
    clients = []
    for _ in range(4):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(node.file.with_name("texas.sock")))
        clients.append(client)
    deadline = time.monotonic() + 10
    words = f"worker 0: no descriptor is left for its sleep, and it looks once a millisecond " \
            f"instead: the limit is {limit}"
    while words not in node.log():
        lab.check(time.monotonic() < deadline, f"`{words}` within 10 s")
        flood(pair, 2000)
    pair.said(node, words)
    before = node.cpu_seconds()
    began = time.monotonic()
    for stream in (pair.hurt, pair.calm):
        stream.goes_on("a lane without descriptors")
    time.sleep(1)
    share = (node.cpu_seconds() - before) / (time.monotonic() - began)
    lab.check(share < 0.6, f"a node without descriptors uses {share:.2f} of a core")
    before = node.log().count("Too many open files")
    node.reload(node.file.read_text(), "nothing was changed")
    lab.check(node.log().count("Too many open files") > before, "the reload that failed says why")
    set_limit(node, former)
    pair.said(node, "worker 0: has a descriptor for its sleep again", timeout=15)
    for client in clients:
        client.close()
    lab.check("up" in faults.ask(node, "show", "lanes"), "management is back")
    node.reload(node.file.read_text())


def drops(node):
    """How many frames a node has dropped, by reason."""
    return {each["reason"]: each["frames"]
            for each in json.loads(faults.ask(node, "show", "drops", "--json"))["drops"]}


def share_of_core(node, what):
    """A node that has nowhere to send to must not spin."""
    used = node.cpu_seconds()
    began = time.monotonic()
    time.sleep(1)
    share = (node.cpu_seconds() - used) / (time.monotonic() - began)
    lab.check(share < 0.6, f"{what} uses {share:.2f} of a core")


def queue(pair):
    """A device takes nothing: it is a TAP now, and nobody reads what is sent to it. The kernel says
    ENOBUFS to who would queue a frame on it, and an af_packet port gives up what waits too long."""
    pair.texas.run("ip", "link", "del", "eth1")
    reader = pair.texas.tap("eth1")
    pair.texas.run("ip", "address", "add", "192.0.2.1/24", "dev", "eth1")
    pair.texas.run("ip", "neigh", "replace", "192.0.2.2", "lladdr", "02:00:00:00:00:02", "dev", "eth1",
                   "nud", "permanent")
    pair.said(pair.near, "port wan: eth1 was deleted and made anew, and the port goes on with it")

    def dropped():
        flood(pair, 2000)
        return drops(pair.near).get("tx_refused", 0) > before + 1000
    before = drops(pair.near).get("tx_refused", 0)
    lab.eventually(dropped, "frames that the device does not take are counted as tx_refused")
    probe = pair.texas.packet("eth1")
    probe.setsockopt(lab.SOL_PACKET, PACKET_QDISC_BYPASS, 1)  # as the port does
    try:
        for _ in range(1000):
            probe.send(bytes(60))
        raise lab.Failed("eth1 takes all frames: this case tests nothing")
    except OSError as error:
        lab.equal(error.errno, errno.ENOBUFS, "what the kernel says to who sends")
    share_of_core(pair.near, "a node whose device takes nothing")
    pair.calm.goes_on("the calm lane")
    reader.close()
    faults.connect(pair.texas, pair.oslo)
    pair.hurt.goes_on("the lane when its device takes frames again", 20)


def buffers(pair):
    """The kernel has no room for what is to be sent: those frames are counted, and nothing waits."""
    pair.texas.run("tc", "qdisc", "add", "dev", "eth1", "root", "tbf", "rate", "2mbit", "burst",
                   "10kb", "limit", "64mb")

    def dropped():
        flood(pair, 10000)
        return drops(pair.near).get("tx_full", 0) > 0
    lab.eventually(dropped, "frames for which there was no room are counted as tx_full", 20)
    pair.calm.goes_on("the calm lane")
    share_of_core(pair.near, "a node whose buffers are full")
    pair.calm.goes_on("the calm lane, still")
    pair.texas.run("tc", "qdisc", "del", "dev", "eth1", "root")
    pair.hurt.goes_on("the lane when there is room again")


CASES = [
    ("core", {"workers": 2}, core),
    ("descriptors", {}, descriptors),
    ("buffers", {"wan": UDP}, buffers),
    ("queue", {}, queue),
]


def scenario(world):
    texas, oslo = faults.hosts(world)
    for name, fields, case in CASES:
        with faults.Pair(texas, oslo, **fields) as pair:
            case(pair)
        pair.stop()
        print(f"{name}: well")


lab.run(scenario)
