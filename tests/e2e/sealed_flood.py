#!/usr/bin/python3
"""A flood of forged announcements and data, as fast as one core can make it, on the bridge over
which a sealed lane runs. Good traffic goes on, sessions change in the middle of it, nothing forged
is delivered, and each forgery is counted under its name.

    texas    gen === lan0 --[ lanes ]-- eth1 --+
    mallory  (this script)              eth1 --+-- bridge -- eth1 --[ lanes ]-- lan0 === sink  oslo
"""

import ctypes
import os
import socket
import sys
import time

import lab
import packets
import sealed_lab

TEXAS = """
node: texas
keys: {{private: texas.key}}
ports:
  lan: {{driver: af_packet, device: lan0, promiscuous: true}}
  wan: {{driver: af_packet, device: eth1}}
lanes:
  - name: good
    id: 101
    send: lan
    over: {{port: wan, to: "02:00:00:00:00:02"}}
    receiver: "{oslo}"
    rekey: 3
"""
OSLO = """
node: oslo
keys: {{private: oslo.key}}
ports:
  lan: {{driver: af_packet, device: lan0}}
  wan: {{driver: af_packet, device: eth1, ring_frames: 16384}}
lanes:
  - {{name: good, id: 101, receive: lan, over: {{port: wan, carrier: ethernet}}, sender: "{texas}"}}
"""
LANE, RATE_PPS = 101, 2000
CALM_SECONDS, FLOOD_SECONDS = 2, 7
FORGED, FORGED_BYTES, BATCH = 2048, 14 + 144, 64


def forgeries(epoch8):
    """Frames of announcements and of data, as many of each: type, length, lane and epoch are right,
    numbers are plausible, the rest is random."""
    frames = []
    for n in range(FORGED):
        if n % 2:
            wrong = n % 8 == 1  # of a session that there is not
            lane = packets.lane(LANE, 10**9 + n, os.urandom(128), epoch=epoch8 + 7 * wrong & 255)
        else:
            stamp = time.time_ns() + 60 * 10**9 + n * 2**24 & ~(2**24 - 1)
            lane = packets.lane(LANE, stamp, os.urandom(128), kind=0x12, epoch=epoch8 + 1 & 255)
        frames.append(packets.ethernet(sealed_lab.OSLO_MAC, "02:00:00:00:00:66",
                                       packets.ETHER_TYPE_LANE, lane))
    return b"".join(frames)


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class Message(ctypes.Structure):
    """struct mmsghdr; what was sent lies on the next eight bytes, flags have a gap behind them."""
    _fields_ = [("name", ctypes.c_void_p), ("name_len", ctypes.c_uint32),
                ("vectors", ctypes.POINTER(Vector)), ("vector_count", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("control_len", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("sent", ctypes.c_uint64)]


def blast(device, file, seconds):
    """Sends the frames of a file, again and again, many with each system call. A process of its
    own, on the last core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with open(file, "rb") as source:
        frames = ctypes.create_string_buffer(source.read())
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.setsockopt(lab.SOL_PACKET, 20, 1)  # PACKET_QDISC_BYPASS
    sender.setsockopt(socket.SOL_SOCKET, 32, 8 << 20)  # SO_SNDBUFFORCE
    sender.bind((device, 0))
    messages = (Message * FORGED)()
    vectors = (Vector * FORGED)()
    for n in range(FORGED):
        vectors[n] = Vector(ctypes.addressof(frames) + n * FORGED_BYTES, FORGED_BYTES)
        messages[n].vectors, messages[n].vector_count = ctypes.pointer(vectors[n]), 1
    size = ctypes.sizeof(Message)
    sent, at, end = 0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        some = lab.libc.sendmmsg(sender.fileno(), ctypes.byref(messages, at * size),
                                 min(BATCH, FORGED - at), 0)
        sent += max(some, 0)
        at = (at + max(some, 1)) % FORGED
    print(sent)


def build(world):
    texas, oslo = sealed_lab.ends(world)
    mallory, switch = world.host("mallory"), world.host("switch")
    switch.run("ip", "link", "add", "bridge", "type", "bridge")
    switch.run("ip", "link", "set", "bridge", "up")
    for host in (texas, oslo, mallory):
        world.cable(host, "eth1", switch, host.name)
        switch.run("ip", "link", "set", host.name, "master", "bridge")
    oslo.run("ip", "link", "set", "eth1", "address", sealed_lab.OSLO_MAC)
    # oslo never sends a frame that the bridge could learn this from.
    switch.run("bridge", "fdb", "add", sealed_lab.OSLO_MAC, "dev", "oslo", "master", "static")
    return texas, oslo, mallory, switch


def flood(world, mallory, far):
    """Lasts FLOOD_SECONDS; returns the numbers of forged frames sent and of sessions begun."""
    first = sealed_lab.state(far, "good").epoch
    file = world.dir / "forged"
    file.write_bytes(forgeries(first & 255))
    sent = int(mallory.run("/usr/bin/python3", "-B", __file__, "blast", "eth1", str(file),
                           str(FLOOD_SECONDS)))
    return sent, sealed_lab.state(far, "good").epoch - first


def scenario(world):
    texas, oslo, mallory, switch = build(world)
    keys = {name: sealed_lab.new_key(world, name) for name in ("texas", "oslo")}
    far, near = oslo.node(OSLO.format(**keys)), texas.node(TEXAS.format(**keys))
    far.wait_for("lane good is up")
    sealed_lab.wait_until_sending(near, "good")
    collector = sealed_lab.Collector(oslo)
    flow = sealed_lab.flow(texas, RATE_PPS)
    try:
        time.sleep(CALM_SECONDS)
        calm = len(collector.numbers) / CALM_SECONDS
        began, mark = time.monotonic(), len(collector.numbers)
        forged, rekeys = flood(world, mallory, far)
        under = (len(collector.numbers) - mark) / (time.monotonic() - began)
        time.sleep(0.5)
    finally:
        sent = flow.stop()
    numbers = collector.stop()
    state = sealed_lab.state(far, "good")
    a, b = near.stop(), far.stop()
    # Frames that the machine could not take to the receiver: cables, bridge, ring.
    lost = b.lost.get("wan", 0) + sum(
        host.link(device)["rx"]["dropped"] + host.link(device)["tx"]["dropped"]
        for host, device in ((oslo, "eth1"), (switch, "oslo"), (switch, "texas"), (texas, "eth1")))
    print(f"good traffic: {calm:.0f} datagrams/s before, {under:.0f} under "
          f"{forged / FLOOD_SECONDS:.0f} forged frames/s; {len(numbers)} of {sent} came; {rekeys} "
          f"rekeys; the machine lost {lost} of all frames; drops at oslo: {b.drops}")
    sealed_lab.none_twice(numbers, "good traffic")
    lab.check(set(numbers) <= set(range(sent)), "something forged was delivered")
    lab.equal(b.packets["good"], len(numbers), "packets that oslo accepted")
    lab.check(forged > 20000 * FLOOD_SECONDS, f"{forged} forged frames are no flood")
    lab.check(rekeys >= 1 and state.state == "up", f"{rekeys} rekeys, the lane is {state.state}")
    sure = {"bad_mac", "bad_tag", "no_session"}
    # not_for_us: what the bridge itself says.
    lab.check(sure <= set(b.drops) <= sure | {"stale", "not_for_us"},
              f"drops at oslo: {b.drops}")
    lab.equal(a.packets["good"], sent, "packets that texas sent")
    if lost == 0:
        sealed_lab.each_once(numbers, sent, "good traffic, where the machine lost nothing")
    lab.check(sent - len(numbers) <= lost, f"{sent - len(numbers)} good packets were lost, but the "
              f"machine lost no more than {lost}")


if sys.argv[1:2] == ["blast"]:
    blast(sys.argv[2], sys.argv[3], float(sys.argv[4]))
else:
    lab.run(scenario)
