#!/usr/bin/python3
"""A patch joins two ports without a tunnel. And a port does not receive what it sent itself: if it
did, the two patches below would pass every frame to and fro for ever.

    texas                    switch                      oslo
    eth1 10.8.0.1 ===== left <----> right ===== eth1 10.8.0.2
"""

import lab
import packets

SWITCH = """
node: switch
ports:
  left: {driver: af_packet, device: left, promiscuous: true}
  right: {driver: af_packet, device: right, promiscuous: true}
lanes:
  - {name: rightward, patch: {from: left, to: right}}
  - {name: leftward, patch: {from: right, to: left}}
"""


def scenario(world):
    texas, switch, oslo = world.host("texas"), world.host("switch"), world.host("oslo")
    world.cable(texas, "eth1", switch, "left", ["10.8.0.1/24", []])
    world.cable(switch, "right", oslo, "eth1", [[], "10.8.0.2/24"])
    node = switch.node(SWITCH)
    texas.reaches("10.8.0.2")
    lab.equal(texas.ping("10.8.0.2", count=100), 100, "answers")
    lab.equal(texas.ping("10.8.0.2", count=5, size=1472), 5, "answers of full size")
    seen = {side: switch.link(side)["rx"]["packets"] for side in ("left", "right")}
    oslo.serve_iperf3()
    texas.iperf3("10.8.0.2", seconds=2)
    # A VLAN tag stays in place, although the kernel takes it out on the way.
    tagged = packets.ethernet("ff:ff:ff:ff:ff:ff", "02:cc:00:00:00:01", 0x9999, bytes(46), vlan=7)
    sink = oslo.packet("eth1")
    texas.packet("eth1").send(tagged)
    came = [frame for frame in lab.receive_all(sink) if frame[6:12] == tagged[6:12]]
    lab.equal(came, [tagged], "tagged frames at oslo")
    closing = node.stop()
    lab.check(closing.packets["rightward"] >= seen["left"] > 100, "frames to the right")
    lab.check(closing.packets["leftward"] >= seen["right"] > 100, "frames to the left")
    lab.check("no_lane" not in closing.drops, f"drops: {closing.drops}")


lab.run(scenario)
