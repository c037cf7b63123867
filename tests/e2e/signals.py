#!/usr/bin/python3
"""Signals: SIGTERM and SIGINT stop cleanly, a second one at once, SIGPIPE is ignored; interfaces
that lanes made are gone afterwards.

    texas
    lane0 (tap) --[ lanes ]-- eth1 ===== eth1 oslo
"""

import signal
import time

import lab

TEXAS = """
node: texas
ports:
  lan: {driver: tap, device: lane0, address: 10.8.0.1/24, mtu: 1400}
  wan: {driver: af_packet, device: eth1, address: 192.0.2.1/24}
lanes:
  - {name: out, id: 101, send: lan, over: {port: wan, to: "192.0.2.2:4790"}, cipher: none}
"""


def devices(host):
    return [line.split(":")[1].split("@")[0].strip()
            for line in host.run("ip", "-o", "link").splitlines()]


def scenario(world):
    texas, _ = lab.two_hosts(world)
    for number in (signal.SIGTERM, signal.SIGINT):
        node = texas.node(TEXAS)
        lab.check("lane0" in devices(texas), "the tap device is there")
        began = time.monotonic()
        node.stop(number)
        lab.check(time.monotonic() - began < 2, f"stopping on {number.name} takes too long")
        lab.check("lane0" not in devices(texas), f"the tap device is gone after {number.name}")

    node = texas.node(TEXAS)
    node.kill(signal.SIGPIPE)
    time.sleep(0.2)
    lab.check(node.process.poll() is None, "SIGPIPE is ignored")
    # Both are pending when the node looks: the first stops it, the second ends it at once.
    node.kill(signal.SIGSTOP)
    node.kill(signal.SIGTERM)
    node.kill(signal.SIGINT)
    node.kill(signal.SIGCONT)
    status = node.wait(3)
    lab.check(status in (-signal.SIGINT, -signal.SIGTERM), f"status after two signals: {status}")
    lab.check("lane0" not in devices(texas), "the tap device is gone")


lab.run(scenario)
