#!/usr/bin/python3
"""What `lanes` seals, a receiver in Python opens, which was written from lanes/PROTOCOL.md alone.

    inside                     texas                                  oslo
    eth0 ==[ lan0   four lanes over af_packet   eth1 ]========[ eth1  a capture, and nobody at home
    frames of four EtherTypes, one for each lane:
      101  by keys, to two receivers      AES-256-GCM        UDP over IPv4   a new session every 2 s
      102  by shared secret               ChaCha20-Poly1305  Ethernet
      103  by keys, and a psk             ChaCha20-Poly1305  UDP over IPv6   mtu 300: fragments
      104  by shared secret               AES-256-GCM        UDP over IPv4   bundles
"""

import base64
import collections
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time

import lab

PYTHON = lab.ROOT / "tests" / "python"
sys.path.insert(0, str(PYTHON))
try:
    import capture
    import lanes1
except ModuleNotFoundError:
    lanes1 = None

TEXAS = """
node: texas
workers: 2
state: {dir}/state
keys: {{private: texas.key}}
ports:
  lan: {{driver: af_packet, device: lan0, promiscuous: true}}
  wan: {{driver: af_packet, device: eth1, address: [192.0.2.1/24, "2001:db8::1/64"]}}
lanes:
  - {{name: keys, id: 101, send: lan, match: {{ether_type: 0x0801}}, rekey: 2,
     over: {{port: wan, to: "192.0.2.2:4790", next_hop: "{mac}"}},
     receiver: ["{oslo}", "{lima}"]}}
  - {{name: secret, id: 102, send: lan, match: {{ether_type: 0x0802}}, cipher: chacha20-poly1305,
     over: {{port: wan, to: "{mac}"}}, secret: lane.psk}}
  - {{name: both, id: 103, send: lan, match: {{ether_type: 0x0803}}, cipher: chacha20-poly1305,
     over: {{port: wan, to: "[2001:db8::2]:4790", next_hop: "{mac}"}}, mtu: 300,
     receiver: "{oslo}", secret: lane.psk}}
  - {{name: bundles, id: 104, send: lan, match: {{ether_type: 0x0804}}, bundle: true,
     over: {{port: wan, to: "192.0.2.2:4790", next_hop: "{mac}"}}, secret: lane.psk}}
"""
LANES = (101, 102, 103, 104)
SECONDS = 6
MARK = b"what nobody on the way may read!"
# What a receiver may say of a good sender's packets; of the other lanes it knows nothing, and the
# announcements for the other receiver are not for it.
GOOD = {"accepted", "repeat", "heartbeat", "fragment", "delivered", "unknown_lane", "bad_mac",
        "stale"}


def key_file(world, name):
    """A new secret key in a file; returns its bytes."""
    key = os.urandom(32)
    path = world.dir / name
    path.touch(0o600)
    path.write_text(base64.b64encode(key).decode() + "\n")
    return key


def public_text(key):
    return base64.b64encode(lanes1.Keys(private=key).own).decode()


class Recorder:
    """Keeps every frame that a device receives, and when."""

    def __init__(self, wire):
        self.wire, self.records = wire, []
        self.wire.settimeout(0.2)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while not self.stopped.is_set():
            try:
                frame = lab.receive_frame(self.wire)
                self.records.append((time.time_ns(), frame))
            except socket.timeout:
                pass

    def stop(self):
        self.stopped.set()
        self.thread.join()
        return self.records

    def heartbeats(self):
        """The lanes of which one has come."""
        seen = set()
        for _, frame in list(self.records):
            packet = capture.lane_packet(frame, 4790)
            if packet and packet[:1] == b"\x11" and packet[2:4] == b"\xff\xff":
                seen.add(int.from_bytes(packet[4:8], "big"))
        return seen


def send_frames(inside, seed):
    """Sends frames of all sizes into all lanes; returns {lane: frames}."""
    chance = random.Random(seed)
    sent = {lane: [] for lane in LANES}
    wire = inside.packet("eth0")
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for lane in LANES:
            # A bundle is made of what comes together.
            for _ in range(4 if lane == 104 else 1):
                longest = 200 if lane == 104 else 1500
                body = MARK + len(sent[lane]).to_bytes(4, "big")
                body += chance.randbytes(chance.randrange(longest - len(body)))
                frame = bytes.fromhex("020000000002020000000001") + \
                    (0x0800 + lane - 100).to_bytes(2, "big") + body
                sent[lane].append(frame)
                wire.send(frame)
        time.sleep(0.01)
    return sent


def recover(path, lane, options):
    """Runs the receiver on the capture; returns its payloads and its books."""
    done = subprocess.run([sys.executable, "-B", PYTHON / "receiver.py", "--lane", str(lane),
                           *map(str, options), path], capture_output=True, text=True, timeout=60,
                          check=False)
    lab.equal(done.returncode, 0, f"exit status of receiver.py: {done.stderr}")
    payloads = [bytes.fromhex(line.split()[1]) for line in done.stdout.splitlines()]
    return payloads, json.loads(done.stderr)


def check_lane(path, lane, options, sent):
    payloads, books = recover(path, lane, options)
    found, wanted = collections.Counter(payloads), collections.Counter(sent)
    lab.equal((sum((wanted - found).values()), sum((found - wanted).values())), (0, 0),
              f"frames of lane {lane} (missing, not expected), of {len(sent)}: {books}")
    lab.check(set(books["packets"]) <= GOOD, f"lane {lane}: {books}")
    for session in books["sessions"]:
        lab.equal(session["lost"] or 0, 0, f"packets that lane {lane} lost, by its heartbeats")
    return books


def scenario(world):
    if lanes1 is None:
        raise lab.Skip("no python3-cryptography (tools/setup installs it)")
    inside, texas, oslo = world.host("inside"), world.host("texas", ipv6=True), world.host("oslo")
    world.cable(inside, "eth0", texas, "lan0", mtu=1500)
    world.cable(texas, "eth1", oslo, "eth1", [["192.0.2.1/24", "2001:db8::1/64"], []])
    keys = {name: key_file(world, f"{name}.key") for name in ("texas", "oslo", "lima")}
    key_file(world, "lane.psk")
    recorder = Recorder(oslo.packet("eth1"))
    near = texas.node(TEXAS.format(dir=world.dir, mac=oslo.mac("eth1"),
                                   oslo=public_text(keys["oslo"]), lima=public_text(keys["lima"])))
    try:
        lab.eventually(lambda: recorder.heartbeats() == set(LANES), "all lanes have keys")
        seed = int.from_bytes(os.urandom(4), "big")
        print(f"python_receiver: seed {seed}")
        sent = send_frames(inside, seed)
        time.sleep(1.5)  # one more heartbeat
    finally:
        records = recorder.stop()
    path = world.dir / "capture"
    capture.write(path, records, capture.LINK_ETHERNET)
    lab.check(not any(MARK[:16] in frame for _, frame in records), "a payload is on the wire")

    secret = ["--secret", world.dir / "lane.psk"]
    sender = ["--sender", public_text(keys["texas"])]
    chacha = ["--cipher", "chacha20-poly1305"]
    for name in ("oslo", "lima"):
        books = check_lane(path, 101, ["--private", world.dir / f"{name}.key", *sender], sent[101])
        lab.check(len(books["sessions"]) >= 3, f"no new session every 2 seconds: {books}")
    check_lane(path, 102, [*secret, *chacha], sent[102])
    books = check_lane(path, 103, ["--private", world.dir / "oslo.key", *sender, *secret, *chacha],
                       sent[103])
    lab.check(books["packets"]["fragment"] > 100, f"no fragments: {books}")
    books = check_lane(path, 104, secret, sent[104])
    accepted = sum(session["accepted"] for session in books["sessions"])
    lab.check(accepted < len(sent[104]), f"no bundles: {books}")
    nothing, books = recover(path, 102, ["--private", world.dir / "oslo.key", *sender, *chacha])
    lab.equal((nothing, books["packets"].get("bad_mac", 0) > 0), ([], True),
              "what a receiver without the secret opens")
    closing = near.stop()
    lab.equal(closing.drops, {}, "drops at texas")


lab.run(scenario)
