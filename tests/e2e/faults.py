"""faults: what the scenarios faults_*.py share. Two hosts, two roads between them, a lane over each,
and numbered datagrams through both: one lane is to be hurt, the other must not lose a datagram.

    texas hurt0 --[ wan,  eth1 ===== eth1, wan  ]-- hurt0 oslo
          calm0 --[ road, eth2 ===== eth2, road ]-- calm0
"""

import json
import threading
import time

import lab
import sealed_lab

NODE = """
node: {name}
workers: {workers}
manage: {{socket: {name}.sock{telnet}}}
{head}
ports:
  hurt: {{driver: tun, device: hurt0, address: 10.8.0.{own}/24, mtu: 1400}}
  calm: {{driver: tun, device: calm0, address: 10.9.0.{own}/24, mtu: 1400}}
  wan: {{{wan}}}
  road: {{driver: af_packet, device: eth2, address: 198.51.100.{own}/24}}
lanes:
  - {{name: hurt, id: 101, {hurt}, {seal}}}
  - {{name: calm, id: 102, {calm}, cipher: none}}
"""
AF_PACKET = "driver: af_packet, device: eth1, address: 192.0.2.{own}/24"


def text(own, wan=AF_PACKET, seal="cipher: none", head="", workers=1, to="192.0.2.2", rekey=None,
         telnet=""):
    """The node file of texas (1), which sends, or of oslo (2), which receives."""
    ends = [{"hurt": f"send: hurt, over: {{port: wan, to: \"{to}:4790\"}}",
             "calm": "send: calm, over: {port: road, to: \"198.51.100.2:4790\"}"},
            {"hurt": "receive: hurt, over: {port: wan}", "calm": "receive: calm, over: {port: road}"}]
    if rekey is not None and own == 1:
        seal += f", rekey: {rekey}"
    name = "texas" if own == 1 else "oslo"
    return NODE.format(name=name, own=own, wan=wan.format(own=own), seal=seal, telnet=telnet,
                       head=head.replace("{name}", name), workers=workers, **ends[own - 1])


def sealing(world):
    """What a lane says that is sealed, with a secret that is made here."""
    sealed_lab.new_secret(world, "pair")
    return "secret: pair.psk"


def connect(texas, oslo):
    """The road that is to be hurt; it may have been there before."""
    texas.lab.cable(texas, "eth1", oslo, "eth1", ["192.0.2.1/24", "192.0.2.2/24"])


def hosts(world):
    texas, oslo = world.host("texas"), world.host("oslo")
    connect(texas, oslo)
    world.cable(texas, "eth2", oslo, "eth2", ["198.51.100.1/24", "198.51.100.2/24"])
    return texas, oslo


class Stream:
    """Numbered datagrams through one lane, sent and received by threads of their own."""

    def __init__(self, texas, oslo, network, rate_pps=400):
        self.receiver = oslo.udp(f"{network}.2", 7000)
        self.sender = texas.udp(f"{network}.1", 7001)
        self.target = (f"{network}.2", 7000)
        self.rate_pps = rate_pps
        self.sent, self.numbers = 0, []
        self._ending, self._ended = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._receive)]
        for thread in self._threads:
            thread.start()

    def _send(self):
        while not self._ending.is_set():
            try:
                self.sender.sendto(self.sent.to_bytes(8, "big") + bytes(56), self.target)
            except OSError:
                pass  # its device is away: this number is lost
            self.sent += 1
            time.sleep(1 / self.rate_pps)

    def _receive(self):
        self.receiver.settimeout(0.1)
        while not self._ended.is_set():
            try:
                self.numbers.append(int.from_bytes(self.receiver.recv(2048)[:8], "big"))
            except OSError:
                continue

    def goes_on(self, what, timeout=10):
        before = len(self.numbers)
        lab.eventually(lambda: len(self.numbers) >= before + 50, what, timeout)

    def stands(self, what, timeout=10):
        """Waits until nothing comes through."""
        def quiet():
            before = len(self.numbers)
            time.sleep(0.3)
            return len(self.numbers) == before
        lab.eventually(quiet, what, timeout)

    def end(self):
        self._ending.set()
        self._threads[0].join()

    def close(self):
        self.end()
        self._ended.set()
        self._threads[1].join()
        self.sender.close()
        self.receiver.close()


class Pair:
    """texas and oslo at work, and both streams. The calm one is checked when it ends."""

    def __init__(self, texas, oslo, far_wan=None, **fields):
        self.texas, self.oslo = texas, oslo
        self.near = texas.node(text(1, **fields), f"texas-{time.monotonic_ns()}")
        if far_wan is not None:
            fields["wan"] = far_wan
        self.far = oslo.node(text(2, **fields), f"oslo-{time.monotonic_ns()}")
        self.nodes = (self.near, self.far)
        for network in ("10.8.0.2", "10.9.0.2"):
            self.warm(network)
        self.hurt = Stream(texas, oslo, "10.8.0")
        self.calm = Stream(texas, oslo, "10.9.0")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.hurt.close()
        if kind is not None:
            return self.calm.close()
        self.calm.end()
        try:
            lab.eventually(lambda: len(self.calm.numbers) >= self.calm.sent, "the calm lane's last")
        except lab.Failed:
            pass
        self.calm.close()
        lab.equal(self.calm.numbers, list(range(self.calm.sent)), "numbers through the calm lane")
        return None

    def warm(self, address):
        """Until a datagram gets through: next hops and keys are known."""
        receiver = self.oslo.udp(address, 6999)
        receiver.settimeout(0.05)
        sender = self.texas.udp(address[:-1] + "1", 6998)

        def through():
            sender.sendto(b"warm", (address, 6999))
            try:
                return receiver.recv(100) == b"warm"
            except OSError:
                return False
        lab.eventually(through, f"texas reaches {address}", 15)
        sender.close()
        receiver.close()

    def said(self, node, words, count=1, timeout=10):
        """The node says it, and so often and no more."""
        node.wait_for(words, timeout=timeout, count=count)
        lab.equal(node.log().count(words), count, f"times that {node.name} says `{words}`")

    def stop(self):
        """Stops both nodes, with books that balance; returns their Closings."""
        return [node.stop() for node in self.nodes]


def ask(node, *words):
    """What a node answers to management."""
    path = node.file.with_name(node.name.split("-")[0] + ".sock")
    return lab.command(lab.LANES, *words, "--socket", str(path), fails=True)


def port(node, name):
    """What `show ports` says of a port."""
    ports = json.loads(ask(node, "show", "ports", "--json"))["ports"]
    return next(each for each in ports if each["name"] == name)
