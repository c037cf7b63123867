#!/usr/bin/python3
"""Many lanes over one pair of ports, chosen by `match`: every frame takes the lane that it must.

    texas                                                      oslo
    gen ===== lan0 --[ a b c d ... rest ]-- eth1 ===== eth1 --[ ... ]-- lan0 ===== sink
    frames made here                                                  and looked at here

Each frame carries the name of the lane that it must take; each lane adds nothing. The counters of
the receiving ends say which lane took how many.
"""

import lab
import packets

MATCHES = {
    "tagged": "vlan: 7",
    "arp": "ether_type: arp",
    "other": "ether_type: 0x88cc",
    "to-mac": 'destination_mac: "02:aa:00:00:00:01"',
    "from-mac": 'source_mac: "02:bb:00:00:00:01"',
    "prefix": "destination: 10.20.0.0/16",
    "host": "source: 10.9.9.9",
    "six": 'destination: "2001:db8:7::/48"',
    "ports": 'protocol: udp, destination_port: "1000-2000"',
    "web": "protocol: tcp, destination_port: 443",
    "voice": "dscp: ef",
    "icmp": "protocol: icmp",
}
NAMES = [*MATCHES, "rest"]
EACH = 50


def texas_yaml():
    lanes = "\n".join(
        f"  - {{name: {name}, id: {number}, send: lan, cipher: none,"
        f" over: {{port: wan, to: \"02:00:00:00:00:02\"}}"
        + (f", match: {{{MATCHES[name]}}}" if name in MATCHES else "") + "}"
        for number, name in enumerate(NAMES, 1))
    return f"""
node: texas
ports:
  lan: {{driver: af_packet, device: lan0, promiscuous: true}}
  wan: {{driver: af_packet, device: eth1}}
lanes:
{lanes}
"""


def oslo_yaml():
    lanes = "\n".join(
        f"  - {{name: {name}, id: {number}, receive: lan, cipher: none, over: {{port: wan}}}}"
        for number, name in enumerate(NAMES, 1))
    return f"""
node: oslo
ports:
  lan: {{driver: af_packet, device: lan0}}
  wan: {{driver: af_packet, device: eth1}}
lanes:
{lanes}
"""


def samples():
    """(lane that must take it, frame), one of each kind."""
    def v4(name, source="10.1.1.1", destination="10.1.1.2", protocol=253, payload=None, dscp=0,
           ends=("02:cc:00:00:00:01", "02:cc:00:00:00:02"), vlan=None):
        text = name.encode() if payload is None else payload + name.encode()
        inner = packets.ipv4(source, destination, protocol, text, dscp)
        return name, packets.ethernet(ends[1], ends[0], 0x0800, inner, vlan)

    def raw(name, ether_type, payload=b""):
        return name, packets.ethernet("02:cc:00:00:00:02", "02:cc:00:00:00:01", ether_type,
                                      payload + name.encode())

    return [
        v4("tagged", vlan=7),
        v4("rest", vlan=8),
        raw("arp", 0x0806),
        raw("other", 0x88CC),
        v4("to-mac", ends=("02:cc:00:00:00:01", "02:aa:00:00:00:01")),
        v4("from-mac", ends=("02:bb:00:00:00:01", "02:cc:00:00:00:02")),
        v4("prefix", destination="10.20.255.1"),
        v4("rest", destination="10.21.0.1"),
        v4("host", source="10.9.9.9"),
        v4("rest", source="10.9.9.8"),
        raw("six", 0x86DD, packets.ipv6("2001:db8::1", "2001:db8:7::9", 253, b"")),
        raw("rest", 0x86DD, packets.ipv6("2001:db8::1", "2001:db8:8::9", 253, b"")),
        v4("ports", protocol=17, payload=packets.udp(5, 1000, b"")),
        v4("ports", protocol=17, payload=packets.udp(5, 2000, b"")),
        v4("rest", protocol=17, payload=packets.udp(5, 2001, b"")),
        v4("rest", protocol=17, payload=packets.udp(5, 999, b"")),
        v4("web", protocol=6, payload=bytes.fromhex("303901bb") + bytes(16)),
        v4("rest", protocol=6, payload=bytes.fromhex("303901bc") + bytes(16)),
        v4("rest", protocol=17, payload=packets.udp(5, 443, b"")),
        v4("voice", dscp=46),
        v4("rest", dscp=34),
        v4("icmp", protocol=1, payload=bytes(8)),
        # The first lane of the file that matches takes it.
        v4("tagged", destination="10.20.0.1", dscp=46, vlan=7),
        v4("prefix", destination="10.20.0.1", dscp=46),
        # Ports of a later IP fragment are not ports.
        ("rest", packets.ethernet("02:cc:00:00:00:02", "02:cc:00:00:00:01", 0x0800, packets.ipv4(
            "10.1.1.1", "10.1.1.2", 17, packets.udp(5, 1500, b""), fragment=100))),
        # Too short for anything but an EtherType.
        raw("rest", 0x9999),
    ]


def scenario(world):
    texas, oslo = world.host("texas"), world.host("oslo")
    world.cable(texas, "gen", texas, "lan0")
    world.cable(oslo, "sink", oslo, "lan0")
    world.cable(texas, "eth1", oslo, "eth1")
    oslo.run("ip", "link", "set", "eth1", "address", "02:00:00:00:00:02")
    near, far = texas.node(texas_yaml()), oslo.node(oslo_yaml())
    sink, source = oslo.packet("sink"), texas.packet("gen")
    made = samples()
    wanted = {name: 0 for name in NAMES}
    for _ in range(EACH):
        for name, frame in made:
            source.send(frame.ljust(60, b"\0"))
            wanted[name] += 1
    arrived = [lab.receive_frame(sink) for _ in range(EACH * len(made))]
    expected = sorted(frame.ljust(60, b"\0") for _, frame in made for _ in range(EACH))
    a, b = near.stop(), far.stop()
    lab.equal({name: a.packets.get(name, 0) for name in NAMES}, wanted, "frames sent, by lane")
    lab.equal({name: b.packets.get(name, 0) for name in NAMES}, wanted, "frames received, by lane")
    lab.equal(sorted(arrived), expected, "frames at the sink")


lab.run(scenario)
