#!/usr/bin/python3
"""iperf3 over a pair of lanes for a long time: no disconnect, memory flat, no drop without a
reason. 20 seconds; `soak.py --long` takes ten minutes.

    texas lane0 --[ eth1 ===== eth1 ]-- lane0 oslo
"""

import sys
import threading
import time

import lab

NODE = """
node: {name}
ports:
  lan: {{driver: tap, device: lane0, address: 10.8.0.{own}/24, mtu: 1400}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.{own}/24}}
lanes:
  - {{name: out, id: 10{own}, send: lan, over: {{port: wan, to: "192.0.2.{far}:4790"}},
     cipher: none}}
  - {{name: in, id: 10{far}, receive: lan, over: {{port: wan}}, cipher: none}}
"""
SECONDS = 600 if "--long" in sys.argv else 20
ALLOWED = {"no_next_hop", "not_for_us", "tx_full"}  # before ARP; the kernel's own ARP; overload


def scenario(world):
    texas, oslo = lab.two_hosts(world)
    nodes = [texas.node(NODE.format(name="texas", own=1, far=2)),
             oslo.node(NODE.format(name="oslo", own=2, far=1))]
    texas.reaches("10.8.0.2")
    oslo.serve_iperf3()
    reports = []
    client = threading.Thread(
        target=lambda: reports.append(texas.iperf3("10.8.0.2", SECONDS, ("--bidir",))))
    client.start()
    time.sleep(SECONDS / 4)
    early = [node.rss_kib() for node in nodes]
    time.sleep(SECONDS / 2)
    late = [node.rss_kib() for node in nodes]
    client.join()
    lab.check(reports, "iperf3 ended early")
    end = reports[0]["end"]
    for direction in ("sum_received", "sum_received_bidir_reverse"):
        lab.check(end[direction]["seconds"] > 0.95 * SECONDS, "iperf3 was disconnected")
        print(f"{direction}: {end[direction]['bits_per_second'] / 1e9:.2f} Gbit/s")
    for interval in reports[0]["intervals"]:
        lab.check(interval["sum"]["bytes"] + interval["sum_bidir_reverse"]["bytes"] > 0,
                  "a second without a byte")
    print(f"memory in KiB after a quarter of the time {early}, after three quarters {late}")
    for before, after in zip(early, late):
        lab.check(after <= before + 256, f"memory grows: {early} to {late} KiB")
    for closing in [node.stop() for node in nodes]:
        lab.check(set(closing.drops) <= ALLOWED, f"drops: {closing.drops}")
        if closing.lost:
            print(f"lost by devices before lanes could receive: {closing.lost}")


lab.run(scenario)
