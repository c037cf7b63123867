#!/usr/bin/python3
"""Small frames of one burst share a packet when `bundle: true`, and come out one by one.

    texas                                                       oslo
    gen ===== lan0 --[ eth1 ========================= eth1 ]-- lan0 ===== sink
    bursts of small frames       fewer, larger packets              the same frames, in order
"""

import lab
import packets

TEXAS = """
node: texas
ports:
  lan: {driver: af_packet, device: lan0, promiscuous: true}
  wan: {driver: af_packet, device: eth1, address: 192.0.2.1/24}
lanes:
  - {name: out, id: 101, send: lan, over: {port: wan, to: "192.0.2.2:4790"}, cipher: none,
     bundle: true}
"""
OSLO = """
node: oslo
ports:
  lan: {driver: af_packet, device: lan0}
  wan: {driver: af_packet, device: eth1, address: 192.0.2.2/24}
lanes:
  - {name: in, id: 101, receive: lan, over: {port: wan}, cipher: none}
"""
BURSTS, BURST = 50, 40


def scenario(world):
    texas, oslo = lab.two_hosts(world)
    world.cable(texas, "gen", texas, "lan0")
    world.cable(oslo, "sink", oslo, "lan0")
    texas.run("ping", "-c", "1", "192.0.2.2")  # the next hop is known
    near, far = texas.node(TEXAS), oslo.node(OSLO)
    sink, source = oslo.packet("sink"), texas.packet("gen")
    before = texas.link("eth1")["tx"]["packets"]
    sent = []
    for number in range(BURSTS * BURST):
        size = 60 if number % 7 else 1000  # now and then one that fills half a packet
        frame = packets.ethernet("02:cc:00:00:00:02", "02:cc:00:00:00:01", 0x9999,
                                 number.to_bytes(4, "big")).ljust(size, b"\xa5")
        source.send(frame)
        sent.append(frame)
    arrived = [sink.recv(2048) for _ in sent]
    lab.equal(arrived, sent, "frames at the sink, in order")
    carried = texas.link("eth1")["tx"]["packets"] - before
    a, b = near.stop(), far.stop()
    lab.check(carried < len(sent), f"{carried} packets for {len(sent)} frames: nothing was bundled")
    lab.check(a.absorbed > 0 and b.made > 0, "bundles were made and taken apart")
    lab.equal((a.dropped, b.drops.get("malformed_inner", 0)), (0, 0), "drops")
    print(f"{len(sent)} frames travelled in {carried} packets")


lab.run(scenario)
