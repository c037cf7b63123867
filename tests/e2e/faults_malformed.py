#!/usr/bin/python3
"""Malformed everything on every socket at once: random bytes, and good ones with random damage, at
the carrier port of each driver, at the management socket and at telnet. Nothing of it kills the node
or gets through, and the lane beside it does not lose a datagram.

    texas hurt0 --[ wan,  eth1 ===== eth1, wan  ]-- hurt0 oslo: management, telnet
          calm0 --[ road, eth2 ===== eth2, road ]-- calm0
"""

import contextlib
import random
import socket
import threading
import time

import faults
import lab
import packets

SECONDS = 2.0
TELNET_PORT = 2601
WANS = [
    "driver: af_packet, device: eth1, address: 192.0.2.{own}/24",
    "driver: udp, address: 192.0.2.{own}",
    "driver: af_xdp, device: eth1, address: 192.0.2.{own}/24, mode: generic",
    'driver: dpdk, device: "net_af_packet0,iface=eth1", address: 192.0.2.{own}/24',
]
WORDS = [b"show", b"lanes", b"lane", b"hurt", b"ports", b"why", b"set", b"add", b"trace", b"--json",
         b"{", b"}", b"'", b'"', b"\\", b"\xff\xfa", b"\xff\xf0", b"\x1b[A", b"\r", b"\t", b"\0",
         b"-n", b"99999999999999999999", b"drops", b"reload", b"--dry-run", b"top", b"help", b"?"]


class Noise:
    """Makes damage; seeded, so that it can be made again."""

    def __init__(self, seed, mac):
        self.dice, self.mac = random.Random(seed), mac

    def lane(self):
        """What a lane could send, more or less."""
        dice = self.dice
        body = dice.randbytes(dice.choice((0, 1, 16, 46, 128, 600)))
        return packets.lane(dice.choice((101, 101, 102, 0, 0xFFFFFFFF)), dice.randrange(1 << 64), body,
                            subspace=dice.choice((0, 1, 63, 0xFFFF)),
                            kind=dice.choice((0x11, 0x12, 0x13, 0x00, 0x21, 0xFF)),
                            epoch=dice.randrange(256))

    def frame(self):
        dice = self.dice
        if dice.random() < 0.2:
            kind = dice.choice((0x0800, 0x0806, 0x86DD, 0x88B5, 0x8100, 0x0000))
            return packets.ethernet(self.mac, "02:00:00:00:00:09", kind,
                                    dice.randbytes(dice.randrange(0, 1400)))
        if dice.random() < 0.1:
            return packets.ethernet(self.mac, "02:00:00:00:00:09", packets.ETHER_TYPE_LANE, self.lane())
        frame = bytearray(packets.ethernet(self.mac, "02:00:00:00:00:09", 0x0800, packets.ipv4(
            "192.0.2.1", "192.0.2.2", 17, packets.udp(61440, 4790, self.lane()))))
        for _ in range(dice.randrange(0, 3)):
            frame[dice.randrange(12, len(frame))] = dice.randrange(256)
        return bytes(frame[:dice.randrange(15, len(frame) + 1)] if dice.random() < 0.3 else frame)

    def line(self):
        dice = self.dice
        if dice.random() < 0.3:
            return dice.randbytes(dice.randrange(1, 6000))
        return b" ".join(dice.choice(WORDS) for _ in range(dice.randrange(1, 8))) + b"\n"


def at_port(pair, noise, ends):
    wire = pair.texas.packet("eth1")
    plain = pair.texas.udp("192.0.2.1", 4791)
    count = 0
    while time.monotonic() < ends:
        for _ in range(20):
            with contextlib.suppress(OSError):
                wire.send(noise.frame())
                plain.sendto(noise.lane(), ("192.0.2.2", 4790))
        count += 20
        time.sleep(0.002)
    wire.close()
    plain.close()
    return count


def at_management(connect, noise, ends):
    """Client after client, rude ones, one at a time."""
    count = 0
    while time.monotonic() < ends:
        with contextlib.suppress(OSError), connect() as client:
            client.settimeout(0.02)
            for _ in range(noise.dice.randrange(1, 6)):
                client.sendall(noise.line())
                count += 1
            with contextlib.suppress(OSError):
                client.recv(65536)
        time.sleep(0.002)
    return count


def unix(node):
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(node.file.with_name("oslo.sock")))
    return client


def telnet(oslo):
    client = oslo.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.connect(("127.0.0.1", TELNET_PORT))
    return client


def storm(pair, seed):
    """All of it at once; returns how much of each."""
    mac = pair.oslo.mac("eth1")
    ends = time.monotonic() + SECONDS
    counts = {}

    def run(name, work, *arguments):
        counts[name] = work(*arguments, Noise(f"{seed} {name}", mac), ends)
    threads = [threading.Thread(target=run, args=arguments) for arguments in (
        ("port", at_port, pair),
        ("management", at_management, lambda: unix(pair.far)),
        ("telnet", at_management, lambda: telnet(pair.oslo)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lab.check(len(counts) == len(threads) and all(counts.values()), f"noise that was made: {counts}")
    return counts


def scenario(world):
    texas, oslo = faults.hosts(world)
    seal = faults.sealing(world)
    for wan in WANS:
        driver = wan.split(",")[0].split()[1]
        try:
            pair = faults.Pair(texas, oslo, far_wan=wan, seal=seal,
                               telnet=f', telnet: "127.0.0.1:{TELNET_PORT}"')
        except lab.Failed:
            if "built without" not in world.nodes[-1].log():
                raise
            print(f"not tested: {driver}: this build has none")
            world.nodes[-2].stop()
            continue
        with pair:
            counts = storm(pair, driver)
            pair.hurt.goes_on("the lane on the noisy port")
            lab.check("hurt" in faults.ask(pair.far, "show", "lanes"), "management answers")
        _, closing = pair.stop()
        lab.check(closing.dropped > 0, "nothing was dropped")
        print(f"{driver}: {counts}, dropped {closing.drops}")


lab.run(scenario)
