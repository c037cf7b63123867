"""Lanes: a pair of lanes, TAP to TAP, sealed or clear, over an af_packet port (the engine builds
the UDP and IP headers) or over the kernel's UDP sockets.
"""

import bed as beds
import lab
import peer
import sealed_lab

NODE = """
node: {name}
workers: [{core}]
poll: adaptive
keys: {{private: {name}.key}}
ports:
  lan: {{driver: tap, device: lane0, address: 10.8.0.{own}/24, mtu: {mtu}}}
  wan: {{{port}}}
lanes:
  - {{name: out, id: 10{own}, send: lan, over: {{port: wan, to: "{remote}:4790"}}, {out}}}
  - {{name: in, id: 10{far}, receive: lan, over: {{port: wan}}, {in_}}}
"""
PORTS = {"af_packet": "driver: af_packet, device: eth1, address: {local}/24",
         "udp": "driver: udp, address: {local}"}


def version():
    return lab.command(lab.LANES, "--version").strip()


class LanesPair(peer.Peer):
    def __init__(self, name, cipher, driver):
        self.name, self.cipher, self.driver = name, cipher, driver
        self.kind = "clear" if cipher == "none" else "sealed"
        words = "clear" if cipher == "none" else cipher
        self.settings = f"{words}, TAP, Ethernet in UDP over IPv4, {driver} port, poll: adaptive"
        self.nodes, self.hosts = [], []

    def version(self):
        return version()

    def start(self, bed):
        self.hosts = [bed.host(name) for name in beds.UNDERLAY]
        names, local = list(beds.UNDERLAY), list(beds.UNDERLAY.values())
        if "lanes" not in bed.keys:
            bed.keys["lanes"] = [sealed_lab.new_key(bed.world, name) for name in names]
        for own, host in enumerate(self.hosts):
            other = bed.keys["lanes"][1 - own]
            terms = {"out": f"cipher: {self.cipher}", "in_": f"cipher: {self.cipher}"}
            if self.kind == "sealed":
                terms["out"] += f', receiver: "{other}"'
                terms["in_"] += f', sender: "{other}"'
            text = NODE.format(name=names[own], core=bed.cores[own], own=own + 1, far=2 - own,
                               mtu=beds.MTU, remote=local[1 - own],
                               port=PORTS[self.driver].format(local=local[own]), **terms)
            self.nodes.append(host.node(text, bed.fresh(names[own])))
        if self.kind == "sealed":
            for node in self.nodes:
                node.wait_for("lane in is up")
        return bed.ends("lane0")

    def stop(self):
        nodes, self.nodes = self.nodes, []
        for node in nodes:
            node.stop()  # its books are checked
        for host in self.hosts:
            peer.gone(host, "lane0")


def peers(cipher):
    """`cipher` is that of the sealed pairs; ChaCha20-Poly1305 too, because WireGuard has it."""
    found = [LanesPair("lanes-clear", "none", "af_packet"),
             LanesPair("lanes-clear-udp", "none", "udp"),
             LanesPair("lanes-sealed", cipher, "af_packet"),
             LanesPair("lanes-sealed-udp", cipher, "udp")]
    if cipher != "chacha20-poly1305":
        found.append(LanesPair("lanes-chacha", "chacha20-poly1305", "af_packet"))
    return found
