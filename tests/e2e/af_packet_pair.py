#!/usr/bin/python3
"""A pair of lanes over af_packet: the engine builds Ethernet, IP and UDP itself.

    texas                                                        oslo
    lane0 10.8.0.1  --+                                +--  lane0 10.8.0.2
          fd08::1     |   eth1 192.0.2.1    192.0.2.2  |          fd08::2
                      +---o------------------------o---+
    lane 101 texas -> oslo over IPv4, lane 102 oslo -> texas over IPv6
"""

import lab
import packets

TEXAS = """
node: texas
ports:
  lan: {driver: tap, device: lane0, address: [10.8.0.1/24, "fd08::1/64"], mtu: 1400}
  wan: {driver: af_packet, device: eth1, address: [192.0.2.1/24, "2001:db8::1/64"]}
lanes:
  - {name: out, id: 101, send: lan, over: {port: wan, to: "192.0.2.2:4790"}, cipher: none}
  - {name: in, id: 102, receive: lan, over: {port: wan}, cipher: none}
"""
OSLO = """
node: oslo
ports:
  lan: {driver: tap, device: lane0, address: [10.8.0.2/24, "fd08::2/64"], mtu: 1400}
  wan: {driver: af_packet, device: eth1, address: [192.0.2.2/24, "2001:db8::2/64"]}
lanes:
  - {name: in, id: 101, receive: lan, over: {port: wan}, cipher: none}
  - {name: out, id: 102, send: lan, over: {port: wan, to: "[2001:db8::1]:4790"}, cipher: none}
"""


def carrier_is_right(frame):
    """Whether addresses, lengths and checksums of a captured carrier packet are right; returns its
    lane id, or None for other packets."""
    if frame[12:14] == b"\x08\x00" and frame[23] == 17:
        lab.equal(packets.checksum(frame[14:34]), 0, "IPv4 header checksum")
        lab.equal(int.from_bytes(frame[16:18], "big"), len(frame) - 14, "IPv4 total length")
        lab.equal(int.from_bytes(frame[38:40], "big"), len(frame) - 34, "UDP length")
        payload = frame[42:]
    elif frame[12:14] == b"\x86\xdd" and frame[20] == 17:
        udp = frame[54:]
        lab.equal(int.from_bytes(frame[18:20], "big"), len(udp), "IPv6 payload length")
        lab.equal(int.from_bytes(udp[4:6], "big"), len(udp), "UDP length")
        pseudo = frame[22:54] + len(udp).to_bytes(4, "big") + b"\0\0\0\x11"
        lab.equal(packets.checksum(pseudo + udp), 0, "UDP checksum over IPv6")
        payload = udp[8:]
    else:
        return None
    lab.equal(payload[0], 0x11, "type of a lane packet")
    return int.from_bytes(payload[4:8], "big")


def scenario(world):
    texas, oslo = lab.two_hosts(world, ipv6=True)
    wires = [texas.packet("eth1"), oslo.packet("eth1")]
    # The receiver first: what texas sends before there is one is lost, and rightly so.
    far, near = oslo.node(OSLO), texas.node(TEXAS)
    texas.reaches("10.8.0.2")
    texas.reaches("fd08::2")
    lab.equal(texas.ping("10.8.0.2", count=100), 100, "answers over IPv4")
    lab.equal(oslo.ping("fd08::1", count=100), 100, "answers over IPv6")
    for size in (0, 1, 17, 18, 1000, 1372):
        lab.equal(texas.ping("10.8.0.2", count=3, size=size), 3, f"answers of {size} bytes")
    seen = {101: 0, 102: 0}
    for wire in wires:
        for lane in map(carrier_is_right, lab.receive_all(wire)):
            if lane is not None:
                seen[lane] += 1
    lab.check(min(seen.values()) >= 200, f"carrier packets on the wire: {seen}")

    oslo.serve_iperf3()
    report = texas.iperf3("10.8.0.2", seconds=2)
    lab.check(report["end"]["sum_received"]["bits_per_second"] > 10e6, "TCP crawls")
    a, b = near.stop(), far.stop()
    lab.equal(b.packets["in"] + b.dropped_by["in"] + b.lost.get("wan", 0), a.packets["out"],
              "packets that arrived at oslo")


lab.run(scenario)
