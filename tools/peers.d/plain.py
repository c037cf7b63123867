"""Peers that the kernel is: the bare cable, and VXLAN over it."""

import bed as beds
import peer


class Veth(peer.Peer):
    """What everything else is measured against: the cable itself, with packets as large as those
    within the tunnels."""

    name, kind = "veth", "plain"
    settings = f"no tunnel; MTU {beds.MTU}, TSO and checksum offload off as for all"
    offload = "off"

    def start(self, bed):
        self.bed = bed
        self._shape(self.offload, beds.MTU)
        return bed.ends("eth1", address=beds.UNDERLAY["oslo"])

    def stop(self):
        self._shape("off", beds.CABLE_MTU)

    def _shape(self, offload, mtu):
        for name in beds.UNDERLAY:
            host = self.bed.host(name)
            host.run("ip", "link", "set", "eth1", "mtu", str(mtu))
            self.bed.offload(host, "eth1", offload)


class VethOffload(Veth):
    """veth as Linux makes it. TCP crosses in pieces of 64 KB that no wire could carry."""

    name = "veth-offload"
    settings = f"no tunnel; MTU {beds.MTU}, TSO on: super-frames cross the cable whole"
    offload = "on"


class Vxlan(peer.Peer):
    name, kind = "vxlan", "clear"
    settings = "Ethernet in UDP over IPv4, in the kernel, which has GSO for it"

    def start(self, bed):
        self.hosts = [bed.host(name) for name in beds.UNDERLAY]
        local = list(beds.UNDERLAY.values())
        for own, host in enumerate(self.hosts):
            host.run("ip", "link", "add", "vx0", "type", "vxlan", "id", "42", "local", local[own],
                     "remote", local[1 - own], "dstport", "4789", "dev", "eth1")
            peer.bring_up(host, "vx0", f"10.8.0.{own + 1}/24", beds.MTU)
        return bed.ends("vx0")

    def stop(self):
        for host in self.hosts:
            host.run("ip", "link", "del", "vx0", fails=True)
