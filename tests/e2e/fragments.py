#!/usr/bin/python3
"""Inner frames larger than the lane's packets travel in pieces; too big ones are counted drops.

    texas                                                  oslo
    lane0 mtu 9000 --[ eth1 mtu 1500 ===== eth1 ]-- lane0 mtu 9000
    lane mtu 1400 to oslo, and 256 back: a frame has at most 64 pieces
"""

import lab

NODE = """
node: {name}
ports:
  lan: {{driver: tap, device: lane0, address: 10.8.0.{own}/24, mtu: {lan_mtu}}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.{own}/24}}
lanes:
  - {{name: out, id: 10{own}, send: lan, over: {{port: wan, to: "192.0.2.{far}:4790"}},
     cipher: none, mtu: {mtu}}}
  - {{name: in, id: 10{far}, receive: lan, over: {{port: wan}}, cipher: none}}
"""


def scenario(world):
    texas, oslo = lab.two_hosts(world)
    near = texas.node(NODE.format(name="texas", own=1, far=2, mtu=1400, lan_mtu=20000))
    far = oslo.node(NODE.format(name="oslo", own=2, far=1, mtu=256, lan_mtu=20000))
    texas.reaches("10.8.0.2")
    for size in (1300, 1330, 1331, 1332, 1333, 1334, 1335, 1336, 1340, 1400, 2000, 5000, 8972):
        lab.equal(texas.ping("10.8.0.2", count=5, size=size), 5, f"answers of {size} bytes")
    # 64 pieces of at most 256 - 28 bytes: what oslo answers to this does not fit.
    lab.equal(texas.ping("10.8.0.2", count=5, size=16000), 0, "answers that are too big")
    oslo.serve_iperf3()
    texas.iperf3("10.8.0.2", seconds=2)
    a, b = near.stop(), far.stop()
    lab.check(b.drops.get("too_big", 0) >= 5, f"too big frames are counted: {b.drops}")
    lab.check(a.made > 1000, "texas made fragments")
    lab.check(b.absorbed > 1000, "oslo put them together")


lab.run(scenario)
