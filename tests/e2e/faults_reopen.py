#!/usr/bin/python3
"""Devices that only somebody with privileges can make or open anew. In the sandbox the node says so,
once, and lives on; with the rights it opens them again by itself. The lane beside it loses nothing.

    texas hurt0 --[ wan,  eth1 ===== eth1, wan  ]-- hurt0 oslo
          calm0 --[ road, eth2 ===== eth2, road ]-- calm0
"""

import faults
import lab

AF_XDP = "driver: af_xdp, device: eth1, address: 192.0.2.{own}/24, mode: generic"


def own_device(pair, reopens):
    """The interface that the node itself made is deleted."""
    pair.oslo.run("ip", "link", "del", "hurt0")
    if not reopens:
        pair.said(pair.far, "port hurt: hurt0 was deleted. port hurt: needs restart: a port by tun "
                            "needs capabilities that were dropped; restart the node, or let it keep "
                            "that right: `sandbox: {reopen_ports: true}`")
        lab.check("hurt0 was deleted" in faults.ask(pair.far, "why", "hurt"), "`why` does not say it")
        pair.calm.goes_on("the calm lane")
        return
    pair.said(pair.far, "port hurt: hurt0 was deleted, and the port goes on with it")
    pair.hurt.goes_on("the lane after its tun device was deleted")


def xdp(pair, reopens):
    pair.texas.run("ip", "link", "del", "eth1")
    for node in pair.nodes:
        pair.said(node, "port wan: the link is down: there is no interface eth1 any more")
    faults.connect(pair.texas, pair.oslo)
    if not reopens:
        for node in pair.nodes:
            pair.said(node, "port wan: eth1 was deleted and made anew. port wan: needs restart: a "
                            "port by af_xdp cannot be opened in the sandbox of a running node")
        pair.calm.goes_on("the calm lane")
        return
    for node in pair.nodes:
        pair.said(node, "port wan: eth1 was deleted and made anew, and the port goes on with it")
    pair.hurt.goes_on("the lane after its interface was made anew")


CASES = [
    ("tun", {}, lambda pair: own_device(pair, False)),
    ("tun that may be reopened", {"head": "sandbox: {reopen_ports: true}"},
     lambda pair: own_device(pair, True)),
    ("af_xdp", {"wan": AF_XDP}, lambda pair: xdp(pair, False)),
    ("af_xdp without a sandbox", {"wan": AF_XDP, "head": "sandbox: {enforce: false}"},
     lambda pair: xdp(pair, True)),
]


def scenario(world):
    texas, oslo = faults.hosts(world)
    for name, fields, case in CASES:
        if "af_xdp" in name and "built without" in lab.command(lab.LANES, "ports", fails=True):
            print(f"not tested: {name}: this build has none")
            continue
        with faults.Pair(texas, oslo, **fields) as pair:
            case(pair)
        pair.stop()
        print(f"{name}: well")


lab.run(scenario)
