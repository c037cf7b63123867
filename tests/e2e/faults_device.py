#!/usr/bin/python3
"""Devices that fail under running nodes: links that go down and come up, interfaces that are deleted
and made anew, addresses that go and come. The sandbox is in force, and nobody restarts anything: the
lane on it goes on as soon as it can, the log names the cause once, and the lane beside it loses
nothing.

    texas hurt0 --[ wan,  eth1 ===== eth1, wan  ]-- hurt0 oslo
          calm0 --[ road, eth2 ===== eth2, road ]-- calm0
"""

import faults
import lab

UDP = "driver: udp, address: 192.0.2.{own}"


def link(pair):
    """Down on this side, then on the other: both say so, once."""
    near, far = pair.nodes
    for turn in (1, 2):
        pair.texas.run("ip", "link", "set", "eth1", "down")
        pair.said(near, "port wan: the link is down: eth1 is set down: ip link set dev eth1 up", turn)
        pair.said(far, "port wan: the link is down: eth1 has no carrier", turn)
        lab.equal(faults.port(near, "wan")["link"], "down", "link of wan")
        lab.check("eth1 is set down" in faults.ask(near, "why", "hurt"), "`why` does not say it")
        pair.texas.run("ip", "link", "set", "eth1", "up")
        for node in pair.nodes:
            pair.said(node, "port wan: the link is up again", turn)
        pair.hurt.goes_on("the lane after its link came up")


def interface(pair, times):
    """Deleted, and made anew with another index and another MAC address, in the sandbox."""
    for turn in range(1, times + 1):
        pair.texas.run("ip", "link", "del", "eth1")
        pair.hurt.stands("a lane without its device")
        for node in pair.nodes:
            pair.said(node, "port wan: the link is down: there is no interface eth1 any more", turn)
        faults.connect(pair.texas, pair.oslo)
        for node in pair.nodes:
            pair.said(node, "port wan: eth1 was deleted and made anew, and the port goes on with it",
                      turn)
        pair.hurt.goes_on("the lane after its interface was made anew")
        lab.equal(faults.port(pair.near, "wan")["mac"], pair.texas.mac("eth1"), "MAC address of wan")
    lab.equal(faults.port(pair.near, "wan")["link"], "up", "link of wan")


def address(pair):
    """A udp port needs nothing but its address back."""
    pair.texas.run("ip", "link", "del", "eth1")
    for node in pair.nodes:
        pair.said(node, "port wan: the link is down: no interface has the address 192.0.2.")
    faults.connect(pair.texas, pair.oslo)
    for node in pair.nodes:
        pair.said(node, "is on eth1 now, another interface than it was, and the port goes on with it")
    pair.hurt.goes_on("the lane after its address came back")


CASES = [
    ("link", {}, link),
    ("af_packet, one worker", {}, lambda pair: interface(pair, 2)),
    ("af_packet, two workers", {"workers": 2}, lambda pair: interface(pair, 2)),
    ("udp", {"wan": UDP}, address),
]


def scenario(world):
    texas, oslo = faults.hosts(world)
    for name, fields, case in CASES:
        with faults.Pair(texas, oslo, **fields) as pair:
            case(pair)
        pair.stop()
        print(f"{name}: well")


lab.run(scenario)
