#!/usr/bin/python3
"""SIGHUP under traffic: lanes are changed, added and removed, and of the lane that did not change
not one packet is lost, doubled or out of order. A file with an error changes nothing at all.

    texas                                              oslo
    lan0 ===[ keep    101 ]--+                  +--[ keep    101 ]=== lan0
    lan1 ===[ change  102 ]--+- eth1 === eth1 --+--[ change  102 ]=== lan1
    lan2 ===[ remove  103 ]--+                  +--[ remove  103 ]=== lan2
              (add    104 )
"""

import lab

NODE = """
node: {name}
ports:
  lan0: {{driver: tun, device: lan0, address: 10.8.0.{own}/24, mtu: 1400}}
  lan1: {{driver: tun, device: lan1, address: 10.8.1.{own}/24, mtu: 1400}}
  lan2: {{driver: tun, device: lan2, address: 10.8.2.{own}/24, mtu: 1400}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.{own}/24}}
lanes:
{lanes}
"""
TO = 'over: {port: wan, to: "192.0.2.2:4790"}, cipher: none'
FROM = "over: {port: wan}, cipher: none"
KEEP = f"  - {{name: keep, id: 101, send: lan0, {TO}}}"
FIRST = [KEEP,
         f"  - {{name: change, id: 102, send: lan1, {TO}}}",
         f"  - {{name: remove, id: 103, send: lan2, {TO}}}"]
SECOND = [KEEP,
          f"  - {{name: change, id: 102, send: lan1, {TO}, bundle: true, mtu: 1000}}",
          f"  - {{name: add, id: 104, send: lan2, {TO}}}"]
OSLO = [f"  - {{name: l10{n}, id: 10{n}, receive: lan{min(n - 1, 2)}, {FROM}}}"
        for n in (1, 2, 3, 4)]


def texas_yaml(lanes):
    return NODE.format(name="texas", own=1, lanes="\n".join(lanes))


def scenario(world):
    texas, oslo = lab.two_hosts(world)
    texas.run("ping", "-c", "1", "192.0.2.2")  # the next hop is known
    far = oslo.node(NODE.format(name="oslo", own=2, lanes="\n".join(OSLO)))
    near = texas.node(texas_yaml(FIRST))
    receivers = [oslo.udp(f"10.8.{n}.2", 9) for n in range(3)]
    flows = [lab.Flow(texas.udp(f"10.8.{n}.1", 0), (f"10.8.{n}.2", 9), rate_pps=3000)
             for n in range(3)]

    def travel(packets=500):
        mark = flows[0].sent + packets
        lab.eventually(lambda: flows[0].sent >= mark, "the flow goes on")

    try:
        travel()
        for _ in range(3):
            near.reload(texas_yaml(SECOND), "lanes kept 1, changed 1, added 1, removed 1")
            travel()
            near.reload(texas_yaml(FIRST), "lanes kept 1, changed 1, added 1, removed 1")
            travel()
        near.reload(texas_yaml(FIRST), "lanes kept 3, changed 0, added 0, removed 0")
        travel()
        # Errors: of the file, and of the machine. Both keep the old set whole.
        near.reload(texas_yaml(FIRST + ["  - {nam: x}"]), "nothing was changed")
        near.reload(texas_yaml(SECOND).replace("ports:\n", "ports:\n  more: {driver: af_packet, "
                    "device: nowhere}\n") + "  - {name: p, patch: {from: more, to: wan}}\n",
                    "; nothing was changed")
        travel()
    finally:
        sent = [flow.stop() for flow in flows]
    numbers = [lab.collect(receiver) for receiver in receivers]
    a, b = near.stop(), far.stop()
    lab.equal(numbers[0], list(range(sent[0])), "the lane that did not change, in order")
    for n in (1, 2):
        lab.check(len(set(numbers[n])) == len(numbers[n]), "a packet came twice")
        lab.check(len(numbers[n]) > 0.5 * sent[n], f"flow {n}: {len(numbers[n])} of {sent[n]} came")
    lab.equal(a.packets["keep"], sent[0], "the counter of the unchanged lane")
    lab.equal(b.packets["l101"], sent[0], "its counter at the other end")
    print(f"unchanged lane: {len(numbers[0])} of {sent[0]} packets over 9 reloads; changed: "
          f"{len(numbers[1])} of {sent[1]}; removed and added: {len(numbers[2])} of {sent[2]}")


lab.run(scenario)
