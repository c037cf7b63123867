#!/usr/bin/python3
"""`lanes trace`: what becomes of frames of a lane at both ends of a sealed one, with one that is
forged and one that is too long among them; the capture file that it writes, read by tcpdump; that
it ends by itself when nothing comes, when whoever asked goes away and when the lane goes; and that
nothing is lost meanwhile.

    texas gen ===== lan0 --[ lanes ]-- eth1 ========= eth1 --[ lanes ]-- lan0 ===== sink oslo
"""

import json
import subprocess
import time

import lab
import packets
import sealed_lab

TEXAS = """
node: texas
manage: {{socket: texas.sock}}
keys: {{private: texas.key}}
ports:
  lan: {{driver: af_packet, device: lan0, promiscuous: true}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.1/24}}
lanes:
  - {{name: out, id: 101, send: lan, match: {{destination_port: 9}},
      over: {{port: wan, to: "192.0.2.2:4790"}}, receiver: "{oslo}"}}
  - {{name: idle, id: 102, send: lan, match: {{destination_port: 7}},
      over: {{port: wan, to: "192.0.2.2:4790"}}, cipher: none}}
"""
OSLO = """
node: oslo
manage: {{socket: oslo.sock}}
keys: {{private: oslo.key}}
ports:
  lan: {{driver: af_packet, device: lan0}}
  wan: {{driver: af_packet, device: eth1, address: 192.0.2.2/24}}
lanes:
  - {{name: out, id: 101, receive: lan, over: {{port: wan}}, sender: "{texas}"}}
"""


class Asked:
    """A command to a node that takes its time."""

    def __init__(self, node, *words):
        socket = str(node.host.lab.dir / f"{node.name}.sock")
        self.process = subprocess.Popen([lab.LANES, "--socket", socket, *words], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL)

    def answer(self, status=0, timeout=30):
        out, err = self.process.communicate(timeout=timeout)
        lab.equal(self.process.returncode, status, f"status of the answer {out} {err}")
        return out or err


def trace(node, *words, status=0):
    return Asked(node, "trace", *words).answer(status)


def traced(node, *words):
    return json.loads(trace(node, *words, "--json"))


def check_ends(texas, near, far):
    """Both ends tell of the same packets."""
    asked = [Asked(node, "trace", "out", "-n", "20", "--json") for node in (near, far)]
    time.sleep(0.3)  # let both begin; what comes later is told as well
    flow = sealed_lab.flow(texas, 200, size=200)
    left, came = (json.loads(one.answer()) for one in asked)
    sent = flow.stop()
    for answer, ports in ((left, ("lan", "wan")), (came, ("wan", "lan"))):
        lab.equal(len(answer["frames"]), 20, "frames")
        for frame in answer["frames"]:
            if "for this node itself" in frame["text"]:  # a heartbeat, once a second
                continue
            lab.equal((frame["in"]["port"], [out["port"] for out in frame["out"]]),
                      (ports[0], [ports[1]]), "ports")
            lab.equal((frame["out_frames"], frame["drops"]), (1, []), "what became of it")
            lab.check(frame["stage_clocks"] > 0 and frame["transmit_clocks"] > 0, f"{frame}")
    inside = {frame["in"]["data"]: frame["out"][0]["data"] for frame in left["frames"]}
    met = 0
    for frame in came["frames"]:
        for plain, sealed in inside.items():
            if frame["in"]["data"] != sealed or not frame["out"]:
                continue
            met += 1
            lab.equal(frame["out"][0]["data"], plain, "the frame behind the lane")
            lab.check(plain[40:] not in sealed, "what is sealed can be read")
    lab.check(met >= 10, f"only {met} of the packets are told of at both ends")
    return sent


def check_text(texas, near):
    flow = sealed_lab.flow(texas, 200, size=100)
    text = trace(near, "out", "-n", "3")
    sent = flow.stop()
    for piece in ("lane out, send lan -> wan, cipher aes-256-gcm\n", "#3 after ",
                  "  in      lan, 142 bytes: ", "IPv4 10.8.0.1 > 10.8.0.2, UDP ", "  seal    ",
                  "  out     wan, 220 bytes, epoch ", ", subspace 0, number ",
                  " to transmit, by worker 0\n",
                  "IPv4 192.0.2.1 > 192.0.2.2, UDP 61440 > 4790", "3 of 3 frames\n"):
        lab.check(piece in text, f"no `{piece}` in:\n{text}")
    return sent


def check_drops(texas, far):
    """Forged packets, and packets from a session that nobody announced."""
    lane = json.loads(Asked(far, "show", "lane", "out", "--json").answer())["lane"]
    asked = Asked(far, "trace", "out", "-n", "256", "--for", "3", "--json")
    time.sleep(0.3)
    wire = texas.packet("eth1")
    for i in range(100):
        time.sleep(0.01)  # of what comes in one burst, only the first is traced
        packet = packets.lane(101, 1_000_000, bytes(60), epoch=(lane["epoch"] + i % 2 * 2) % 256)
        datagram = packets.udp(61440, 4790, packet, ("192.0.2.1", "192.0.2.2"))
        wire.send(packets.ethernet(sealed_lab.OSLO_MAC, sealed_lab.TEXAS_MAC, 0x0800,
                                   packets.ipv4("192.0.2.1", "192.0.2.2", 17, datagram)))
    said = json.loads(asked.answer())
    found = {drop["reason"] for frame in said["frames"] for drop in frame["drops"]}
    lab.equal(found, {"bad_tag", "no_session"}, "reasons")
    text = next(frame["text"] for frame in said["frames"] if "bad_tag" in str(frame["drops"]))
    lab.check("  drop    bad_tag: does not authenticate" in text, text)


def check_file(texas, near, world):
    path = world.dir / "out.pcapng"
    flow = sealed_lab.flow(texas, 200, size=100)
    text = trace(near, "out", "-n", "5", "--pcap", str(path))
    sent = flow.stop()
    lab.check(f"{path} has 10 frames" in text, text)
    read = lab.command("tcpdump", "-n", "-r", str(path), "-tttt")
    lab.equal(read.count("192.0.2.1.61440 > 192.0.2.2.4790: "), 5, f"packets of the lane in\n{read}")
    lab.equal(read.count(" > 10.8.0.2.9: UDP, length 100"), 5, f"frames inside in\n{read}")
    lab.check("cannot" not in read and time.strftime("%Y-", time.gmtime()) in read, read)
    text = trace(near, "idle", "--for", "1", "--pcap", "/nowhere/out.pcapng", status=1)
    lab.check("/nowhere/out.pcapng" in text, text)
    return sent


def check_ending(near):
    began = time.monotonic()
    text = trace(near, "idle", "--for", "1", status=1)
    lab.check("0 of 10 frames within 1 second; `why idle` says" in text, text)
    lab.check(time.monotonic() - began < 5, "a trace of nothing ends")
    # One at a time; whoever goes away makes room, and a lane that goes ends it.
    first = [Asked(near, "trace", "idle", "--for", "50")]

    def heard():
        if first[-1].process.poll() is not None:  # our own question below came before it
            first.append(Asked(near, "trace", "idle", "--for", "50"))
        return "somebody traces lane idle" in trace(near, "idle", "--for", "1", status=1)
    lab.eventually(heard, "the first is heard", 10)
    first[-1].process.kill()
    first[-1].process.wait()
    lab.eventually(lambda: "within 1 second" in trace(near, "idle", "--for", "1", status=1),
                   "whoever went away makes room")
    second = Asked(near, "trace", "idle", "--for", "50")
    time.sleep(0.3)
    Asked(near, "lane", "down", "idle").answer()
    lab.check("0 of 10 frames: the lane is another, or gone" in second.answer(1), "lane down")
    Asked(near, "lane", "up", "idle").answer()
    third = Asked(near, "trace", "idle", "--for", "50")
    time.sleep(0.3)
    near.reload(near.file.read_text().replace("id: 102", "id: 103"))
    lab.check("the lane is another, or gone" in third.answer(1), "lane made anew")


def check_mistakes(near):
    for words, said in (((), "takes the name of one lane"),
                        (("nothing",), "there is no lane `nothing`"),
                        (("out", "-n", "0"), "expected a number from 1 to 256"),
                        (("out", "-n"), "found nothing behind -n"),
                        (("out", "--for", "51"), "expected a number from 1 to 50")):
        text = trace(near, *words, status=1 if "nothing" in words else 2)
        lab.check(said in text, f"no `{said}` in {text}")
    text = Asked(near, "show", "lanes", "-n", "3").answer(2)
    lab.check("knows neither -n nor --for" in text, text)
    text = Asked(near, "show", "lanes", "--pcap", "x").answer(2)
    lab.check("only `trace` writes a capture file" in text, text)


def scenario(world):
    texas, oslo = sealed_lab.stretch(world)
    keys = {name: sealed_lab.new_key(world, name) for name in ("texas", "oslo")}
    far = oslo.node(OSLO.format(**keys))
    near = texas.node(TEXAS.format(**keys))
    far.wait_for("lane out is up")
    collector = sealed_lab.Collector(oslo)
    sent = check_ends(texas, near, far) + check_text(texas, near) + check_file(texas, near, world)
    lab.eventually(lambda: len(collector.numbers) >= sent, "all that was sent is delivered")
    lab.equal(len(collector.stop()), sent, "frames delivered while some were traced")
    check_drops(texas, far)
    check_mistakes(near)
    check_ending(near)
    near.stop()
    far.stop()


lab.run(scenario)
