#!/usr/bin/python3
"""Lanes of IP packets, without Ethernet headers inside: tun ports at both ends.

    texas                                                oslo
    lane0 (tun) 10.8.0.1 --[ eth1 ========= eth1 ]-- lane0 (tun) 10.8.0.2
                fd08::1      192.0.2.1  192.0.2.2               fd08::2
"""

import lab

NODE = """
node: {name}
ports:
  lan: {{driver: tun, device: lane0, address: [10.8.0.{own}/24, "fd08::{own}/64"], mtu: 1400}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.{own}/24}}
lanes:
  - {{name: out, id: 10{own}, send: lan, over: {{port: wan, to: "192.0.2.{far}:4790"}},
     cipher: none}}
  - {{name: in, id: 10{far}, receive: lan, over: {{port: wan}}, cipher: none}}
"""


def scenario(world):
    texas, oslo = lab.two_hosts(world, ipv6=True)
    near = texas.node(NODE.format(name="texas", own=1, far=2))
    far = oslo.node(NODE.format(name="oslo", own=2, far=1))
    texas.reaches("10.8.0.2")
    lab.equal(texas.ping("10.8.0.2", count=100), 100, "answers over IPv4")
    lab.equal(oslo.ping("fd08::1", count=100), 100, "answers over IPv6")
    oslo.serve_iperf3()
    report = texas.iperf3("10.8.0.2", seconds=2)
    lab.check(report["end"]["sum_received"]["bits_per_second"] > 10e6, "TCP crawls")
    near.stop()
    far.stop()


lab.run(scenario)
