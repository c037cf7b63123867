#!/usr/bin/python3
"""A new session every second under traffic, then a reload, and then a thousand lanes whose sessions
all change at once: not one datagram is lost, and none comes twice.

    texas                                                                 oslo
    gen ===== lan0 --[ lanes ]-- eth1 ===== eth1 --[ lanes ]-- lan0 ===== sink
    one lane, and a second one after a reload; then 1,000 lanes, one for each UDP port, and two
    workers at each end
"""

import contextlib
import shutil
import signal
import threading
import time

import lab
import sealed_lab

NODE = """
node: {name}
workers: {workers}
state: {name}.state
keys: {{private: {name}.key}}
ports:
  lan: {{driver: af_packet, device: lan0, promiscuous: true}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.{own}/24}}
{lanes}
"""
SEND = """
  - name: l{id}
    id: {id}
    send: lan
    over: {{port: wan, to: "192.0.2.2:4790", next_hop: "02:00:00:00:00:02"}}
    receiver: "{peer}"
    rekey: 1
    match: {{destination_port: {id}}}
"""
RECEIVE = '  - {{name: l{id}, id: {id}, receive: lan, over: {{port: wan}}, sender: "{peer}"}}\n'
SECONDS, RATE_PPS = 12, 4000
LANES, FIRST_PORT, SAMPLE = 1000, 10001, 50
TABLE_SECONDS, TABLE_RATE_PPS = 9, 4000


def sane_drops(near, far):
    """Of a lane's first session heartbeats may come before the receiver has written it down. Data
    is counted by who sends and who gets it."""
    lab.equal(near.drops, {}, "drops at the sender")
    lab.check(set(far.drops) <= {"no_session"} and far.dropped <= 2 * LANES,
              f"drops at the receiver: {far.drops}")


def one_lane(texas, oslo, keys):
    def texas_yaml(*ids):
        return NODE.format(name="texas", own=1, workers=1, lanes="lanes:\n" + "".join(
            SEND.format(id=lane, peer=keys["oslo"]) for lane in ids))
    far = oslo.node(NODE.format(name="oslo", own=2, workers=1, lanes="lanes:\n" + "".join(
        RECEIVE.format(id=lane, peer=keys["texas"]) for lane in (9, 10))))
    near = texas.node(texas_yaml(9))
    far.wait_for("lane l9 is up")
    sealed_lab.wait_until_sending(near, "l9")
    first = sealed_lab.state(far, "l9").epoch
    collector = sealed_lab.Collector(oslo, 9)
    flow = sealed_lab.flow(texas, RATE_PPS, 9)
    try:
        time.sleep(SECONDS / 2)
        near.reload(texas_yaml(9, 10), "lanes kept 1, changed 0, added 1, removed 0")
        far.wait_for("lane l10 is up")
        time.sleep(SECONDS / 2)
    finally:
        sent = flow.stop()
    numbers = collector.stop()
    state = sealed_lab.state(far, "l9")
    lab.check(state.epoch - first >= SECONDS - 2, f"{state.epoch - first} rekeys in {SECONDS} s")
    sealed_lab.each_once(numbers, sent, "datagrams over sessions of a second each, and a reload")
    a, b = near.stop(), far.stop()
    lab.equal((a.packets["l9"], b.packets["l9"]), (sent, sent), "packets sent and received")
    sane_drops(a, b)
    lab.equal(state.lost, 0, "lost on the way, as the receiver says")
    print(f"{state.epoch - first} rekeys and a reload: {len(numbers)} of {sent} came, each once")


def write_tables(folder, keys):
    with open(folder / "texas.csv", "w", encoding="ascii") as table:
        table.write("name,id,send,over.port,over.to,over.next_hop,receiver,rekey,"
                    "match.destination_port\n")
        for n in range(LANES):
            table.write(f"l{n},{n + 1},lan,wan,192.0.2.2:4790,{sealed_lab.OSLO_MAC},{keys['oslo']},"
                        f"5,{FIRST_PORT + n}\n")
    with open(folder / "oslo.csv", "w", encoding="ascii") as table:
        table.write("name,id,receive,over.port,sender\n")
        for n in range(LANES):
            table.write(f"l{n},{n + 1},lan,wan,{keys['texas']}\n")


class Spray:
    """Numbered datagrams to many ports in turn, at a steady rate; each port has its own numbers."""

    def __init__(self, host, ports, rate_pps):
        self.sent = 0
        self._ports, self._rate_pps = ports, rate_pps
        self._socket = host.udp(sealed_lab.SOURCE, 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        start = time.monotonic()
        while not self._stop.is_set():
            due = int((time.monotonic() - start) * self._rate_pps)
            while self.sent < due:
                turn, which = divmod(self.sent, len(self._ports))
                self._socket.sendto(turn.to_bytes(8, "big") + bytes(56),
                                    (sealed_lab.SINK, self._ports[which]))
                self.sent += 1
            time.sleep(0.001)

    def stop(self):
        """How many went to each port."""
        self._stop.set()
        self._thread.join()
        turns, rest = divmod(self.sent, len(self._ports))
        return [turns + (which < rest) for which in range(len(self._ports))]


def all_up(node):
    """Whether no lane of many waits for its keys: those that do are told first, then some more."""
    begin = len(node.log())
    node.kill(signal.SIGUSR1)
    lab.eventually(lambda: "more sealed lanes" in node.log()[begin:], "the node tells its state")
    told = [sealed_lab.LaneState(match)
            for match in sealed_lab.LaneState.LINE.finditer(node.log(), begin)]
    return all(lane.state == "up" for lane in told)


def thousand_lanes(world, texas, oslo, keys):
    write_tables(world.dir, keys)
    far, near = (host.node(NODE.format(name=host.name, own=own, workers=2,
                                       lanes=f"tables: [{host.name}.csv]"), f"{host.name}-many")
                 for host, own in ((oslo, 2), (texas, 1)))
    ports = range(FIRST_PORT, FIRST_PORT + LANES, LANES // SAMPLE)
    lab.eventually(lambda: all_up(far), "all lanes are up", 10)
    time.sleep(0.5)  # data flows a lead after the announcement
    before = sealed_lab.states(far, "l0")
    collectors = [sealed_lab.Collector(oslo, port) for port in ports]
    spray = Spray(texas, ports, TABLE_RATE_PPS)
    try:
        time.sleep(TABLE_SECONDS)
    finally:
        sent = spray.stop()
    for collector in collectors:
        collector.end()
    for port, count, collector in zip(ports, sent, collectors):
        sealed_lab.each_once(collector.stop(), count, f"datagrams of port {port}")
    for name, state in sealed_lab.states(far, "l0").items():
        lab.equal((state.state, state.lost), ("up", 0), f"state of lane {name}, and what it lost")
        if name in before:
            lab.check(state.epoch > before[name].epoch, f"lane {name} was not rekeyed")
    a, b = near.stop(), far.stop()
    sane_drops(a, b)
    lab.equal({lane: b.packets.get(lane) for lane in a.packets}, a.packets, "packets by lane")
    print(f"{LANES} lanes rekeyed at once, {SAMPLE} of them with traffic: {sum(sent)} of "
          f"{sum(sent)} came, each once; heartbeats before their session {b.dropped}")


def scenario(world):
    texas, oslo = sealed_lab.stretch(world)
    keys = {name: sealed_lab.new_key(world, name) for name in ("texas", "oslo")}
    one_lane(texas, oslo, keys)
    # Thousands of files take long to remove from some disks.
    with contextlib.ExitStack() as disks:
        for name in keys:
            shutil.rmtree(world.dir / f"{name}.state")
            disks.enter_context(sealed_lab.small_disk(world.dir / f"{name}.state", "64m"))
        thousand_lanes(world, texas, oslo, keys)


lab.run(scenario)
