#!/usr/bin/python3
"""Peers that move: another MAC address, another way to them, another address of the sender. Lanes
follow, say so once, and nobody restarts anything; the lane beside them loses nothing.

    texas hurt0 --[ wan,  eth1 ===== eth1, wan  ]-- hurt0 oslo
          calm0 --[ road, eth2 ===== eth2, road ]-- calm0
"""

import faults
import lab


def mac(pair, turn):
    """oslo's card is replaced: its own node, and texas, go on with the new address."""
    far, near = f"02:00:00:00:0{turn}:02", f"02:00:00:00:0{turn}:01"
    for host, address in ((pair.oslo, far), (pair.texas, near)):
        host.run("ip", "link", "set", "eth1", "address", address)
    pair.said(pair.far, f"port wan: eth1 has another MAC address, {far}, and the port goes on with it")
    pair.said(pair.near, f"port wan: eth1 has another MAC address, {near}, and the port goes on")
    pair.said(pair.near, f"port wan: 192.0.2.2 is at {far}", timeout=30)
    pair.hurt.goes_on("the lane after both ends have other MAC addresses")
    lab.equal(faults.port(pair.far, "wan")["mac"], far, "MAC address of wan")


def sender(pair):
    """The sender speaks from another address: no receiver cares where a lane packet comes from."""
    pair.texas.run("ip", "address", "add", "192.0.2.77/24", "dev", "eth1")
    before = pair.far.log()
    pair.near.reload(pair.near.file.read_text().replace("192.0.2.1/24", "192.0.2.77/24"), "reloaded")
    pair.texas.run("ip", "address", "del", "192.0.2.1/24", "dev", "eth1")
    pair.hurt.goes_on("the lane from another address")
    lab.equal(pair.far.log(), before, "what the receiver says when the sender moves")


def way(pair):
    """The same peer behind another next hop."""
    oslo = pair.oslo
    oslo.run("ip", "link", "add", "link", "eth1", "name", "mac1", "type", "macvlan", "mode", "bridge")
    oslo.run("ip", "address", "add", "192.0.2.3/32", "dev", "mac1")
    oslo.run("ip", "link", "set", "mac1", "up")
    for device in ("eth1", "mac1"):  # each answers for its own address only
        oslo.run("sysctl", "-qw", f"net.ipv4.conf.{device}.arp_ignore=1")
    pair.texas.run("ip", "route", "replace", "203.0.113.0/24", "via", "192.0.2.3")
    pair.said(pair.near, f"port wan: 203.0.113.2 is at {oslo.mac('mac1')}", timeout=30)
    pair.hurt.goes_on("the lane by another way")
    oslo.run("ip", "link", "set", "eth1", "arp", "off")


class Behind(faults.Pair):
    """oslo is at an address that no link has: texas goes by a route."""

    def __init__(self, texas, oslo):
        oslo.run("ip", "address", "add", "203.0.113.2/32", "dev", "lo")
        texas.run("ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.2")
        super().__init__(texas, oslo, to="203.0.113.2", far_wan="driver: udp, address: 203.0.113.2")


def scenario(world):
    texas, oslo = faults.hosts(world)
    for turn, seal in enumerate(("cipher: none", faults.sealing(world))):
        with faults.Pair(texas, oslo, seal=seal, head="sandbox: {reopen_ports: true}") as pair:
            mac(pair, turn)
            sender(pair)
        pair.stop()
        texas.run("ip", "address", "flush", "dev", "eth1")
        texas.run("ip", "address", "add", "192.0.2.1/24", "dev", "eth1")
    with Behind(texas, oslo) as pair:
        way(pair)
    pair.stop()


lab.run(scenario)
