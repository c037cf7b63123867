"""Forwarders between two veth pairs: patch lanes on af_packet ports, and dpdk-testpmd in io mode
with its af_packet and its af_xdp driver. Both move frames both ways and look at nothing, with one
core that polls. testpmd is no tunnel: these are compared with each other and not with tunnels.

af_xdp puts its program into veth itself, where frames are taken before RPS can move them to the
forwarder's core: the kernel's half of its receiving is done on the sender's core.
"""

import os
import shutil
import socket

import bed as beds
import lanes_pair
import peer

AF_XDP = 44  # <bits/socket.h>; Python has no name for it
NODE = """
node: patch
workers: [{core}]
poll: busy
ports:
  in: {{driver: af_packet, device: in, promiscuous: true}}
  out: {{driver: af_packet, device: out, promiscuous: true}}
lanes:
  - {{name: there, patch: {{from: in, to: out}}}}
  - {{name: back, patch: {{from: out, to: in}}}}
"""


class Forwarder(peer.Peer):
    kind = "forwarder"

    @staticmethod
    def ends(bed):
        return beds.Ends(bed.host("west"), "eth1", bed.host("east"), "eth1", beds.FAR)

    def missing(self):
        if not os.access(os.environ["BLAST_BIN"], os.X_OK):
            return f"no program {os.environ['BLAST_BIN']}; build it, or set BLAST_BIN"
        return super().missing()


class LanesPatch(Forwarder):
    name = "lanes-patch"
    settings = "two patch lanes, af_packet ports, poll: busy"
    node = None

    def version(self):
        return lanes_pair.version()

    def start(self, bed):
        self.node = bed.host("middle").node(NODE.format(core=bed.cores.far), bed.fresh("patch"))
        return self.ends(bed)

    def stop(self):
        node, self.node = self.node, None
        if node:
            node.stop()


class Testpmd(Forwarder):
    programs, package = ("dpdk-testpmd",), "dpdk-dev"

    def __init__(self, driver, settings, options):
        self.name, self.settings = f"testpmd-{driver}", settings
        self.driver, self.options = driver, options
        self.daemons = peer.Daemons()
        self.prefix = f"lanes{os.getpid()}"
        self.middle = None

    def missing(self):
        if self.driver == "af_xdp":
            try:
                socket.socket(AF_XDP, socket.SOCK_RAW).close()
            except OSError as error:
                return f"this kernel makes no AF_XDP sockets: {error.strerror}"
        return super().missing()

    def start(self, bed):
        self.middle = bed.host("middle")
        main, core = bed.cores.near, bed.cores.far
        devices = [f"--vdev=net_{self.driver}{n},iface={device}{self.options}"
                   for n, device in enumerate(("in", "out"))]
        # It chooses its cores itself; both are allowed to it.
        self.daemons.start(
            bed, self.middle, f"{main},{core}", "dpdk-testpmd", "-l", f"{main},{core}",
            "--main-lcore", str(main), "--no-huge", "-m", "256", "--no-pci", "--no-telemetry",
            *devices, f"--file-prefix={self.prefix}", "--", "--forward-mode=io",
            "--nb-cores=1", "--total-num-mbufs=16384", "--no-lsc-interrupt", "--stats-period=60")
        self.daemons.wait_for("Press enter to exit", "NIC statistics", timeout=30)
        return self.ends(bed)

    def stop(self):
        self.daemons.stop()
        shutil.rmtree(f"/run/dpdk/{self.prefix}", ignore_errors=True)
        if self.middle and self.driver == "af_xdp":
            for device in ("in", "out"):
                self.middle.run("ip", "link", "set", device, "xdp", "off", fails=True)


def peers():
    return [
        LanesPatch(),
        # As many ring slots as lanes has by default; the driver's own are fewer and slower.
        Testpmd("af_packet", "io forwarding, net_af_packet, rings as large as those of lanes",
                ",blocksz=4096,framesz=2048,framecnt=4096,qdisc_bypass=1"),
        Testpmd("af_xdp", "io forwarding, net_af_xdp, copy mode: veth has no other", ""),
    ]
