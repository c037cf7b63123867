#!/usr/bin/python3
"""An idle node in `adaptive` (the default) and in `sleep` uses less than one per cent of a core,
after traffic as well as before, and wakes up at once when traffic comes.

    texas lane0 --[ eth1 (adaptive) ===== eth1 (sleep) ]-- lane0 oslo
"""

import time

import lab

NODE = """
node: {name}
poll: {poll}
ports:
  lan: {{driver: tap, device: lane0, address: 10.8.0.{own}/24, mtu: 1400}}
  wan: {{driver: {wan}}}
lanes:
  - {{name: out, id: 10{own}, send: lan, over: {{port: wan, to: "192.0.2.{far}:4790"}},
     cipher: none}}
  - {{name: in, id: 10{far}, receive: lan, over: {{port: wan}}, cipher: none}}
"""
SECONDS = 3.0


def idle_percent(nodes):
    before = [node.cpu_seconds() for node in nodes]
    time.sleep(SECONDS)
    return {node.name: 100 * (node.cpu_seconds() - used) / SECONDS
            for node, used in zip(nodes, before)}


def scenario(world):
    texas, oslo = lab.two_hosts(world)
    near = texas.node(NODE.format(name="texas", own=1, far=2, poll="adaptive",
                                  wan="af_packet, device: eth1, address: 192.0.2.1/24"))
    far = oslo.node(NODE.format(name="oslo", own=2, far=1, poll="sleep",
                                wan="udp, address: 192.0.2.2"))
    time.sleep(0.5)
    for when in ("before traffic", "after traffic"):
        idle = idle_percent((near, far))
        print(f"idle CPU {when}: " + ", ".join(f"{n} {p:.2f} %" for n, p in idle.items()))
        lab.check(max(idle.values()) < 1.0, f"idle CPU {when}: {idle}")
        texas.reaches("10.8.0.2")
        lab.equal(texas.ping("10.8.0.2", count=50), 50, "answers")
        # One at a time, each finds both ends asleep.
        lab.equal(texas.ping("10.8.0.2", count=10, interval=0.1), 10, "answers of sleepers")
        time.sleep(0.2)
    near.stop()
    far.stop()


lab.run(scenario)
