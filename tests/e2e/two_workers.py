#!/usr/bin/python3
"""Two workers at each end: fanout spreads the flows, each worker sends in a subspace of its own,
and nothing is lost or delivered twice.

    texas, workers [0, 1]                         oslo, workers [0, 1]
    gen === lan0 --[ 2 queues ]-- eth1 === eth1 --[ 2 queues ]-- lan0 === sink
"""

import os

import lab
import packets

TEXAS = """
node: texas
workers: [0, 1]
ports:
  lan: {driver: af_packet, device: lan0, promiscuous: true}
  wan: {driver: af_packet, device: eth1, address: 192.0.2.1/24, source_port: 50000}
lanes:
  - {name: out, id: 101, send: lan, over: {port: wan, to: "192.0.2.2:4790"}, cipher: none}
"""
OSLO = """
node: oslo
workers: [0, 1]
ports:
  lan: {driver: af_packet, device: lan0}
  wan: {driver: af_packet, device: eth1, address: 192.0.2.2/24}
lanes:
  - {name: in, id: 101, receive: lan, over: {port: wan}, cipher: none}
"""
COUNT = 4000


def scenario(world):
    if (os.cpu_count() or 1) < 2:
        raise lab.Skip("needs two cores")
    texas, oslo = lab.two_hosts(world)
    world.cable(texas, "gen", texas, "lan0")
    world.cable(oslo, "sink", oslo, "lan0")
    texas.run("ping", "-c", "1", "192.0.2.2")  # the next hop is known
    near, far = texas.node(TEXAS), oslo.node(OSLO)
    sink, wire, source = oslo.packet("sink"), oslo.packet("eth1"), texas.packet("gen")
    for number in range(COUNT):
        flow = number % 50
        datagram = packets.udp(1000 + flow, 2000, number.to_bytes(8, "big"))
        source.send(packets.ethernet("02:cc:00:00:00:02", "02:cc:00:00:00:01", 0x0800,
                                     packets.ipv4("10.1.1.1", "10.1.1.2", 17, datagram)))
    numbers = [int.from_bytes(frame[42:50], "big") for frame in lab.receive_all(sink)]
    lab.equal(sorted(numbers), list(range(COUNT)), "frames at the sink")
    last = {}
    for number in numbers:
        lab.check(last.get(number % 50, -1) < number, f"flow {number % 50} is out of order")
        last[number % 50] = number
    ports, subspaces = set(), set()
    for frame in lab.receive_all(wire):
        if frame[12:14] == b"\x08\x00" and frame[36:38] == (4790).to_bytes(2, "big"):
            subspace = int.from_bytes(frame[44:46], "big")
            source_port = int.from_bytes(frame[34:36], "big")
            lab.equal(source_port, 50000 + subspace, "UDP source port: base + subspace")
            ports.add(source_port)
            subspaces.add(subspace)
    lab.equal(subspaces, {0, 1}, "subspaces on the wire")
    near.stop()
    closing = far.stop()
    lab.equal(closing.packets["in"], COUNT, "packets received")


lab.run(scenario)
