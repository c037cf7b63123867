#!/usr/bin/python3
"""Sealed lanes when an end is stopped, killed or loses what it remembered: traffic flows again, by
itself, and nothing is delivered twice, ever. The log says what it waits for.

    texas                                                                         oslo
    gen ===== lan0 --[ quick 101, steady 102 ]-- eth1 ===== eth1 --[ lanes ]-- lan0 ===== sink
    numbered datagrams to port 9 go over `quick` (a new session every 3 s), to port 10 over `steady`
"""

import contextlib
import shutil
import signal
import subprocess
import time

import lab
import sealed_lab

TEXAS = """
node: texas
state: texas.state
keys: {{private: texas.key}}
ports:
  lan: {{driver: af_packet, device: lan0, promiscuous: true}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.1/24}}
lanes:
  - {{name: quick, id: 101, send: lan, match: {{destination_port: 9}}, {to}, receiver: "{oslo}",
     rekey: 3}}
  - {{name: steady, id: 102, send: lan, match: {{destination_port: 10}}, {to}, receiver: "{oslo}"}}
"""
OSLO = """
node: oslo
state: oslo.state
keys: {{private: oslo.key}}
ports:
  lan: {{driver: af_packet, device: lan0}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.2/24}}
lanes:
  - {{name: quick, id: 101, receive: lan, over: {{port: wan}}, sender: "{texas}"}}
  - {{name: steady, id: 102, receive: lan, over: {{port: wan}}, sender: "{texas}"}}
"""
TO = f'over: {{port: wan, to: "192.0.2.2:4790", next_hop: "{sealed_lab.OSLO_MAC}"}}'
RATE_PPS = 1000


class Traffic:
    """A flow over each lane, and what comes of it."""

    LANES = {"quick": 9, "steady": 10}

    def __init__(self, texas, oslo):
        self.collectors = {lane: sealed_lab.Collector(oslo, port)
                           for lane, port in self.LANES.items()}
        self.flows = {lane: sealed_lab.flow(texas, RATE_PPS, port)
                      for lane, port in self.LANES.items()}

    def flows_again(self, what, lanes=("quick", "steady"), within=2.5):
        """Waits until both flow, for the seconds that they may take."""
        began = time.monotonic()
        for lane in lanes:
            self.collectors[lane].comes(timeout=within)
        print(f"{what}: {', '.join(lanes)} again after {time.monotonic() - began:.2f} s")

    def stop(self):
        sent = {lane: flow.stop() for lane, flow in self.flows.items()}
        for lane, collector in self.collectors.items():
            numbers = collector.stop()
            sealed_lab.none_twice(numbers, lane)
            print(f"{lane}: {len(numbers)} of {sent[lane]} came, each once")


class Pair:
    """Both nodes, and how they are restarted."""

    def __init__(self, world):
        self.world = world
        self.hosts = dict(zip(("texas", "oslo"), sealed_lab.stretch(world)))
        keys = {name: sealed_lab.new_key(world, name) for name in self.hosts}
        self.texts = {"texas": TEXAS.format(to=TO, **keys), "oslo": OSLO.format(**keys)}
        self.nodes = {}
        self.starts = 0

    def start(self, name):
        self.starts += 1
        self.nodes[name] = self.hosts[name].node(self.texts[name], f"{name}{self.starts}")
        return self.nodes[name]

    def state_directory(self, name):
        return self.world.dir / f"{name}.state"

    def next_session(self):
        """Waits until oslo has another session of the quick lane."""
        far = self.nodes["oslo"]
        first = sealed_lab.state(far, "quick").epoch
        lab.eventually(lambda: sealed_lab.state(far, "quick").epoch > first, "the next session", 6)

    def kill(self, name):
        self.nodes[name].kill(signal.SIGKILL)
        self.nodes[name].wait()


def stops_in_order(pair, traffic):
    pair.nodes["texas"].stop()
    pair.start("texas")
    traffic.flows_again("sender stopped and started")
    pair.nodes["oslo"].stop()
    pair.start("oslo")
    traffic.flows_again("receiver stopped and started")
    for node in pair.nodes.values():
        node.stop()
    pair.start("oslo")
    pair.start("texas")
    traffic.flows_again("both stopped and started")


def kills(pair, traffic):
    pair.kill("texas")
    pair.start("texas")
    traffic.flows_again("sender killed")
    pair.kill("oslo")
    far = pair.start("oslo")
    traffic.flows_again("receiver killed", ["quick"], within=8)
    # The steady lane would wait for two minutes; after five seconds the log says so unasked.
    far.wait_for("lane steady is no-key: this node stopped without saving how far it had come, so "
                 "it waits for the sender's next session", timeout=7)
    state = sealed_lab.state(far, "steady")
    lab.equal((state.state, state.epoch), ("no-key", None), "the state of the waiting lane")
    pair.nodes["texas"].stop()
    pair.start("texas")
    traffic.flows_again("receiver killed, sender started again")
    far.wait_for("lane steady is up")


def lost_states(pair, traffic):
    for name in ("texas", "oslo"):
        pair.nodes[name].stop()
        shutil.rmtree(pair.state_directory(name))
        pair.start(name)
        traffic.flows_again(f"state lost at {name}")


def damaged_states(pair, traffic):
    for name, entry in (("texas", "send-101"), ("oslo", "receive-101")):
        pair.nodes[name].stop()
        file = pair.state_directory(name) / entry
        lab.check(file.stat().st_mode & 0o077 == 0, f"{file} can be read by others")
        text = file.read_text()
        file.write_text(text.replace("1", "2", 5))
        node = pair.start(name)
        said = [line for line in node.log().splitlines() if f"{name}.state/{entry}" in line]
        lab.equal(len(said), 1, f"lines about {entry}: {said}")
        lab.check("is damaged: its checksum is wrong; going on as if nothing had been remembered "
                  "of this lane" in said[0], f"said of a damaged state: {said[0]}")
        traffic.flows_again(f"state damaged at {name}")


def full_disk(pair, traffic, name):
    """A node whose state cannot be written says so, begins no session, and recovers by itself."""
    entry = {"texas": "send-101", "oslo": "receive-101"}[name]
    directory = pair.state_directory(name)
    filler = sealed_lab.fill(directory)
    node = pair.start(name)
    cause = f"write {directory}/{entry}: No space left on device"
    node.wait_for(f"lane quick: no new session, since its state cannot be written: {cause}")
    came = len(traffic.collectors["quick"].numbers)
    state = sealed_lab.state(node, "quick")
    lab.equal((state.state, state.epoch), ("no-key", None), f"state at {name} with a full disk")
    lab.check("No space left on device" in state.cause, f"cause at {name}: {state.cause}")
    lab.equal(len(traffic.collectors["quick"].numbers), came, "datagrams that came meanwhile")
    filler.unlink()
    traffic.flows_again(f"disk full at {name}, and emptied")


def full_disks(pair, traffic):
    """A disk that is full at start, and one that fills up later: the second does no harm, as a node
    that has written its state twice has all the room that it needs."""
    with contextlib.ExitStack() as disks:
        for name in ("texas", "oslo"):
            pair.nodes[name].stop()
            shutil.rmtree(pair.state_directory(name))
            disks.enter_context(sealed_lab.small_disk(pair.state_directory(name)))
            full_disk(pair, traffic, name)
        pair.next_session()
        for name in pair.nodes:
            sealed_lab.fill(pair.state_directory(name))
        pair.next_session()
        traffic.flows_again("both disks full")


def second_node(pair):
    """Another node on the state directory of a running one is refused, and does no harm."""
    name = "texas"
    file = pair.world.dir / "second.yaml"
    file.write_text(pair.texts[name])
    done = subprocess.run(["nsenter", f"--net={pair.hosts[name].path}", lab.LANES, str(file)],
                          capture_output=True, text=True, timeout=10, check=False)
    lab.equal(done.returncode, 1, "exit status of a second lanes on the same state directory")
    lab.check(f"{name}.state is in use by another lanes: give each node its own" in done.stderr,
              f"a second lanes says: {done.stderr}")


def scenario(world):
    pair = Pair(world)
    pair.start("oslo")
    pair.start("texas")
    traffic = Traffic(pair.hosts["texas"], pair.hosts["oslo"])
    try:
        traffic.flows_again("first start")
        stops_in_order(pair, traffic)
        second_node(pair)
        lost_states(pair, traffic)
        damaged_states(pair, traffic)
        kills(pair, traffic)
        full_disks(pair, traffic)
    finally:
        traffic.stop()
    for node in pair.nodes.values():
        node.stop()


lab.run(scenario)
