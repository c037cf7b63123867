#!/usr/bin/python3
"""The link goes down and comes up again; so does the tap device. lanes goes on by itself.

    texas lane0 --[ eth1 ==== down, up ==== eth1 ]-- lane0 oslo
"""

import lab

NODE = """
node: {name}
ports:
  lan: {{driver: tap, device: lane0, address: 10.8.0.{own}/24, mtu: 1400}}
  wan: {{driver: {wan}}}
lanes:
  - {{name: out, id: 10{own}, send: lan, over: {{port: wan, to: "192.0.2.{far}:4790"}},
     cipher: none}}
  - {{name: in, id: 10{far}, receive: lan, over: {{port: wan}}, cipher: none}}
"""


def scenario(world):
    texas, oslo = lab.two_hosts(world)
    near = texas.node(NODE.format(name="texas", own=1, far=2,
                                  wan="af_packet, device: eth1, address: 192.0.2.1/24"))
    far = oslo.node(NODE.format(name="oslo", own=2, far=1, wan="udp, address: 192.0.2.2"))
    texas.reaches("10.8.0.2")
    for _ in range(2):
        texas.run("ip", "link", "set", "eth1", "down")
        lab.equal(texas.ping("10.8.0.2", count=5), 0, "answers while the link is down")
        texas.run("ip", "link", "set", "eth1", "up")
        texas.reaches("10.8.0.2", timeout=10)
        lab.equal(texas.ping("10.8.0.2", count=20), 20, "answers when the link is back")
    oslo.run("ip", "link", "set", "lane0", "down")
    lab.equal(texas.ping("10.8.0.2", count=5), 0, "answers while the tap device is down")
    oslo.run("ip", "link", "set", "lane0", "up")
    texas.reaches("10.8.0.2", timeout=10)
    lab.equal(texas.ping("10.8.0.2", count=20), 20, "answers when the tap device is back")
    for node in (near, far):
        used = node.cpu_seconds()
        lab.check(used < 20, f"{node.name} used {used} s of CPU")
    near.stop()
    far.stop()


lab.run(scenario)
