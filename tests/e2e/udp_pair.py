#!/usr/bin/python3
"""A pair of lanes over kernel UDP sockets, one over IPv4 and its twin over IPv6.

    texas                                                        oslo
    lane0 10.8.0.1  --+                                +--  lane0 10.8.0.2
                      |   eth1 192.0.2.1    192.0.2.2  |
                      +---o------------------------o---+
                              2001:db8::1   2001:db8::2
    lane 101 texas -> oslo over IPv4, lane 102 oslo -> texas over IPv6
"""

import lab

TEXAS = """
node: texas
ports:
  lan: {driver: tap, device: lane0, address: 10.8.0.1/24, mtu: 1400}
  v4: {driver: udp, address: 192.0.2.1}
  v6: {driver: udp, address: "2001:db8::1"}
lanes:
  - {name: out, id: 101, send: lan, over: {port: v4, to: "192.0.2.2:4790"}, cipher: none}
  - {name: in, id: 102, receive: lan, over: {port: v6}, cipher: none}
"""
OSLO = """
node: oslo
ports:
  lan: {driver: tap, device: lane0, address: 10.8.0.2/24, mtu: 1400}
  v4: {driver: udp, address: 192.0.2.2}
  v6: {driver: udp, address: "2001:db8::2"}
lanes:
  - {name: in, id: 101, receive: lan, over: {port: v4}, cipher: none}
  - {name: out, id: 102, send: lan, over: {port: v6, to: "[2001:db8::1]:4790"}, cipher: none}
"""


def scenario(world):
    texas, oslo = lab.two_hosts(world, ipv6=True)
    near, far = texas.node(TEXAS), oslo.node(OSLO)
    texas.reaches("10.8.0.2")
    lab.equal(texas.ping("10.8.0.2", count=100), 100, "answers to texas")
    lab.equal(oslo.ping("10.8.0.1", count=100), 100, "answers to oslo")
    for size in (0, 1, 1000, 1372):
        lab.equal(texas.ping("10.8.0.2", count=3, size=size), 3, f"answers of {size} bytes")
    oslo.serve_iperf3()
    report = texas.iperf3("10.8.0.2", seconds=2)
    lab.check(report["end"]["sum_received"]["bits_per_second"] > 10e6, "TCP crawls")
    a, b = near.stop(), far.stop()
    lab.check(a.packets["out"] > 200 and b.packets["in"] > 200, "the lanes carried the traffic")


lab.run(scenario)
