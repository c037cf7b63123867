#!/usr/bin/python3
"""A relay passes lane packets on by id, unopened; lanes that it does not know stay behind.

    texas                        relay                          oslo
    lane0 --[ eth1 ======= west  101 -->   east ======= eth1 ]-- lane0
    10.8.0.1  192.0.2.1   .2     <-- 102   198.51.100.2   .1     10.8.0.2
"""

import lab

TEXAS = """
node: texas
ports:
  lan: {driver: tap, device: lane0, address: 10.8.0.1/24, mtu: 1400}
  wan: {driver: af_packet, device: eth1, address: 192.0.2.1/24}
lanes:
  - {name: out, id: 101, send: lan, over: {port: wan, to: "192.0.2.2:4790"}, cipher: none}
  - {name: in, id: 102, receive: lan, over: {port: wan}, cipher: none}
"""
RELAY = """
node: relay
ports:
  west: {driver: af_packet, device: west, address: 192.0.2.2/24}
  east: {driver: af_packet, device: east, address: 198.51.100.2/24}
lanes:
  - {name: eastward, id: 101, relay: west, over: {port: east, to: "198.51.100.1:4790"}}
  - {name: westward, id: 102, relay: east, over: {port: west, to: "192.0.2.1:4790"}}
"""
OSLO = """
node: oslo
ports:
  lan: {driver: tap, device: lane0, address: 10.8.0.2/24, mtu: 1400}
  wan: {driver: af_packet, device: eth1, address: 198.51.100.1/24}
lanes:
  - {name: in, id: 101, receive: lan, over: {port: wan}, cipher: none}
  - {name: out, id: 102, send: lan, over: {port: wan, to: "198.51.100.2:4790"}, cipher: none}
"""


def scenario(world):
    texas, relay, oslo = world.host("texas"), world.host("relay"), world.host("oslo")
    world.cable(texas, "eth1", relay, "west", ["192.0.2.1/24", "192.0.2.2/24"])
    world.cable(relay, "east", oslo, "eth1", ["198.51.100.2/24", "198.51.100.1/24"])
    near, middle, far = texas.node(TEXAS), relay.node(RELAY), oslo.node(OSLO)
    texas.reaches("10.8.0.2")
    lab.equal(texas.ping("10.8.0.2", count=100), 100, "answers through the relay")
    lab.equal(texas.ping("10.8.0.2", count=5, size=1372), 5, "large answers through the relay")
    stranger = texas.udp("192.0.2.1", 0)
    for _ in range(10):
        stranger.sendto(bytes.fromhex("11000000000000630000000000000001") + bytes(30),
                        ("192.0.2.2", 4790))
    a, m, b = near.stop(), middle.stop(), far.stop()
    lab.equal(m.drops.get("unknown_lane"), 10, "packets of a lane that the relay does not know")
    lab.equal(m.packets["eastward"], a.packets["out"], "packets that went east")
    lab.equal(b.packets["in"], m.packets["eastward"], "packets that came to oslo")
    lab.equal(a.packets["in"], m.packets["westward"], "packets that came to texas")


lab.run(scenario)
