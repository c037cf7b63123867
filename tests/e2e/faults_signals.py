#!/usr/bin/python3
"""Signals at bad moments: a thousand SIGHUPs while traffic flows and management clients hang; SIGTERM
in the midst of more of them, and of a long reload; what is lost is counted: nothing.

    texas hurt0 --[ wan,  eth1 ===== eth1, wan  ]-- hurt0 oslo
          calm0 --[ road, eth2 ===== eth2, road ]-- calm0
"""

import contextlib
import json
import signal
import socket
import threading
import time

import faults
import lab

HUPS = 1000
TABLE_LANES = 100_000


def hang(node, clients):
    """Clients that ask and never read, that begin a line and never end it, or say nothing."""
    hung = []
    for n in range(clients):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(node.file.with_name(node.name.split("-")[0] + ".sock")))
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            client.sendall((b"show lanes\n" * 400, b"show la", b"")[n % 3])
        hung.append(client)
    return hung


def lane_id(node):
    return json.loads(faults.ask(node, "show", "lane", "hurt", "--json"))["lane"]["id"]


def thousand(pair):
    """Each is taken or stands for several; none disturbs a packet; the last word counts."""
    hung = [client for node in pair.nodes for client in hang(node, 12)]
    for number in range(HUPS):
        for node in pair.nodes:
            node.kill(signal.SIGHUP)
        if number % 100 == 0:
            pair.near.kill(signal.SIGUSR1)
            time.sleep(0.02)
    for stream in (pair.hurt, pair.calm):
        stream.goes_on("a lane under a thousand reloads")
    lab.check(faults.ask(pair.near, "reload", "--dry-run"), "management answers")
    # Said or not (a thousand lines of one kind are not all written), the last change is in force.
    for now, then in (("107", "101"), ("101", "107")):
        text = pair.near.file.read_text()
        pair.near.file.write_text(text.replace(f"name: hurt, id: {then}", f"name: hurt, id: {now}"))
        pair.near.kill(signal.SIGHUP)
        lab.eventually(lambda: lane_id(pair.near) == int(now), "the file's last word is in force", 10)
    pair.hurt.goes_on("the lane that was changed, and back")
    return hung


class Storm:
    """SIGHUP after SIGHUP, until the node is gone."""

    def __init__(self, node):
        self.node, self._stop = node, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set() and self.node.process.poll() is None:
            self.node.kill(signal.SIGHUP)

    def end(self):
        self._stop.set()
        self._thread.join()


def ends(node, number=signal.SIGTERM):
    """It ends in order, and soon, whatever else happens."""
    began = time.monotonic()
    closing = node.stop(number)
    lab.check(time.monotonic() - began < 5, f"{node.name} took {time.monotonic() - began:.1f} s to end")
    return closing


def in_a_storm(texas):
    for number in (signal.SIGTERM, signal.SIGINT):
        node = texas.node(faults.text(1), f"texas-{number.name}")
        hung = hang(node, 12)
        storm = Storm(node)
        node.wait_for("reloaded")
        try:
            ends(node, number)
        finally:
            storm.end()
        for client in hung:
            client.close()


def in_a_reload(world, texas):
    """The file becomes one with many lanes; the node ends while it takes them up, or right after."""
    (world.dir / "many.csv").write_text("name,id,receive,over.port,cipher\n" + "".join(
        f"t{n},{1000 + n},hurt,wan,none\n" for n in range(TABLE_LANES)))
    for wait_s in (0.0, 0.05, 0.2):
        node = texas.node(faults.text(1), f"texas-{wait_s}")
        node.file.write_text(faults.text(1) + "tables: [many.csv]\n")
        node.kill(signal.SIGHUP)
        time.sleep(wait_s)
        node.kill(signal.SIGUSR1)
        ends(node)


def scenario(world):
    texas, oslo = faults.hosts(world)
    with faults.Pair(texas, oslo) as pair:
        hung = thousand(pair)
    pair.stop()
    for client in hung:
        client.close()
    in_a_storm(texas)
    in_a_reload(world, texas)


lab.run(scenario)
