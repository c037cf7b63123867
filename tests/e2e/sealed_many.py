#!/usr/bin/python3
"""One sealed lane to several receivers: each packet is sent once, to a broadcast address, and all
of its receivers open it. One joins late; one that is not on the list opens nothing and says why.

                                           +-- eth1 --[ lanes ]-- lan0 === sink   oslo
    texas                                  +-- eth1 --[ lanes ]-- lan0 === sink   bergen
    gen === lan0 --[ lanes ]-- eth1 === bridge -- eth1 --[ lanes ]-- lan0 === sink   narvik, late
                                           +-- eth1 --[ lanes ]-- lan0 === sink   stranger
"""

import time

import lab
import sealed_lab

TEXAS = """
node: texas
state: texas.state
keys: {{private: texas.key}}
ports:
  lan: {{driver: af_packet, device: lan0, promiscuous: true}}
  wan: {{driver: af_packet, device: eth1}}
lanes:
  - name: news
    id: 101
    send: lan
    over: {{port: wan, to: "ff:ff:ff:ff:ff:ff"}}
    receiver: ["{oslo}", "{bergen}", "{narvik}"]
    rekey: 4
"""
RECEIVER = """
node: {name}
state: {name}.state
keys: {{private: {name}.key}}
ports:
  lan: {{driver: af_packet, device: lan0}}
  wan: {{driver: af_packet, device: eth1}}
lanes:
  - {{name: news, id: 101, receive: lan, over: {{port: wan, carrier: ethernet}}, sender: "{texas}"}}
"""
RECEIVERS = ("oslo", "bergen", "narvik", "stranger")
SINK_MAC = "02:00:00:00:09:02"  # of all sinks: the frames inside are the same for all
RATE_PPS = 2000


def build(world):
    """Returns the sender's host and those of the receivers by name."""
    texas, switch = world.host("texas"), world.host("switch")
    world.cable(texas, "gen", texas, "lan0", [[f"{sealed_lab.SOURCE}/24"], []])
    texas.run("ip", "neigh", "replace", sealed_lab.SINK, "lladdr", SINK_MAC, "dev", "gen")
    switch.run("ip", "link", "add", "bridge", "type", "bridge")
    switch.run("ip", "link", "set", "bridge", "up")
    hosts = {name: world.host(name) for name in RECEIVERS}
    for name, host in {"texas": texas, **hosts}.items():
        world.cable(host, "eth1", switch, name)
        switch.run("ip", "link", "set", name, "master", "bridge")
    for host in hosts.values():
        world.cable(host, "sink", host, "lan0", [[f"{sealed_lab.SINK}/24"], []])
        host.run("ip", "link", "set", "sink", "address", SINK_MAC)
    return texas, hosts


def scenario(world):
    texas, hosts = build(world)
    keys = {name: sealed_lab.new_key(world, name) for name in ("texas", *RECEIVERS)}
    nodes = {name: hosts[name].node(RECEIVER.format(name=name, texas=keys["texas"]))
             for name in ("stranger", "oslo", "bergen")}
    near = texas.node(TEXAS.format(**keys))
    for name in ("oslo", "bergen"):
        nodes[name].wait_for("lane news is up")
    sealed_lab.wait_until_sending(near, "news")
    collectors = {name: sealed_lab.Collector(host) for name, host in hosts.items()}
    flow = sealed_lab.flow(texas, RATE_PPS)
    try:
        time.sleep(1)
        nodes["narvik"] = hosts["narvik"].node(RECEIVER.format(name="narvik", texas=keys["texas"]))
        late = collectors["narvik"].comes()
        lab.check(late < 2, f"who joins late gets its first packets after {late:.1f} s")
        nodes["stranger"].wait_for(
            "lane news is no-key: announcements come that are not for our key; compare `receiver` "
            "and `secret` at the sender with this node's", timeout=8)
        time.sleep(1)
    finally:
        sent = flow.stop()
    numbers = {name: collector.stop() for name, collector in collectors.items()}
    for name in ("oslo", "bergen"):
        lab.equal(numbers[name], list(range(sent)), f"datagrams that came to {name}, in order")
    joined = numbers["narvik"][0]
    lab.equal(numbers["narvik"], list(range(joined, sent)), "datagrams that came to narvik")
    lab.equal(numbers["stranger"], [], "datagrams that came to one who is not a receiver")
    for name in ("oslo", "bergen", "narvik"):
        state = sealed_lab.state(nodes[name], "news")
        lab.equal((state.state, state.lost), ("up", 0), f"state at {name}, and what was lost")
    state = sealed_lab.state(nodes["stranger"], "news")
    lab.equal((state.state, state.epoch), ("no-key", None), "the state of the stranger's lane")
    a = near.stop()
    closings = {name: node.stop() for name, node in nodes.items()}
    lab.equal(a.packets["news"], sent, "packets, each sent once")
    for name in ("oslo", "bergen", "narvik"):
        # Of three announcements, two are for others. not_for_us: what the bridge itself says.
        lab.check(set(closings[name].drops) <= {"bad_mac", "stale", "no_session", "not_for_us"},
                  f"drops at {name}: {closings[name].drops}")
        lab.equal(hosts[name].link("eth1")["tx"]["packets"], 0, f"frames that left {name}")
    lab.equal(set(closings["stranger"].drops) - {"not_for_us"}, {"no_session", "bad_mac"},
              "drops of the stranger")
    print(f"{sent} datagrams to two receivers, {sent - joined} to one that joined late (first "
          f"packets after {late:.2f} s), 0 to the stranger")


lab.run(scenario)
