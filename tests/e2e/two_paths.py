#!/usr/bin/python3
"""A lane over two roads: each packet travels twice and is delivered once, also while one road is
cut.

    texas                                          oslo
    lane0 --+-- eth1 192.0.2.1 ===== .2 eth1 --+-- lane0
            +-- eth2 198.51.100.1 == .2 eth2 --+
"""

import lab

TEXAS = """
node: texas
ports:
  lan: {driver: tap, device: lane0, address: 10.8.0.1/24, mtu: 1400}
  one: {driver: af_packet, device: eth1, address: 192.0.2.1/24}
  two: {driver: af_packet, device: eth2, address: 198.51.100.1/24}
lanes:
  - name: out
    id: 101
    send: lan
    over: [{port: one, to: "192.0.2.2:4790"}, {port: two, to: "198.51.100.2:4790"}]
    cipher: none
"""
OSLO = """
node: oslo
ports:
  lan: {driver: tap, device: lane0, address: 10.8.0.2/24, mtu: 1400}
  one: {driver: af_packet, device: eth1, address: 192.0.2.2/24}
  two: {driver: af_packet, device: eth2, address: 198.51.100.2/24}
lanes:
  - {name: in, id: 101, receive: lan, over: [{port: one}, {port: two}], cipher: none}
"""


def scenario(world):
    texas, oslo = lab.two_hosts(world)
    world.cable(texas, "eth2", oslo, "eth2", ["198.51.100.1/24", "198.51.100.2/24"])
    for address in ("192.0.2.2", "198.51.100.2"):
        texas.run("ping", "-c", "1", address)  # the next hops are known
    near, far = texas.node(TEXAS), oslo.node(OSLO)
    texas.run("ip", "neigh", "replace", "10.8.0.2", "lladdr", oslo.mac("lane0"), "dev", "lane0")
    receiver = oslo.udp("10.8.0.2", 9)
    sender = texas.udp("10.8.0.1", 0)

    flow = lab.Flow(sender, ("10.8.0.2", 9), rate_pps=5000)
    lab.eventually(lambda: flow.sent >= 5000, "the flow is sent")
    sent = flow.stop()
    numbers = lab.collect(receiver)
    lab.equal((len(numbers), sorted(set(numbers))), (sent, list(range(sent))), "each once")

    flow = lab.Flow(sender, ("10.8.0.2", 9), rate_pps=5000)
    lab.eventually(lambda: flow.sent >= 2000, "the flow is under way")
    oslo.run("ip", "link", "set", "eth2", "down")
    lab.eventually(lambda: flow.sent >= 6000, "the flow goes on")
    again = flow.stop()
    numbers = lab.collect(receiver)
    lab.equal((len(numbers), sorted(set(numbers))), (again, list(range(again))),
              "each once, also when a road was cut")
    a, b = near.stop(), far.stop()
    lab.check(b.duplicates["in"] >= sent, f"duplicates: {b.duplicates['in']} of {sent}")
    lab.equal(b.packets["in"], sent + again, "packets delivered")
    lab.check(a.made >= sent, "copies were made")


lab.run(scenario)
