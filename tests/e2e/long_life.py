#!/usr/bin/python3
"""A node's life in a hurry: reloads, link flaps, new keys, traces and a crowd of clients, one after
the other, while numbered frames flow over a lane that none of it concerns. That lane loses nothing;
memory, descriptors and the time that Control takes do not grow. 20 seconds; `--minutes 30` is the
long one (`tools/test --part soak`), and prints what grew by how much in an hour.

    texas gen ===== lan0 --[ lanes ]-- eth1 ========= eth1 --[ lanes ]-- lan0 ===== sink oslo
                                   \\-- eth2 == flaps == eth2 --/
"""

import argparse
import json
import os
import pathlib
import time

import lab
import sealed_lab
import talking

TEXAS = """
node: texas
state: {state}
manage: {{socket: texas.sock}}
keys: {{private: texas.key}}
ports:
  lan: {{driver: af_packet, device: lan0, promiscuous: true}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.1/24}}
  other: {{driver: af_packet, device: eth2, address: 198.51.100.1/24}}
lanes:
  - {{name: steady, id: 101, send: lan, match: {{destination_port: 9}}, rekey: 5,
      over: {{port: wan, to: "192.0.2.2:4790"}}, receiver: "{oslo}"}}
  - {{name: shaken, id: 102, send: lan, match: {{destination_port: 7}}, rekey: 3, mtu: {mtu},
      over: {{port: other, to: "198.51.100.2:4790"}}, receiver: "{oslo}"}}
"""
MORE = ("  - {{name: more-{n}, id: {id}, send: lan, match: {{destination_port: {id}}},\n"
        "      over: {{port: other, to: \"198.51.100.2:4790\"}}, receiver: \"{oslo}\"}}\n")
OSLO = """
node: oslo
state: {state}
manage: {{socket: oslo.sock}}
keys: {{private: oslo.key}}
ports:
  lan: {{driver: af_packet, device: lan0}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.2/24}}
  other: {{driver: af_packet, device: eth2, address: 198.51.100.2/24}}
lanes:
  - {{name: steady, id: 101, receive: lan, over: {{port: wan}}, sender: "{texas}"}}
  - {{name: shaken, id: 102, receive: lan, over: {{port: other}}, sender: "{texas}"}}
"""
RATE_PPS = 500
LANES_MORE = 50


class Life:
    """What a node has of memory, descriptors and threads, and how long its Control worked."""

    NAMES = ("resident_kib", "descriptors", "threads", "control_ms_per_s")

    def __init__(self, node):
        self.node = node
        self.looks = []
        self._worked = None

    def look(self, now):
        proc = pathlib.Path(f"/proc/{self.node.pid}")
        fields = (proc / "task" / str(self.node.pid) / "stat").read_text().rsplit(")", 1)[1].split()
        worked = (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")
        if self._worked is not None:
            then, before = self._worked
            self.looks.append((now, self.node.rss_kib(), len(os.listdir(proc / "fd")),
                               len(os.listdir(proc / "task")), (worked - before) / (now - then)))
        self._worked = now, worked

    def slope(self, column):
        """By how much it grows in an hour: least squares over the second half, when caches of
        allocators are full."""
        half = self.looks[len(self.looks) // 2:]
        times = [look[0] for look in half]
        values = [look[column] for look in half]
        mean_time, mean = sum(times) / len(times), sum(values) / len(values)
        spread = sum((at - mean_time) ** 2 for at in times)
        rise = sum((at - mean_time) * (value - mean) for at, value in zip(times, values))
        return mean, 3600 * rise / spread if spread else 0.0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1 / 3)
    return parser.parse_args()


def texas_file(world, keys, turn):
    text = TEXAS.format(state=world.dir / "texas.state", mtu=1300 + 10 * (turn % 5), **keys)
    if turn % 2:
        text += "".join(MORE.format(n=n, id=1000 + n, **keys) for n in range(LANES_MORE))
    return text


def shake(world, texas, near, keys, turn):
    """One of the things that happen to a node."""
    what = turn % 5
    if what == 0:
        near.reload(texas_file(world, keys, turn // 5))
    elif what == 1:
        texas.run("ip", "link", "set", "eth2", "down")
    elif what == 2:
        texas.run("ip", "link", "set", "eth2", "up")
    elif what == 3:
        crowd = [talking.Conversation(world.dir / "texas.sock") for _ in range(20)]
        for one in crowd:
            lab.equal(one.ask("show lanes --json")[0], 0, "an answer in a crowd")
        for one in crowd[:10]:
            one.close()
        for one in crowd[10:]:
            one.socket.close()
    else:
        status, said = talking.ask_json(world.dir / "texas.sock", "trace steady -n 5 --for 5")
        lab.equal((status, len(said["frames"])), (0, 5), "a trace of the steady lane")


def report(node, life):
    said = {}
    for column, name in enumerate(Life.NAMES, 1):
        mean, slope = life.slope(column)
        said[name] = {"mean": round(mean, 2), "per_hour": round(slope, 2)}
    print(f"{node}: {json.dumps(said)}")
    return said


def scenario(world):
    seconds = arguments().minutes * 60
    texas, oslo = sealed_lab.stretch(world)
    world.cable(texas, "eth2", oslo, "eth2", [["198.51.100.1/24"], ["198.51.100.2/24"]])
    keys = {name: sealed_lab.new_key(world, name) for name in ("texas", "oslo")}
    for name in ("texas", "oslo"):
        (world.dir / f"{name}.state").mkdir(mode=0o700)
    far = oslo.node(OSLO.format(state=world.dir / "oslo.state", **keys))
    near = texas.node(texas_file(world, keys, 0))
    far.wait_for("lane steady is up")
    far.wait_for("lane shaken is up")
    collector = sealed_lab.Collector(oslo)
    steady = sealed_lab.flow(texas, RATE_PPS)
    shaken = sealed_lab.flow(texas, RATE_PPS // 5, port=7)
    lives = {"texas": Life(near), "oslo": Life(far)}
    began, turn, looked = time.monotonic(), 0, 0.0
    while (now := time.monotonic() - began) < seconds:
        shake(world, texas, near, keys, turn)
        turn += 1
        time.sleep(0.2)
        if now - looked >= min(10.0, seconds / 20):
            looked = now
            for life in lives.values():
                life.look(time.monotonic())
    texas.run("ip", "link", "set", "eth2", "up")
    shaken.stop()
    sent = steady.stop()
    sealed_lab.each_once(collector.stop(), sent, "numbers of the steady lane")
    status, said = talking.ask_json(world.dir / "oslo.sock", "show lane steady")
    lab.equal((status, said["lane"]["lost_packets"]), (0, 0), "what oslo says was lost")
    print(f"{turn} things happened in {seconds:.0f} s; {sent} frames, none lost")
    for name, life in lives.items():
        for key, found in report(name, life).items():
            if key in ("descriptors", "threads"):
                # Clients come and go; what stays behind adds up.
                lab.check(found["per_hour"] * seconds / 3600 < 20, f"{name}: {key} grow: {found}")
            if key == "resident_kib":
                grown = found["per_hour"] * seconds / 3600
                lab.check(grown < 0.1 * found["mean"] + 1024, f"{name}: memory grows: {found}")
    near.stop()
    far.stop()


lab.run(scenario)
