"""What every peer of tools/compare-peers is measured on, and how.

    tunnels     texas eth1 192.0.2.1 ================================== 192.0.2.2 eth1 oslo
                tunnel device 10.8.0.1                             10.8.0.2 tunnel device

    forwarders  west eth1 10.8.0.1 ==== in --[ middle: forwarder ]-- out ==== 10.8.0.2 eth1 east

The rules that make it fair, the same for all:
- A packet is never larger than 1400 bytes before the tunnel puts its own headers on, whoever
  carries it, and the cable takes 1500, so nothing is ever fragmented.
- What crosses the cable are frames and finished checksums, as on copper: TSO and checksum offload
  of the veth are off (raw sockets and testpmd would pass unfinished checksums on). GSO in software
  stays on. Nothing else is tuned: queues, socket buffers and sysctls are what the kernel gives.
- A tunnel's end has one core: what texas runs and receives is on the first core, oslo's on the
  second, and RPS brings what a cable delivers to the receiver's core, as a NIC's interrupt would.
  With four cores or more the traffic's own source and sink have the third and the fourth; with
  fewer they share the core of their host, for every peer alike.
- A forwarder has one core for itself. It polls all the time, as testpmd cannot do otherwise.
"""

import collections
import json
import os
import pathlib
import re
import shutil
import statistics
import sys
import time

import lab

NEAR, FAR = "10.8.0.1", "10.8.0.2"
UNDERLAY = {"texas": "192.0.2.1", "oslo": "192.0.2.2"}
MTU, CABLE_MTU = 1400, 1500
MARKER = b"\xfe\xed\x1a\x9e"
GENERATOR = pathlib.Path(__file__).with_name("udp_blast.py")
WARM = 20  # pings that are not counted

Cores = collections.namedtuple("Cores", "near far source sink")
# Where traffic goes in and comes out: two hosts, the device of each, the address of the far one.
Ends = collections.namedtuple("Ends", "near near_device far far_device address")


def choose_cores():
    here = sorted(os.sched_getaffinity(0))
    if len(here) < 2:
        raise lab.Skip("needs two cores")
    return Cores(*here[:4]) if len(here) >= 4 else Cores(here[0], here[1], here[0], here[1])


def installed(program):
    return shutil.which(program) is not None


def core_mask(core):
    """As sysfs wants it: groups of 32 bits."""
    return ",".join([f"{1 << core % 32:x}"] + ["0" * 8] * (core // 32))


class Bed:
    """The hosts, their cables, and what is measured through them."""

    def __init__(self, world, options):
        self.world = world
        self.options = options
        self.cores = choose_cores()
        self.port = 5200
        self.keys = {}
        self.count = 0
        self._hosts = {}

    def host(self, name):
        """One of the five, joined to its neighbours when it is first asked for."""
        if name not in self._hosts:
            self._tunnel_hosts() if name in UNDERLAY else self._forward_hosts()
        return self._hosts[name]

    def _tunnel_hosts(self):
        hosts = self._hosts
        hosts["texas"], hosts["oslo"] = self.world.host("texas"), self.world.host("oslo")
        self.world.cable(hosts["texas"], "eth1", hosts["oslo"], "eth1",
                         [f"{UNDERLAY['texas']}/24", f"{UNDERLAY['oslo']}/24"], CABLE_MTU)
        for name, core in (("texas", self.cores.near), ("oslo", self.cores.far)):
            self.offload(hosts[name], "eth1", "off")
            self.steer(hosts[name], "eth1", core)

    def _forward_hosts(self):
        hosts, cores = self._hosts, self.cores
        for name in ("west", "middle", "east"):
            hosts[name] = self.world.host(name)
        self.world.cable(hosts["west"], "eth1", hosts["middle"], "in", [f"{NEAR}/24", []], MTU)
        self.world.cable(hosts["middle"], "out", hosts["east"], "eth1", [[], f"{FAR}/24"], MTU)
        # The forwarder has the second core; ends that have no core of their own share the first.
        far_end = cores.sink if cores.sink != cores.far else cores.near
        for name, device, core in (("west", "eth1", cores.source), ("middle", "in", cores.far),
                                   ("middle", "out", cores.far), ("east", "eth1", far_end)):
            self.offload(hosts[name], device, "off")
            self.steer(hosts[name], device, core)

    @staticmethod
    def offload(host, device, on):
        host.run("ethtool", "-K", device, "tx", on, "tso", on)

    @staticmethod
    def steer(host, device, core):
        host.run("ip", "netns", "exec", host.space, "sh", "-c", f"echo {core_mask(core)} > "
                 f"/sys/class/net/{device}/queues/rx-0/rps_cpus")

    def fresh(self, name):
        """A name that this run has not used yet, for files."""
        self.count += 1
        return f"{name}-{self.count}"

    def ends(self, near_device, far_device=None, address=FAR):
        return Ends(self.host("texas"), near_device, self.host("oslo"), far_device or near_device,
                    address)

    def check_way(self, ends, peer):
        """The traffic really crosses the cable, and can be read there only if nothing seals it."""
        ends.near.reaches(ends.address, timeout=15)
        if peer.kind == "forwarder":
            return
        wire = self.host("oslo").packet("eth1")
        try:
            ends.near.run("ping", "-c", "5", "-i", "0.02", "-s", "600", "-p", MARKER.hex(),
                          ends.address)
            frames = [frame for frame in lab.receive_all(wire, quiet=0.05) if len(frame) > 600]
        finally:
            wire.close()
        lab.check(len(frames) >= 5, f"{len(frames)} frames on the cable, sent 5")
        readable = sum(MARKER * 16 in frame for frame in frames)
        lab.check((readable == 0) == (peer.kind == "sealed"),
                  f"{readable} of {len(frames)} frames can be read on the cable: not {peer.kind}")

    def measure(self, peer, ends):
        """One turn of a peer: {measure: value}."""
        self.check_way(ends, peer)
        source, sink = self.cores.source, self.cores.sink
        if peer.kind == "forwarder" and sink == self.cores.far:
            sink = self.cores.near  # the second core is the forwarder's
        latencies = ping(ends, source, self.options.pings)
        values = {"tcp": self.tcp(ends, source, sink), "rate": self.rate(peer, ends, source)}
        values["ping"] = statistics.median(latencies)
        values["ping_p99"] = sorted(latencies)[int(0.99 * len(latencies))]
        return values

    def tcp(self, ends, source, sink):
        """Goodput of one TCP connection, bit/s."""
        self.port += 1
        seconds = max(1, round(self.options.seconds))  # iperf3 takes whole ones only
        server = ends.far.start("taskset", "-c", str(sink), "iperf3", "-s", "-1", "-p",
                                str(self.port))
        try:
            lab.eventually(lambda: f":{self.port} " in ends.far.run("ss", "-Hltn"),
                           "iperf3 listens")
            out = ends.near.run("taskset", "-c", str(source), "iperf3", "-c", ends.address, "-p",
                                str(self.port), "-t", str(seconds), "-J", fails=True,
                                timeout=seconds + 15)
        finally:
            server.kill()
            server.wait()
        report = json.loads(out)
        lab.check("error" not in report, f"iperf3: {report.get('error')}")
        return report["end"]["sum_received"]["bits_per_second"]

    def rate(self, peer, ends, source):
        """Packets per second that the far device received. Small ones: a frame of 64 bytes with its
        FCS is an IP packet of 46, a datagram of 18."""
        seconds = str(self.options.seconds)
        if peer.kind == "forwarder":
            command = [os.environ["BLAST_BIN"], ends.near_device, "--size", "60"]
        else:
            command = [sys.executable, "-B", str(GENERATOR), ends.address]

        def blast(length):
            out = ends.near.run("taskset", "-c", str(source), *command, "--seconds", length)
            return float(re.match(r"\d+ \w+ in ([\d.]+) s", out)[1])
        # Somebody must be there, or oslo would answer with ICMP errors; nobody reads them.
        taker = ends.far.udp(ends.address, 9, buffer=4096)
        try:
            blast("0.1")
            time.sleep(0.1)
            before = ends.far.link(ends.far_device)["rx"]["packets"]
            spent = blast(seconds)
            time.sleep(0.1)
            return (ends.far.link(ends.far_device)["rx"]["packets"] - before) / spent
        finally:
            taker.close()


def ping(ends, core, count):
    """Round-trip times in seconds."""
    out = ends.near.run("taskset", "-c", str(core), "ping", "-i", "0.002", "-c", str(count + WARM),
                        "-W", "1", ends.address, fails=True)
    times = [float(text) / 1e3 for text in re.findall(r"time=([\d.]+) ms", out)][WARM:]
    lab.check(len(times) >= 0.9 * count, f"{len(times)} of {count} pings answered")
    return times
