#!/usr/bin/python3
"""Lane packets that come late: 5,000 places late is accepted, more than the window is not.

    here: lane packets made by hand            oslo
    eth1 192.0.2.1 ========= 192.0.2.2 eth1 --[ lane 101, window 8192 ]-- lan0 ===== sink
"""

import lab
import packets

OSLO = """
node: oslo
ports:
  lan: {driver: af_packet, device: lan0}
  wan: {driver: af_packet, device: eth1, address: 192.0.2.2/24}
lanes:
  - {name: in, id: 101, receive: lan, over: {port: wan}, cipher: none, window: 8192}
"""


def scenario(world):
    texas, oslo = lab.two_hosts(world)
    world.cable(oslo, "sink", oslo, "lan0")
    far = oslo.node(OSLO)
    sink = oslo.packet("sink", 0x9999)
    wire = texas.udp("192.0.2.1", 0)

    def send(sequence):
        frame = packets.ethernet("02:cc:00:00:00:02", "02:cc:00:00:00:01", 0x9999,
                                 sequence.to_bytes(8, "big").ljust(46, b"\0"))
        wire.sendto(packets.lane(101, sequence, packets.inner(packets.KIND_ETHERNET, frame)),
                    ("192.0.2.2", 4790))

    def came():
        return [int.from_bytes(frame[14:22], "big") for frame in lab.receive_all(sink)]

    start = 1 << 60
    # Every number but one of each hundred, then those: up to 5,000 places late.
    late = [start + n for n in range(0, 5000, 100)]
    early = [start + n for n in range(5000) if n % 100]
    for sequence in early + late:
        send(sequence)
    lab.equal(came(), early + late, "packets up to 5,000 places late")

    for sequence in late:
        send(sequence)
    lab.equal(came(), [], "packets that came before")

    # A long way on, with two holes: one within the window, one behind it when the end is reached.
    end = start + 20_000
    within, behind = end - 8_000, end - 8_192 - 64
    for sequence in range(start + 5000, end):
        if sequence not in (within, behind):
            send(sequence)
    lab.equal(len(came()), 15_000 - 2, "packets on the long way")
    send(within)
    send(behind)
    lab.equal(came(), [within], "of two late packets the one within the window")
    for sequence in late:
        send(sequence)
    lab.equal(came(), [], "packets of long ago")
    closing = far.stop()
    lab.equal(closing.duplicates["in"], len(late), "duplicates")
    lab.equal(closing.drops.get("replay_old"), 1 + len(late), "too old")
    lab.equal(closing.packets["in"], 20_000 - 1, "packets delivered")


lab.run(scenario)
