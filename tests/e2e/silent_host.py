#!/usr/bin/python3
"""The host's own kernel does not answer lane packets: no ICMP leaves the receiver's wan port, for
none of its addresses, before and after a reload; and it answers again when lanes has gone.

    here: lane packets by hand                       oslo
    eth1 192.0.2.1, 2001:db8::1 ===== eth1 192.0.2.2, 2001:db8::2 --[ lane 101 ]-- lane0
"""

import lab
import packets

OSLO = """
node: oslo
ports:
  lan: {driver: tap, device: lane0, address: 10.8.0.2/24, mtu: 1400}
  wan: {driver: af_packet, device: eth1, address: [192.0.2.2/24, "2001:db8::2/64"]}
lanes:
  - {name: in, id: 101, receive: lan, over: {port: wan}, cipher: none}
"""
FRAME = packets.ethernet("02:cc:00:00:00:02", "02:cc:00:00:00:01", 0x9999, bytes(46))
TARGETS = ("192.0.2.2", "2001:db8::2")


def icmp_errors(frames):
    return [frame for frame in frames
            if (frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[34] == 3)
            or (frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] == 1)]


def scenario(world):
    texas, oslo = lab.two_hosts(world, ipv6=True)
    for target in TARGETS:
        texas.run("ping", "-c", "1", target)
    far = oslo.node(OSLO)
    watch = texas.packet("eth1")
    senders = {target: texas.udp(own, 0)
               for target, own in zip(TARGETS, ("192.0.2.1", "2001:db8::1"))}
    sequence = [1 << 60]

    def send():
        for _ in range(5):
            for target, sender in senders.items():
                sequence[0] += 1
                packet = packets.lane(101, sequence[0], packets.inner(3, FRAME))
                try:
                    sender.sendto(packet, (target, 4790))
                except ConnectionRefusedError:
                    pass  # the socket heard of an earlier ICMP error
        return icmp_errors(lab.receive_all(watch))

    lab.equal(send(), [], "ICMP errors while lanes runs")
    far.reload(OSLO + "  - {name: more, id: 7, receive: lan, over: {port: wan}, cipher: none}\n")
    lab.equal(send(), [], "ICMP errors after a reload")
    closing = far.stop()
    lab.equal(closing.packets["in"], 20, "packets received")
    # The reverse, so that this scenario can fail: without lanes the kernel does answer.
    lab.check(send(), "the kernel is silent even without lanes: this test shows nothing")


lab.run(scenario)
