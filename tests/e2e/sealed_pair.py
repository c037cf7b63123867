#!/usr/bin/python3
"""A pair of sealed lanes over each carrier, both ciphers, by keys and by a shared secret, with one
end's cipher library not the other's. What is carried cannot be read on the wire; over a pair of
clear lanes, for comparison, it can.

    texas                                                        oslo
    lane0 10.8.0.1  --+                                +--  lane0 10.8.0.2
                      |   eth1 192.0.2.1    192.0.2.2  |
                      +---o------------------------o---+
                              2001:db8::1   2001:db8::2
    lane 101 texas -> oslo, lane 102 oslo -> texas
"""

import re

import lab
import sealed_lab

NODE = """
node: {name}
{head}
ports:
  lan: {{driver: tap, device: lane0, address: 10.8.0.{own}/24, mtu: 1400}}
  wan: {{{port}}}
lanes:
  - {{name: out, id: 10{own}, send: lan, over: {{port: wan, to: "{to}"}}, {out}}}
  - {{name: in, id: 10{far}, receive: lan, over: {{port: wan, carrier: {carrier}}}, {in_}}}
"""
UDP4 = "driver: udp, address: 192.0.2.{own}"
UDP6 = 'driver: udp, address: "2001:db8::{own}"'
PACKET = 'driver: af_packet, device: eth1, address: [192.0.2.{own}/24, "2001:db8::{own}/64"]'
TO4, TO6, TO_MAC = "192.0.2.{far}:4790", "[2001:db8::{far}]:4790", "02:00:00:00:00:0{far}"
AES, CHACHA, CLEAR = "aes-256-gcm", "chacha20-poly1305", "none"
# What it is, the port, where to, cipher, by what, and the backends of texas and oslo.
PAIRS = [
    ("udp, IPv4", UDP4, TO4, AES, "keys", "auto", "libsodium"),
    ("udp, IPv6", UDP6, TO6, CHACHA, "keys", "libsodium", "auto"),
    ("af_packet, udp over IPv4", PACKET, TO4, CHACHA, "keys and secret", "auto", "libsodium"),
    ("af_packet, udp over IPv6", PACKET, TO6, AES, "secret", "libsodium", "auto"),
    ("af_packet, ethernet", PACKET, TO_MAC, AES, "keys", "auto", "libsodium"),
    ("af_packet, clear", PACKET, TO4, CLEAR, "nothing", "auto", "auto"),
]
PAYLOAD = b"the quick brown fox jumps over the lazy dog " * 5
# tx_full: iperf3 sends faster than this machine forwards. not_for_us: the hosts' own ARP and ND.
ALLOWED = {"no_next_hop", "not_for_us", "tx_full", "no_key", "no_session"}


def node_yaml(own, public, pair):
    _, port, to, cipher, by, *backends = pair
    far = 3 - own
    values = {"own": own, "far": far}
    head = f"crypto: {{backend: {backends[own - 1]}}}"
    keys = {"out": "cipher: " + cipher, "in_": "cipher: " + cipher}
    if "keys" in by:
        head += f"\nkeys: {{private: node{own}.key}}"
        keys["out"] += f', receiver: "{public[far]}"'
        keys["in_"] += f', sender: "{public[far]}"'
    if "secret" in by:
        keys = {lane: text + ", secret: pair.psk" for lane, text in keys.items()}
    return NODE.format(name=f"node{own}", head=head, port=port.format(**values),
                       to=to.format(**values), **values, **keys,
                       carrier="ethernet" if to == TO_MAC else "udp")


def show(wires, texas, oslo):
    """Sends the payload 20 times both ways; returns how often it is seen on the wire, and how many
    bytes were."""
    for wire in wires:
        lab.receive_all(wire, quiet=0.05)
    ends = [(texas.udp("10.8.0.1", 7), "10.8.0.1"), (oslo.udp("10.8.0.2", 7), "10.8.0.2")]
    for here, there in ((0, 1), (1, 0)):
        for _ in range(20):
            ends[here][0].sendto(PAYLOAD, (ends[there][1], 7))
        for _ in range(20):
            lab.equal(ends[there][0].recv(2048), PAYLOAD, "the payload that came")
    for end, _ in ends:
        end.close()
    frames = [frame for wire in wires for frame in lab.receive_all(wire, quiet=0.1)]
    return sum(frame.count(PAYLOAD) for frame in frames), sum(map(len, frames))


def throughput(texas, oslo, port):
    """A bounded run of TCP and one of UDP; returns a text. The server's port is a new one each
    time: a server whose client's last word was lost stays busy."""
    oslo.serve_iperf3(port)
    end = texas.iperf3("10.8.0.2", 1, port=port)["end"]
    report = end["sum_received"]["bits_per_second"]
    lab.check(report > 10e6, f"TCP crawls: {report:.0f} bit/s")
    udp = texas.iperf3("10.8.0.2", 1, ("-u", "-b", "20M", "-l", "1200"), port)["end"]["sum"]
    lab.check(udp["packets"] > 1500, f"UDP crawls: {udp['packets']} datagrams")
    # A kernel's queue may run over on a busy machine; a lane that loses one in a hundred is broken.
    lab.check(udp["lost_percent"] < 1, f"UDP lost {udp['lost_packets']} of {udp['packets']}")
    return f"TCP {report / 1e9:.2f} Gbit/s, UDP {udp['packets'] - udp['lost_packets']} of " \
           f"{udp['packets']}"


def try_pair(world, texas, oslo, wires, public, index):
    pair = PAIRS[index]
    what, clear = f"{pair[0]}, {pair[3]} by {pair[4]}", pair[3] == CLEAR
    far = oslo.node(node_yaml(2, public, pair), f"oslo{index}")
    near = texas.node(node_yaml(1, public, pair), f"texas{index}")
    if not clear:
        near.wait_for("lane in is up")
        far.wait_for("lane in is up")
    texas.reaches("10.8.0.2")
    lab.equal(texas.ping("10.8.0.2", count=50, interval=0.01), 50, f"{what}: answers to texas")
    for size in (16, 1372):
        lab.equal(oslo.ping("10.8.0.1", count=5, size=size), 5, f"{what}: answers of {size} bytes")
    shown, captured = show(wires, texas, oslo)
    lab.check(captured > 40 * len(PAYLOAD), f"{what}: {captured} bytes on the wire")
    lab.equal(shown, 40 if clear else 0, f"{what}: payloads that can be read on the wire")
    text = "" if clear else throughput(texas, oslo, 5201 + index) + ", "
    closings = {"texas": near.stop(), "oslo": far.stop()}
    for name, closing in closings.items():
        lab.check(set(closing.drops) <= ALLOWED, f"{what}: drops at {name}: {closing.drops}")
        lab.check(min(closing.packets[lane] for lane in ("out", "in")) > 80,
                  f"{what}: packets at {name}: {closing.packets}")
    if not clear:
        lab.check("is clear" not in near.log() + far.log(), "a sealed lane is called clear")
        for node, backend in ((near, pair[5]), (far, pair[6])):
            told = re.search(r"2 lanes sealed, by (\S+)", node.log())
            lab.check(told, f"{node.name} does not say that its lanes are sealed")
            lab.check(backend == "auto" or told[1].startswith(backend),
                      f"{node.name} seals by {told[1]}, not {backend}")
    print(f"{what}: {text}{shown} of 40 payloads can be read on the wire")


def scenario(world):
    texas, oslo = lab.two_hosts(world, ipv6=True)
    for own, host in ((1, texas), (2, oslo)):
        host.run("ip", "link", "set", "eth1", "address", f"02:00:00:00:00:0{own}")
    public = {own: sealed_lab.new_key(world, f"node{own}") for own in (1, 2)}
    sealed_lab.new_secret(world, "pair")
    for address in ("192.0.2.2", "2001:db8::2"):
        texas.reaches(address)
    wires = [texas.packet("eth1"), oslo.packet("eth1")]
    for index in range(len(PAIRS)):
        try_pair(world, texas, oslo, wires, public, index)


lab.run(scenario)
