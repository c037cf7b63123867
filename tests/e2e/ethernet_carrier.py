#!/usr/bin/python3
"""Lanes without any IP on the wire: EtherType 0x88B5 from MAC to MAC.

    texas                                                   oslo
    lane0 10.8.0.1 ---[ eth1 02:..:01 ====== eth1 02:..:02 ]--- lane0 10.8.0.2
                            no addresses at all
"""

import lab

NODE = """
node: {name}
ports:
  lan: {{driver: tap, device: lane0, address: 10.8.0.{own}/24, mtu: 1400}}
  wan: {{driver: af_packet, device: eth1}}
lanes:
  - {{name: out, id: 10{own}, send: lan, over: {{port: wan, to: "02:00:00:00:00:0{far}"}},
     cipher: none}}
  - {{name: in, id: 10{far}, receive: lan, over: {{port: wan, carrier: ethernet}}, cipher: none}}
"""


def scenario(world):
    texas, oslo = world.host("texas"), world.host("oslo")
    world.cable(texas, "eth1", oslo, "eth1")
    for own, host in ((1, texas), (2, oslo)):
        host.run("ip", "link", "set", "eth1", "address", f"02:00:00:00:00:0{own}")
    wires = [texas.packet("eth1"), oslo.packet("eth1")]
    near = texas.node(NODE.format(name="texas", own=1, far=2))
    far = oslo.node(NODE.format(name="oslo", own=2, far=1))
    texas.reaches("10.8.0.2")
    lab.equal(texas.ping("10.8.0.2", count=100), 100, "answers")
    # The smallest inner packet makes a frame that Ethernet pads; padding must not harm.
    lab.equal(texas.ping("10.8.0.2", count=5, size=0), 5, "answers of no bytes")
    frames = [frame for wire in wires for frame in lab.receive_all(wire)]
    lab.check(len(frames) >= 200, "lane packets on the wire")
    lab.equal({frame[12:14] for frame in frames}, {b"\x88\xb5"}, "EtherTypes on the wire")
    lab.check(all(len(frame) >= 60 for frame in frames), "a frame shorter than Ethernet allows")
    a, b = near.stop(), far.stop()
    lab.equal(b.packets["in"], a.packets["out"], "packets that arrived at oslo")
    lab.equal(a.packets["in"], b.packets["out"], "packets that arrived at texas")


lab.run(scenario)
