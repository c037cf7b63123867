#!/usr/bin/python3
"""What a node says of its sealed lanes: one line for each on SIGUSR1, with a state and a cause that
names the mistake; and the loss, which on a way that drops every 50th packet is exactly what was
dropped there.

    texas                             lossy (this script)                     oslo
    gen === lan0 --[ lanes ]-- eth1 ==== left  ----->  right ==== eth1 --[ lanes ]-- lan0 === sink
"""

import socket
import threading
import time

import lab
import sealed_lab

TEXAS = """
node: texas
keys: {{private: texas.key}}
ports:
  lan: {{driver: af_packet, device: lan0, promiscuous: true}}
  wan: {{driver: af_packet, device: eth1}}
lanes:
  - {{name: good, id: 101, {udp_9}, {to}, receiver: "{oslo}", rekey: 2}}
  - {{name: cipher, id: 102, {udp_2}, {to}, receiver: "{oslo}", cipher: chacha20-poly1305}}
  - {{name: sender, id: 103, {udp_3}, {to}, receiver: "{oslo}"}}
  - {{name: secret, id: 104, {udp_4}, {to}, receiver: "{oslo}", secret: texas.psk}}
  - {{name: clear, id: 106, {udp_6}, {to}, cipher: none}}
"""
TO = f'over: {{port: wan, to: "{sealed_lab.OSLO_MAC}"}}'
PORTS = {f"udp_{port}": f"send: lan, match: {{destination_port: {port}}}" for port in range(2, 10)}
OSLO = """
node: oslo
keys: {{private: oslo.key}}
ports:
  lan: {{driver: af_packet, device: lan0}}
  wan: {{driver: af_packet, device: eth1}}
lanes:
  - {{name: good, id: 101, receive: lan, {over}, sender: "{texas}"}}
  - {{name: cipher, id: 102, receive: lan, {over}, sender: "{texas}"}}
  - {{name: sender, id: 103, receive: lan, {over}, sender: "{other}"}}
  - {{name: secret, id: 104, receive: lan, {over}, sender: "{texas}", secret: oslo.psk}}
  - {{name: lonely, id: 105, receive: lan, {over}, sender: "{texas}"}}
  - {{name: clear, id: 106, receive: lan, {over}, cipher: none}}
"""
OVER = "over: {port: wan, carrier: ethernet}"
CAUSES = {
    "cipher": "the sender uses another cipher; make `cipher` the same",
    "sender": "announcements come that our `sender` did not make; compare `sender` with the "
              "sending node's public key, and `secret`",
    "secret": "announcements come that are not for our key; compare `receiver` and `secret` at the "
              "sender with this node's",
    "lonely": "no announcement has come yet: check the sender, its `to`, and the way from it",
}
DROP_EVERY, COUNT, RATE_PPS = 50, 5000, 1000


class LossyWay:
    """Passes frames from left to right; of data packets (heartbeats are none) it drops some."""

    def __init__(self, host):
        self.seen = self.dropped = 0
        self._left, self._right = host.packet("left"), host.packet("right")
        self._left.settimeout(0.1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            try:
                frame = self._left.recv(65536)
            except socket.timeout:
                continue
            if frame[14] == 0x11 and frame[16:18] == b"\0\0":
                self.seen += 1
                if self.seen % DROP_EVERY == 0:
                    self.dropped += 1
                    continue
            self._right.send(frame)

    def stop(self):
        self._stop.set()
        self._thread.join()


def measure_loss(texas, oslo, far, way):
    collector = sealed_lab.Collector(oslo)
    flow = sealed_lab.flow(texas, RATE_PPS)
    try:
        lab.eventually(lambda: flow.sent >= COUNT, "the flow is sent", timeout=20)
    finally:
        sent = flow.stop()
    last = sealed_lab.state(far, "good").epoch
    # A session later the books of all that carried something are closed.
    lab.eventually(lambda: sealed_lab.state(far, "good").epoch >= last + 2, "two more sessions", 6)
    state = sealed_lab.state(far, "good")
    came = len(collector.stop())
    lab.equal(way.seen, sent, "packets on the way")
    lab.check(way.dropped >= COUNT // DROP_EVERY, f"{way.dropped} packets were dropped")
    lab.equal((state.state, state.lost), ("up", way.dropped), "state, and loss that oslo tells")
    lab.equal(came, sent - way.dropped, "datagrams that came")
    lab.check(state.varies_us < 1e6, f"the delay varies by {state.varies_us} us")
    print(f"dropped on the way {way.dropped} of {sent}, told by the receiver {state.lost}; delay "
          f"varies by {state.varies_us} us")


def tell_causes(near, far):
    told = sealed_lab.states(far, "good", *CAUSES)
    lab.equal(sorted(told), sorted(("good", *CAUSES)), "lanes that oslo tells of")
    for name, cause in CAUSES.items():
        lab.equal((told[name].state, told[name].cause), ("no-key", cause), f"state of lane {name}")
        far.wait_for(f"warning: lane {name} is no-key: {cause}\n", timeout=7)
    lab.equal((told["good"].cause, told["good"].age[-2:]), ("", " s"), "cause and age")
    told = sealed_lab.states(near, "good", "cipher", "sender", "secret")
    lab.equal({state.state for state in told.values()}, {"up"}, "states at the sender")
    lab.check(all(state.epoch is not None and state.lost is None for state in told.values()),
              "a sender tells its epochs, and no loss")


def scenario(world):
    texas, oslo, lossy = *sealed_lab.ends(world), world.host("lossy")
    world.cable(texas, "eth1", lossy, "left")
    world.cable(lossy, "right", oslo, "eth1")
    oslo.run("ip", "link", "set", "eth1", "address", sealed_lab.OSLO_MAC)
    keys = {name: sealed_lab.new_key(world, name) for name in ("texas", "oslo", "other")}
    for name in ("texas", "oslo"):
        sealed_lab.new_secret(world, name)
    way = LossyWay(lossy)
    try:
        far = oslo.node(OSLO.format(over=OVER, **keys))
        near = texas.node(TEXAS.format(to=TO, **PORTS, **keys))
        far.wait_for("lane good is up")
        sealed_lab.wait_until_sending(near, "good")
        measure_loss(texas, oslo, far, way)
        tell_causes(near, far)
        near.stop()
        time.sleep(0.2)
        lab.equal(sealed_lab.state(far, "good").state, "up",
                  "state directly after the sender stopped")
        far.wait_for("warning: lane good is silent: nothing heard for ", timeout=7)
        lab.equal(sealed_lab.state(far, "good").cause.split(" s: ")[1],
                  "the sender stopped, or the way from it is broken", "cause of the silence")
        far.stop()
    finally:
        way.stop()


lab.run(scenario)
