#!/usr/bin/python3
"""Sealed lanes over dpdk ports, which have no kernel behind them: the nodes find each other's MAC
addresses by ARP and neighbour discovery of their own, and answer what a host on the cable asks.

    texas                                                            oslo
    lane0 10.8.0.1 --[ lanes ]-- 192.0.2.1 eth1 ===== eth1 192.0.2.2 --[ lanes ]-- lane0 10.8.0.2
                               2001:db8::1              2001:db8::2
                                                        kernel: 192.0.2.9, 2001:db8::9
"""

import lab
import sealed_lab

NODE = """
node: node{own}
ports:
  lan: {{driver: tap, device: lane0, address: 10.8.0.{own}/24, mtu: 1300}}
  wan: {{driver: dpdk, device: "net_af_packet0,iface=eth1", address: [192.0.2.{own}/24, "2001:db8::{own}/64"]}}
lanes:
  - {{name: out, id: 10{own}, send: lan, over: {{port: wan, to: "{to}"}}, secret: pair.psk}}
  - {{name: in, id: 10{far}, receive: lan, over: {{port: wan}}, secret: pair.psk}}
"""
TO = {"IPv4": "192.0.2.{far}:4790", "IPv6": "[2001:db8::{far}]:4790"}


def node_yaml(own, to):
    far = 3 - own
    return NODE.format(own=own, far=far, to=TO[to].format(far=far))


def start(host, text):
    node = host.node(text, wait=False)
    lab.eventually(lambda: "is running" in node.log() or "error:" in node.log(), "node starts",
                   timeout=20)
    if "built without dpdk" in node.log() or "net_af_packet" in node.log() and \
            "is running" not in node.log():
        raise lab.Skip(node.log().strip())
    node.wait_for("is running")
    return node


def scenario(world):
    texas, oslo = world.host("texas", ipv6=True), world.host("oslo", ipv6=True)
    world.cable(texas, "eth1", oslo, "eth1", [[], ["192.0.2.9/24", "2001:db8::9/64"]])
    sealed_lab.new_secret(world, "pair")
    for to in TO:
        nodes = [start(texas, node_yaml(1, to)), start(oslo, node_yaml(2, to))]
        texas.reaches("10.8.0.2", timeout=15)
        lab.equal(texas.ping("10.8.0.2", count=50), 50, f"answers over {to}")
        lab.equal(oslo.ping("10.8.0.1", count=5, size=1272), 5, f"answers of full size over {to}")
        # The kernel of oslo is a stranger on the cable. It asks for the address and then pings.
        for address in ("192.0.2.1", "2001:db8::1"):
            oslo.run("ip", "neigh", "flush", "dev", "eth1")
            lab.equal(oslo.ping(address, count=5), 5, f"answers of {address} itself")
        for node in nodes:
            closing = node.stop()
            lab.check(closing.packets["in"] >= 50, f"packets in: {closing.packets}")
            lab.check(closing.packets["out"] >= 50, f"packets out: {closing.packets}")


lab.run(scenario)
