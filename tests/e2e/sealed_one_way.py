#!/usr/bin/python3
"""A sealed lane and no return path at all. Between the hosts stands a diode that passes frames to
the right only. Keys, sessions and their changes need no answer: everything is delivered.

    texas                                     diode                                     oslo
    gen === lan0 --[ lane 101 ]-- eth1 ===== left --patch--> right ===== eth1 --[ ]-- lan0 === sink
                                                                       never sends a frame
"""

import lab
import sealed_lab

TEXAS = """
node: texas
state: texas.state
keys: {{private: texas.key}}
ports:
  lan: {{driver: af_packet, device: lan0, promiscuous: true}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.1/24}}
lanes:
  - name: out
    id: 101
    send: lan
    over: {{port: wan, to: "192.0.2.2:4790", next_hop: "02:00:00:00:00:02"}}
    receiver: "{oslo}"
    rekey: 2
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
state: oslo.state
keys: {{private: oslo.key}}
ports:
  lan: {{driver: af_packet, device: lan0}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.2/24}}
lanes:
  - {{name: in, id: 101, receive: lan, over: {{port: wan}}, sender: "{texas}"}}
"""
COUNT, RATE_PPS = 25000, 5000


def scenario(world):
    texas, oslo, diode = *sealed_lab.ends(world), world.host("diode")
    world.cable(texas, "eth1", diode, "left", [["192.0.2.1/24"], []])
    world.cable(diode, "right", oslo, "eth1", [[], ["192.0.2.2/24"]])
    oslo.run("ip", "link", "set", "eth1", "address", sealed_lab.OSLO_MAC)
    keys = {name: sealed_lab.new_key(world, name) for name in ("texas", "oslo")}
    middle, far = diode.node(DIODE), oslo.node(OSLO.format(**keys))
    near = texas.node(TEXAS.format(**keys))
    far.wait_for("lane in is up")
    sealed_lab.wait_until_sending(near, "out")
    collector = sealed_lab.Collector(oslo)
    flow = sealed_lab.flow(texas, RATE_PPS)
    try:
        lab.eventually(lambda: flow.sent >= COUNT, "the flow is sent", timeout=20)
    finally:
        sent = flow.stop()
    numbers = collector.stop()
    lab.equal(numbers, list(range(sent)), "datagrams that came, in order")
    state = sealed_lab.state(far, "in")
    lab.equal((state.state, state.lost), ("up", 0), "the state of the lane at oslo")
    lab.equal(oslo.link("eth1")["tx"]["packets"], 0, "frames that left oslo")
    lab.equal(diode.link("right")["rx"]["packets"], 0, "frames that came back to the diode")
    lab.equal(texas.link("eth1")["rx"]["packets"], 0, "frames that came back to texas")
    a, _, b = near.stop(), middle.stop(), far.stop()
    lab.equal((a.packets["out"], b.packets["in"]), (sent, sent), "packets sent and received")
    lab.equal((a.drops, b.drops), ({}, {}), "drops")
    print(f"{len(numbers)} of {sent} datagrams came, over sessions of 2 s; frames back: 0")


lab.run(scenario)
