#!/usr/bin/python3
"""A port does not receive what lanes itself sends there: every frame is counted once.

    texas
    gen ===== lan --[ lanes: lane out over wan, lane back from wan's other frames ]-- wan ===== far

All frames of `lan` go over `wan`, and lane 102 would take any frame that `wan` received: it must
see nothing but what comes from `far`.
"""

import lab
import packets

TEXAS = """
node: texas
ports:
  lan: {driver: af_packet, device: lan, promiscuous: true}
  wan: {driver: af_packet, device: wan, promiscuous: true}
lanes:
  - {name: out, id: 101, send: lan, over: {port: wan, to: "02:00:00:00:00:02"}, cipher: none}
  - {name: back, patch: {from: wan, to: lan}}
"""
COUNT = 1000


def scenario(world):
    texas = world.host("texas")
    world.cable(texas, "gen", texas, "lan")
    world.cable(texas, "far", texas, "wan")
    node = texas.node(TEXAS)
    source, far = texas.packet("gen"), texas.packet("far")
    frame = packets.ethernet("02:cc:00:00:00:02", "02:cc:00:00:00:01", 0x9999, bytes(46))
    for _ in range(COUNT):
        source.send(frame)
    lab.equal(len([f for f in lab.receive_all(far) if f[12:14] == b"\x88\xb5"]), COUNT,
              "lane packets at the far end")
    for _ in range(10):
        far.send(frame)
    came = [f for f in lab.receive_all(source) if f == frame]
    closing = node.stop()
    lab.equal(closing.packets, {"out": COUNT, "back": 10}, "frames by lane")
    lab.equal(closing.received, COUNT + 10, "frames received")
    lab.equal(len(came), 10, "frames that came back to the generator")


lab.run(scenario)
