#!/usr/bin/python3
"""What a running node shows of itself: every view as text and as JSON, against counters that this
script knows; `why` for lanes that each have one thing wrong; and what the command line says when
no node answers, or several do. Every field of every JSON answer is in manage/SCHEMA.md.

    texas                                                              oslo
    gen === lan0 --[ lanes ]-- eth1 ========= eth1 --[ lanes ]-- lan0 === sink
"""

import json
import re
import subprocess

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
  - {{name: good, id: 101, {udp_9}, {to}, receiver: "{oslo}"}}
  - {{name: sender, id: 103, {udp_3}, {to}, receiver: "{oslo}"}}
  - {{name: clear, id: 106, {udp_6}, {to}, cipher: none}}
  - {{name: nohop, id: 107, {udp_7}, over: {{port: wan, to: "192.0.2.99:4790"}}, cipher: none}}
"""
OSLO = """
node: oslo
manage: {{socket: oslo.sock}}
keys: {{private: oslo.key}}
ports:
  lan: {{driver: af_packet, device: lan0}}
  wan: {{driver: af_packet, device: eth1}}
lanes:
  - {{name: good, id: 101, receive: lan, {over}, sender: "{texas}"}}
  - {{name: sender, id: 103, receive: lan, {over}, sender: "{other}"}}
  - {{name: lonely, id: 105, receive: lan, {over}, sender: "{texas}"}}
  - {{name: clear, id: 106, receive: lan, {over}, cipher: none}}
  - {{name: replayed, id: 108, receive: lan, {over}, cipher: none}}
"""
WORDS = {
    "over": "over: {port: wan, carrier: ethernet}",
    "to": f'over: {{port: wan, to: "{sealed_lab.OSLO_MAC}"}}',
    **{f"udp_{port}": f"send: lan, match: {{destination_port: {port}}}" for port in (3, 6, 7, 9)},
}
VIEWS = ("lanes", "ports", "workers", "drops", "tables", "version")


def lanes(*arguments):
    done = subprocess.run([lab.LANES, *arguments], capture_output=True, text=True, timeout=20,
                          check=False, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def ask(node, *words):
    """The text that a node answers."""
    socket = str(node.host.lab.dir / f"{node.name}.sock")
    status, out, err = lanes("--socket", socket, *words)
    lab.equal((status, err), (0, ""), f"status and messages of `{' '.join(words)}`")
    return out


def ask_json(node, *words):
    return json.loads(ask(node, *words, "--json"))


def lane(node, name):
    return ask_json(node, "show", "lane", name)["lane"]


def why(node, name, *expected):
    """What `why` says has all of these, in text; returns it as JSON."""
    text = ask(node, "why", name)
    for piece in expected:
        lab.check(piece in text, f"no `{piece}` in:\n{text}")
    return ask_json(node, "why", name)


def keys_of(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys_of(inner)
    if isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


def check_documented(*answers):
    known = set(re.findall(r"`(\w[\w-]*)`", (lab.ROOT / "manage" / "SCHEMA.md").read_text()))
    for answer in answers:
        lab.equal((list(answer)[0], answer["schema"]), ("schema", "lanes/1"), "the first field")
        lab.equal(sorted(set(keys_of(answer)) - known), [], "fields that SCHEMA.md does not name")


def check_counts(near, far, sent):
    lab.eventually(lambda: lane(far, "good")["packets"] == sent, "all packets are counted")
    out, came = lane(near, "good"), lane(far, "good")
    lab.equal((out["packets"], out["cipher"], out["session"]), (sent, "aes-256-gcm", True), "good")
    lab.equal(out["bytes"], came["bytes"], "bytes at both ends")
    lab.equal((came["dropped_packets"], came["lost_packets"]), (0, 0), "dropped and lost")
    listed = {one["name"]: one for one in ask_json(far, "show", "lanes")["lanes"]}
    lab.equal(listed["good"]["packets"], sent, "packets in show lanes")
    lab.equal({name: one["state"] for name, one in listed.items()},
              {"good": "up", "sender": "no-key", "lonely": "no-key", "clear": "up",
               "replayed": "up"}, "states at oslo")
    ports = {one["name"]: one for one in ask_json(far, "show", "ports")["ports"]}
    lab.check(ports["lan"]["tx_frames"] >= sent <= ports["wan"]["rx_frames"], f"ports: {ports}")
    lab.equal((ports["wan"]["link"], ports["wan"]["mac"]), ("up", sealed_lab.OSLO_MAC), "port wan")
    text = ask(far, "show", "lanes", "good")
    lab.check(re.search(rf"good +101 +receive +wan -> lan +aes-256-gcm +up +{sent} ", text), text)


def check_books(node):
    said = ask_json(node, "show", "drops")
    lab.equal(sum(one["frames"] for one in said["drops"]), said["dropped_frames"], "drops")
    workers = ask_json(node, "show", "workers")["workers"]
    lab.check(workers[0]["rounds"] >= workers[0]["idle_rounds"] > 0, f"workers: {workers}")
    lab.equal(sum(one["dropped_frames"] for one in workers),
              sum(one["frames"] for one in said["drops"]
                  if one["reason"] not in ("bad_auth", "wrong_terms", "stale", "clock",
                                           "rate_limited", "bad_mac")),
              "drops of the workers, Control's own apart")


def check_all_views(node, lane_name):
    answers = [ask_json(node, "show", view) for view in VIEWS]
    answers += [ask_json(node, "show", "lane", lane_name), ask_json(node, "why", lane_name)]
    answers.append(ask_json(node, "reload", "--dry-run"))
    check_documented(*answers)
    for view in VIEWS:
        lab.check(ask(node, "show", view).endswith("\n"), f"show {view} as text")


def tell_mistakes(texas, oslo, near, far, keys):
    why(far, "lonely", "is no-key: no announcement has come yet", "!!  announced   never",
        f"`receiver: {keys['oslo']}`")
    said = why(far, "sender", "our `sender` did not make", "what to do")
    lab.check(any(one["reason"] == "bad_auth" and one["scope"] == "lane"
                  for one in said["refused"]), f"{said['refused']}")
    sealed_lab.flow(texas, 100, port=7).stop()
    said = why(near, "nohop", "nobody answers for the next hop 192.0.2.99", "`ip neigh`")
    lab.equal(said["state"], "no-hop", "the lane to nowhere")
    for _ in range(3):
        frame = packets.ethernet("02:00:00:00:00:aa", "02:00:00:00:00:bb", 0x88B6, bytes(60))
        inside = packets.inner(packets.KIND_ETHERNET, frame)
        wire = texas.packet("eth1")
        wire.send(packets.ethernet(sealed_lab.OSLO_MAC, sealed_lab.TEXAS_MAC,
                                   packets.ETHER_TYPE_LANE, packets.lane(108, 5, inside)))
    lab.eventually(lambda: lane(far, "replayed")["duplicate_packets"] == 2, "two replays")
    why(far, "replayed", "2 of this lane as replay_duplicate: seen before")
    status, out, err = lanes("--socket", str(far.host.lab.dir / "oslo.sock"), "why", "replaid")
    lab.equal((status, out), (1, ""), "status of a wrong name")
    lab.check("did you mean `replayed`?" in err, err)
    why(far, "clear", "receives for port lan, clear", "what to do\n  nothing: the lane works")
    why(near, "clear", "what to do\n  nothing: the lane works")
    near.stop()
    lab.eventually(lambda: lane(far, "good")["state"] == "silent", "good is silent", timeout=8)
    why(far, "good", "is silent: nothing heard for ", "the sender stopped, or the way from it")
    oslo.run("ip", "link", "set", "eth1", "down")
    said = why(far, "clear", "is link-down: port wan: eth1 is set down: ip link set dev eth1 up")
    lab.equal(said["to_do"][0], "port wan: eth1 is set down: ip link set dev eth1 up", "what to do")
    oslo.run("ip", "link", "set", "eth1", "up")


def nobody_answers(world):
    status, out, err = lanes("--socket", str(world.dir / "none.sock"), "show", "lanes")
    lab.equal((status, out), (3, ""), "status when there is no socket")
    lab.check("start it with `lanes run FILE`" in err, err)
    status, _, err = lanes("--node", "nowhere-at-all", "show", "lanes")
    lab.check(status == 3 and "no node nowhere-at-all runs here" in err, f"{status} {err}")
    status, _, err = lanes("shwo", "lanes")
    lab.check(status == 2 and "`shwo` is neither a command nor a file" in err, f"{status} {err}")


def scenario(world):
    nobody_answers(world)
    texas, oslo = sealed_lab.stretch(world)
    keys = {name: sealed_lab.new_key(world, name) for name in ("texas", "oslo", "other")}
    far = oslo.node(OSLO.format(**WORDS, **keys))
    near = texas.node(TEXAS.format(**WORDS, **keys))
    far.wait_for("lane good is up")
    lab.eventually(lambda: lane(near, "good")["state"] == "up", "texas sends over good")
    flow = sealed_lab.flow(texas, 500)
    lab.eventually(lambda: flow.sent >= 500, "the flow is sent")
    sent = flow.stop()
    clear = sealed_lab.flow(texas, 100, port=6)
    lab.eventually(lambda: clear.sent >= 20, "the clear flow is sent")
    clear.stop()
    check_counts(near, far, sent)
    check_all_views(far, "good")
    check_all_views(near, "nohop")
    tell_mistakes(texas, oslo, near, far, keys)
    check_books(far)
    far.stop()


lab.run(scenario)
