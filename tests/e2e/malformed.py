#!/usr/bin/python3
"""Whatever comes at the carrier port: each broken packet is a named drop, none of it kills the
node, none of it gets through, and a good one after all of it does.

    here: packets by hand                        oslo
    eth1 192.0.2.1 ================= 192.0.2.2 eth1 --[ lane 101 ]-- lan0 ===== sink
"""

import random
import struct

import lab
import packets

OSLO = """
node: oslo
ports:
  lan: {driver: af_packet, device: lan0}
  wan: {driver: af_packet, device: eth1, address: [192.0.2.2/24, "2001:db8::2/64"]}
  spare: {driver: af_packet, device: eth2, address: 198.51.100.2/24}
lanes:
  - {name: in, id: 101, receive: lan, over: {port: wan}, cipher: none}
  - {name: elsewhere, id: 102, receive: lan, over: {port: spare}, cipher: none}
  - {name: out, id: 103, send: lan, over: {port: wan, to: "02:00:00:00:00:01"}, cipher: none}
"""
FRAME = packets.ethernet("02:cc:00:00:00:02", "02:cc:00:00:00:01", 0x9999, bytes(46))
GOOD = packets.inner(packets.KIND_ETHERNET, FRAME)


class Maker:
    """Makes carrier frames, each lane packet with a sequence number of its own."""

    def __init__(self, mac):
        self.mac = mac
        self.sequence = 1 << 60

    def lane(self, payload, lane_id=101, **fields):
        self.sequence += 1
        return packets.lane(lane_id, self.sequence, payload, **fields)

    def frame(self, payload, ether_type):
        return packets.ethernet(self.mac, "02:00:00:00:00:01", ether_type, payload)

    def v4(self, lane, **fields):
        return self.frame(packets.ipv4("192.0.2.1", "192.0.2.2", 17,
                                       packets.udp(4790, 4790, lane), **fields), 0x0800)

    def v6(self, lane, ends=("2001:db8::1", "2001:db8::2")):
        return self.frame(packets.ipv6(*ends, 17, packets.udp(4790, 4790, lane, ends)), 0x86DD)

    def bare(self, lane):
        return self.frame(lane, packets.ETHER_TYPE_LANE)


def change(frame, at, value):
    return frame[:at] + bytes([frame[at] ^ value]) + frame[at + 1:]


def broken(make):
    """(reason of the drop, frame)"""
    lane, v4, v6, bare = make.lane, make.v4, make.v6, make.bare
    inner, fragment = packets.inner, packets.fragment
    wrong_udp = bytearray(v4(lane(GOOD)))
    wrong_udp[38:40] = struct.pack(">H", 2000)  # UDP length behind the end
    no_sum = bytearray(v6(lane(GOOD)))
    no_sum[60:62] = bytes(2)  # UDP over IPv6 must have a checksum
    return [
        ("malformed_packet", v4(b"")),
        ("malformed_packet", v4(lane(b"")[:15])),
        ("malformed_packet", v4(lane(GOOD, kind=0x12))),
        ("malformed_packet", v4(lane(GOOD, kind=0x13))),
        ("malformed_packet", v4(lane(GOOD, kind=0x21))),
        ("malformed_packet", bare(lane(GOOD, kind=0x00))),
        ("unknown_lane", v4(lane(GOOD, lane_id=99))),
        ("unknown_lane", v6(lane(GOOD, lane_id=0xFFFFFFFF))),
        ("unknown_lane", bare(lane(GOOD, lane_id=0))),
        ("wrong_port", v4(lane(GOOD, lane_id=102))),
        ("not_receiving", v4(lane(GOOD, lane_id=103))),
        ("bad_subspace", v4(lane(GOOD, subspace=64))),
        ("bad_subspace", v6(lane(GOOD, subspace=0xFFFF))),
        ("malformed_inner", v4(lane(b""))),
        ("malformed_inner", v4(lane(b"\3\0\0"))),
        ("malformed_inner", v4(lane(struct.pack(">BBH", 3, 0, 1000) + bytes(60)))),
        ("bad_padding", v4(lane(inner(3, FRAME, padding=b"\0\1")))),
        ("bad_padding", bare(lane(inner(3, FRAME, padding=bytes(30) + b"\xff")))),
        ("unknown_kind", v4(lane(inner(9, FRAME)))),
        ("unknown_kind", v4(lane(inner(255, b"")))),
        ("unknown_kind", v4(lane(inner(packets.KIND_IPV4, b"\x45" + bytes(40))))),
        ("unknown_kind", v4(lane(inner(3, FRAME[:13])))),
        ("unknown_kind", v4(lane(inner(3, b"")))),
        ("malformed_inner", v4(lane(inner(packets.KIND_BUNDLE, b"\3\0\1\0")))),
        ("malformed_inner", v4(lane(inner(packets.KIND_BUNDLE, b"\3")))),
        ("unknown_kind", v4(lane(inner(packets.KIND_BUNDLE, inner(packets.KIND_BUNDLE, b""))))),
        ("malformed_fragment", v4(lane(inner(packets.KIND_FRAGMENT, bytes(7))))),
        ("malformed_fragment", v4(lane(fragment(1, 0, 1, 100, bytes(100))))),
        ("malformed_fragment", v4(lane(fragment(1, 0, 65, 100, bytes(100))))),
        ("malformed_fragment", v4(lane(fragment(1, 2, 2, 100, bytes(50))))),
        ("malformed_fragment", v4(lane(fragment(1, 0, 2, 100, bytes(99))))),
        ("malformed_fragment", v4(lane(fragment(1, 1, 2, 100, b"")))),
        ("malformed_fragment", v4(lane(fragment(1, 0, 2, 0, b"")))),
        ("bad_checksum", change(v4(lane(GOOD)), 24, 0xFF)),
        ("bad_checksum", change(v6(lane(GOOD)), 70, 0x01)),
        ("bad_checksum", bytes(no_sum)),
        ("ip_fragment", v4(lane(GOOD), fragment=0x2000)),
        ("ip_fragment", v4(lane(GOOD), fragment=0x0010)),
        ("malformed_carrier", bytes(wrong_udp)),
        ("malformed_carrier", v4(lane(GOOD))[:40]),
        ("malformed_carrier", v6(lane(GOOD))[:50]),
        ("malformed_carrier", v4(lane(GOOD))[:20]),
    ]


def scenario(world):
    texas, oslo = lab.two_hosts(world, ipv6=True)
    texas.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")  # silence
    oslo.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
    world.cable(texas, "eth2", oslo, "eth2")
    world.cable(oslo, "sink", oslo, "lan0")
    oslo.run("sysctl", "-qw", "net.ipv6.conf.sink.disable_ipv6=1",
             "net.ipv6.conf.lan0.disable_ipv6=1")
    far = oslo.node(OSLO)
    sink, wire = oslo.packet("sink"), texas.packet("eth1")
    make = Maker(oslo.mac("eth1"))

    wanted = {}
    for reason, frame in broken(make):
        wire.send(frame)
        wanted[reason] = wanted.get(reason, 0) + 1
    lab.equal(lab.receive_all(sink), [], "frames out of broken packets")

    # Noise: random bytes, and good packets with random damage. Seeded, so that it can be replayed.
    dice = random.Random(20)
    noise = 3000
    for number in range(noise):
        if number % 3 == 0:
            wire.send(make.frame(dice.randbytes(dice.randrange(1, 1400)),
                                 dice.choice((0x0800, 0x86DD, 0x88B5))))
            continue
        frame = bytearray(dice.choice((make.v4, make.v6, make.bare))(make.lane(GOOD)))
        for _ in range(dice.randrange(1, 4)):
            frame[dice.randrange(14, len(frame))] = dice.randrange(256)
        wire.send(bytes(frame[:dice.randrange(15, len(frame) + 1)]))
    lab.receive_all(sink)

    for build in (make.v4, make.v6, make.bare):
        make.sequence = 1 << 62  # whatever the noise made of sequence numbers, this is ahead
        make.sequence += {make.v4: 0, make.v6: 1, make.bare: 2}[build]
        wire.send(build(make.lane(GOOD)))
        lab.equal(lab.receive_all(sink), [FRAME], "a good packet after all")
    closing = far.stop()
    for reason, count in wanted.items():
        lab.check(closing.drops.get(reason, 0) >= count,
                  f"{reason}: {closing.drops.get(reason, 0)} counted, at least {count} sent")
    lab.check(closing.received >= noise + sum(wanted.values()) + 3, "all frames were received")


lab.run(scenario)
