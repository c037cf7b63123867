#!/usr/bin/python3
"""One lane and no return path at all. Between the hosts stands a diode that passes frames to the
right only (a host whose `lanes` has one patch, and nothing for the other direction).

    texas                             diode                             oslo
    lane0 --[ eth1 192.0.2.1 ]==[ left  --patch-->  right ]==[ 192.0.2.2 eth1 ]-- lane0
    10.8.0.1                                                                   10.8.0.2
    fixed MAC of oslo: no ARP                               receives, and never sends a frame
"""

import lab

TEXAS = """
node: texas
ports:
  lan: {{driver: tap, device: lane0, address: 10.8.0.1/24, mtu: 1400}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.1/24}}
lanes:
  - {{name: out, id: 101, send: lan, over: {{port: wan, to: "192.0.2.2:4790", next_hop: "{mac}"}},
     cipher: none}}
"""
DIODE = """
node: diode
ports:
  left: {driver: af_packet, device: left, promiscuous: true}
  right: {driver: af_packet, device: right, promiscuous: true}
lanes:
  - {name: diode, patch: {from: left, to: right}}
"""
OSLO = """
node: oslo
ports:
  lan: {driver: tap, device: lane0, address: 10.8.0.2/24, mtu: 1400}
  wan: {driver: af_packet, device: eth1, address: 192.0.2.2/24}
lanes:
  - {name: in, id: 101, receive: lan, over: {port: wan}, cipher: none}
"""
COUNT = 20000


def scenario(world):
    texas, diode, oslo = world.host("texas"), world.host("diode"), world.host("oslo")
    world.cable(texas, "eth1", diode, "left", [["192.0.2.1/24"], []])
    world.cable(diode, "right", oslo, "eth1", [[], ["192.0.2.2/24"]])
    middle = diode.node(DIODE)
    far = oslo.node(OSLO)
    near = texas.node(TEXAS.format(mac=oslo.mac("eth1")))
    # Nobody answers ARP through a one-way lane: the neighbour inside is told, too.
    texas.run("ip", "neigh", "replace", "10.8.0.2", "lladdr", oslo.mac("lane0"), "dev", "lane0")
    receiver = oslo.udp("10.8.0.2", 9)
    flow = lab.Flow(texas.udp("10.8.0.1", 0), ("10.8.0.2", 9), rate_pps=10000)
    lab.eventually(lambda: flow.sent >= COUNT, "the flow is sent", timeout=20)
    sent = flow.stop()
    lab.equal(lab.collect(receiver), list(range(sent)), "datagrams that came, in order")
    lab.equal(oslo.link("eth1")["tx"]["packets"], 0, "frames that left oslo")
    lab.equal(diode.link("right")["rx"]["packets"], 0, "frames that came back to the diode")
    lab.equal(texas.link("eth1")["rx"]["packets"], 0, "frames that came back to texas")
    a, _, b = near.stop(), middle.stop(), far.stop()
    lab.check(a.packets["out"] >= sent, "packets sent")
    lab.equal(b.packets["in"], a.packets["out"], "packets received")
    lab.equal((a.drops, b.drops), ({}, {}), "drops")


lab.run(scenario)
