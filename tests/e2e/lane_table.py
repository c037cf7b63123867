#!/usr/bin/python3
"""A million lanes from a CSV table: loaded in at most 5 s and 1 KiB of memory each, and one of
them, taken at random, carries a frame to its twin.

    texas                                          oslo
    gen ===== lan0 --[ 1,000,000 lanes ]-- eth1 ===== eth1 --[ 1,000,000 lanes ]-- lan0 ===== sink
    one lane per destination address
"""

import ipaddress
import time

import lab
import packets

COUNT = 1_000_000
TEXAS = """
node: texas
ports:
  lan: {driver: af_packet, device: lan0, promiscuous: true}
  wan: {driver: af_packet, device: eth1}
tables: [texas.csv]
"""
OSLO = """
node: oslo
ports:
  lan: {driver: af_packet, device: lan0}
  wan: {driver: af_packet, device: eth1}
tables: [oslo.csv]
"""
FIRST = int(ipaddress.ip_address("10.0.0.0"))


def write_tables(folder):
    with open(folder / "texas.csv", "w") as table:
        table.write("name,id,send,over.port,over.to,cipher,match.destination\n")
        for n in range(COUNT):
            table.write(f"c{n},{n + 1},lan,wan,02:00:00:00:00:02,none,"
                        f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n")
    with open(folder / "oslo.csv", "w") as table:
        table.write("name,id,receive,over.port,cipher\n")
        for n in range(COUNT):
            table.write(f"c{n},{n + 1},lan,wan,none\n")


def scenario(world):
    texas, oslo = world.host("texas"), world.host("oslo")
    world.cable(texas, "gen", texas, "lan0")
    world.cable(oslo, "sink", oslo, "lan0")
    world.cable(texas, "eth1", oslo, "eth1")
    oslo.run("ip", "link", "set", "eth1", "address", "02:00:00:00:00:02")
    write_tables(world.dir)
    nodes = []
    for host, text in ((texas, TEXAS), (oslo, OSLO)):
        began = time.monotonic()
        node = host.node(text)
        seconds, kib = time.monotonic() - began, node.rss_kib()
        print(f"{node.name}: {COUNT} lanes in {seconds:.2f} s, {1024 * kib / COUNT:.0f} bytes each")
        lab.check(kib <= COUNT, f"{node.name}: {kib} KiB for {COUNT} lanes")
        nodes.append(node)
    sink, source = oslo.packet("sink"), texas.packet("gen")
    for n in (0, 1, 4711, 65536, 500_000, COUNT - 1):
        frame = packets.ethernet("02:cc:00:00:00:02", "02:cc:00:00:00:01", 0x0800, packets.ipv4(
            "10.255.0.1", str(ipaddress.ip_address(FIRST + n)), 253, bytes(40)))
        source.send(frame)
        lab.equal(lab.receive_frame(sink), frame, f"the frame of lane c{n}")
    a, b = (node.stop() for node in nodes)
    lab.equal(b.packets, a.packets, "packets by lane")
    lab.check("c4711" in a.packets, "lane c4711 carried its frame")


lab.run(scenario)
