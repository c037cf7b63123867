#!/usr/bin/python3
"""Metrics of two nodes with traffic, over a unix socket and over HTTP on loopback, read by the
parsers of the Prometheus project: against what was sent and what `show ... --json` says, across a
reload, while clients hang and talk garbage, and every metric that the Grafana dashboard asks for.

    texas                                                              oslo
    gen === lan0 --[ lanes ]-- eth1 ========= eth1 --[ lanes ]-- lan0 === sink
                       |                                 |
                http://127.0.0.1:9464/metrics     oslo.metrics.sock
"""

import contextlib
import http.client
import json
import os
import re
import socket
import stat

import lab
import sealed_lab
import talking

try:
    from prometheus_client import parser as plain_parser
    from prometheus_client.openmetrics import parser as open_parser
except ImportError:
    open_parser = None

NODE = """
node: {name}
manage: {{socket: {name}.sock, metrics: "{metrics}"}}
keys: {{private: {name}.key}}
ports:
  lan: {{driver: af_packet, device: lan0{promiscuous}}}
  wan: {{driver: af_packet, device: eth1}}
lanes:
{lanes}
"""
SEND = ('  - {{name: {name}, id: {id}, send: lan, match: {{destination_port: {port}}}, '
        'over: {{port: wan, to: "' + sealed_lab.OSLO_MAC + '"}}, {keys}}}')
RECEIVE = ("  - {{name: {name}, id: {id}, receive: lan, over: {{port: wan, carrier: ethernet}}, "
           "{keys}}}")
PORT = 9464
OPEN = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
DASHBOARD = lab.ROOT / "tools" / "grafana" / "lanes.json"
HUNG = 20


class Connection(http.client.HTTPConnection):
    """HTTP over a socket that `connect` makes."""

    def __init__(self, connect):
        super().__init__("localhost", timeout=10)
        self.make = connect

    def connect(self):
        self.sock = self.make()


class Target:
    """Where a node's metrics are read."""

    def __init__(self, connect):
        self.connect = connect

    def ask(self, path="/metrics", accept=OPEN, method="GET", host="localhost"):
        """(status, content type, body)"""
        connection = Connection(self.connect)
        connection.request(method, path, headers={"Accept": accept, "Host": host})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, answer.getheader("Content-Type"), body

    def scrape(self):
        """All samples, by name and labels."""
        status, kind, text = self.ask()
        lab.equal((status, kind),
                  (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"), "a scrape")
        return Scrape(text, open_parser)

    def scrape_plain(self):
        status, kind, text = self.ask(accept="text/plain")
        lab.equal((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"),
                  "a scrape as plain text")
        return Scrape(text, plain_parser)


class Scrape:
    def __init__(self, text, parser):
        self.text = text
        families = parser.text_string_to_metric_families(text)
        self.families = {family.name: family for family in families}
        self.samples = {}
        for family in self.families.values():
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                lab.check(key not in self.samples, f"twice in a scrape: {key}")
                self.samples[key] = sample.value

    def __getitem__(self, question):
        """scrape["name", {labels}]"""
        name, labels = question
        key = (name, tuple(sorted(labels.items())))
        lab.check(key in self.samples, f"not in a scrape: {key}")
        return self.samples[key]

    def names(self):
        return {name for name, _ in self.samples} | set(self.families)

    def counters(self):
        return {key: value for key, value in self.samples.items() if key[0].endswith("_total")}


def grows(before, after, what):
    """No counter goes back, and none goes away."""
    for key, value in before.counters().items():
        lab.check(key in after.samples, f"{what}: {key} is gone")
        lab.check(after.samples[key] >= value,
                  f"{what}: {key} went back from {value} to {after.samples[key]}")


def targets(world, texas):
    def by_http():
        made = texas.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(10)
        made.connect(("127.0.0.1", PORT))
        return made

    def by_socket():
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(10)
        made.connect(str(world.dir / "oslo.metrics.sock"))
        return made
    return Target(by_http), Target(by_socket)


def told(world, name, view):
    status, answer = talking.ask_json(world.dir / f"{name}.sock", f"show {view}")
    lab.equal(status, 0, f"status of show {view}")
    return answer


def facts(world, name):
    """What the views say, as metrics say it."""
    found = {}

    def add(metric, value, **labels):
        key = (metric, tuple(sorted((label, str(word)) for label, word in labels.items())))
        found[key] = found.get(key, 0) + value
    for lane in told(world, name, "lanes")["lanes"]:
        way = {"lane": lane["name"], "direction": lane["role"]}
        add("lanes_lane_packets_total", lane["packets"], **way)
        add("lanes_lane_bytes_total", lane["bytes"], **way)
        add("lanes_lane_dropped_packets_total", lane["dropped_packets"], **way)
        if lane["role"] == "receive":
            add("lanes_lane_duplicate_packets_total", lane["duplicate_packets"], lane=lane["name"])
            add("lanes_lane_old_packets_total", lane["old_packets"], lane=lane["name"])
    for port in told(world, name, "ports")["ports"]:
        for way, short in (("receive", "rx"), ("transmit", "tx")):
            for what in ("frames", "bytes"):
                add(f"lanes_port_{what}_total", port[f"{short}_{what}"], port=port["name"],
                    worker=0, direction=way)
            add("lanes_port_lost_frames_total", port[f"{short}_lost_frames"], port=port["name"],
                direction=way)
    for worker in told(world, name, "workers")["workers"]:
        for what in ("rounds", "idle_rounds", "sleeps", "received_frames", "sent_frames",
                     "made_frames", "absorbed_frames", "copied_frames"):
            add(f"lanes_worker_{what}_total", worker[what], worker=worker["worker"])
    return found


def agrees(world, name, target):
    """Each counter of the views, asked before and after, encloses the scrape's."""
    before, scrape, after = facts(world, name), target.scrape(), facts(world, name)
    for key, low in before.items():
        value = scrape[key[0], dict(key[1])]
        lab.check(low <= value <= after[key], f"{key}: {value}, shown as {low} to {after[key]}")
    drops = {drop["reason"]: drop["frames"] for drop in told(world, name, "drops")["drops"]}
    for reason, most in drops.items():
        parts = [scrape["lanes_dropped_frames_total", {"worker": worker, "reason": reason}]
                 for worker in ("0", "control")]
        lab.check(sum(parts) <= most, f"drops as {reason}: {parts}, shown as {most}")
    return scrape


def dashboard(scrapes):
    """Every metric that a query of the dashboard names is in a scrape."""
    board = json.loads(DASHBOARD.read_text())
    known = set().union(*(scrape.names() for scrape in scrapes))
    asked = set()

    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in ("expr", "query", "definition") and isinstance(inner, str):
                    bare = re.sub(r'"[^"]*"', "", inner)
                    asked.update(re.findall(r"\blanes_[a-z_]+\b(?!\s*=)", bare))
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
    walk(board)
    lab.check(len(asked) >= 15, f"the dashboard asks for {sorted(asked)} only")
    lab.check(asked <= known, f"no metric is called {sorted(asked - known)}")
    kinds = {variable["type"] for variable in board["templating"]["list"]}
    lab.check("datasource" in kinds, "the dashboard has no variable for its data source")
    lab.check(board["schemaVersion"] >= 36, "the dashboard is of an old Grafana")


def answers(target):
    lab.equal(target.ask("/")[:1], (200,), "status of /")
    lab.equal(target.ask("/nothing")[0], 404, "status of another path")
    lab.equal(target.ask(method="POST")[0], 405, "status of POST")
    status, kind, body = target.ask(method="HEAD")
    lab.equal((status, kind.split(";")[0], body), (200, "application/openmetrics-text", ""), "HEAD")
    plain, scrape = target.scrape_plain(), target.scrape()
    lab.check({name for name, _ in plain.samples} == {name for name, _ in scrape.samples},
              "the two formats have not the same samples")


def rebound(by_http, by_socket):
    """A name of the web that leads to this host is no name of its own; a file's rights stand."""
    for host in ("localhost:9464", "127.0.0.1", "127.0.0.1:9464", "[::1]:9464"):
        lab.equal(by_http.ask("/", host=host)[0], 200, f"status as {host}")
    for host in ("metrics.example", "localhost.example:9464", "192.0.2.1", "[2001:db8::1]", ""):
        lab.equal(by_http.ask("/", host=host)[0], 421, f"status as `{host}`")
    lab.equal(by_socket.ask("/", host="metrics.example")[0], 200, "status over the socket")


def attacked(targets_, flow):
    """Clients that hang and talk garbage while packets flow; a scrape is answered all the same."""
    mark = flow.sent
    for target in targets_:
        with contextlib.ExitStack() as stack:
            for i in range(HUNG):
                client = stack.enter_context(contextlib.closing(target.connect()))
                with contextlib.suppress(OSError):
                    client.sendall((b"", b"GET /metrics HT", os.urandom(3000),
                                    b"GET / HTTP/1.1\r\nX: " + b"y" * 40000)[i % 4])
            target.scrape()
            target.scrape()
    lab.eventually(lambda: flow.sent >= mark + 200, "the flow goes on")


def lanes_of(make, keys, sealed, extra=()):
    clear = "cipher: none"
    return "\n".join([make.format(name="good", id=101, port=9, keys=f'{sealed}: "{keys}"'),
                      make.format(name="clear", id=102, port=6, keys=clear),
                      *(make.format(name=name, id=id_, port=port, keys=clear)
                        for name, id_, port in extra)])


def stale_socket(path):
    """What a node leaves that was killed."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(path))
        dead.listen()
    lab.check(path.exists(), "no stale socket")


def scenario(world):
    if open_parser is None:
        raise lab.Skip("needs python3-prometheus-client")
    texas, oslo = sealed_lab.stretch(world)
    public = {name: sealed_lab.new_key(world, name) for name in ("texas", "oslo")}
    path = world.dir / "oslo.metrics.sock"
    stale_socket(path)

    def far_yaml(extra=()):
        return NODE.format(name="oslo", metrics="./oslo.metrics.sock", promiscuous="",
                           lanes=lanes_of(RECEIVE, public["texas"], "sender", extra))

    def near_yaml(extra=()):
        return NODE.format(name="texas", metrics=f"127.0.0.1:{PORT}",
                           promiscuous=", promiscuous: true",
                           lanes=lanes_of(SEND, public["oslo"], "receiver", extra))
    far, near = oslo.node(far_yaml()), texas.node(near_yaml())
    mode = path.stat().st_mode
    lab.check(stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660, f"mode of the socket: {mode:o}")
    far.wait_for("lane good is up")
    here, there = targets(world, texas)
    first = [target.scrape() for target in (here, there)]
    lab.equal(first[1]["lanes_lane_up", {"lane": "good"}], 1, "the sealed lane is up")

    collector = sealed_lab.Collector(oslo)
    flow = sealed_lab.flow(texas, 1000)
    clear = sealed_lab.flow(texas, 200, port=6)
    lab.eventually(lambda: flow.sent >= 300, "the flow is sent")
    second = [target.scrape() for target in (here, there)]
    near.reload(near_yaml([("more", 103, 7)]), "reloaded")
    far.reload(far_yaml([("more", 103, 7)]), "reloaded")
    third = [target.scrape() for target in (here, there)]
    attacked((here, there), flow)
    fourth = [target.scrape() for target in (here, there)]
    for earlier, later in ((first, second), (second, third), (third, fourth)):
        for before, after in zip(earlier, later):
            grows(before, after, "between scrapes")
    new_lane = ("lanes_lane_up", (("lane", "more"),))
    lab.check(new_lane in third[0].samples, "no metrics of a new lane")
    sent, sent_clear = flow.stop(), clear.stop()
    sealed_lab.each_once(collector.stop(), sent, "datagrams that came while clients hung")

    last = [agrees(world, name, target) for name, target in (("texas", here), ("oslo", there))]
    for scrape, way in zip(last, ("send", "receive")):
        for lane, packets in (("good", sent), ("clear", sent_clear)):
            labels = {"lane": lane, "direction": way}
            lab.equal(scrape["lanes_lane_packets_total", labels], packets, f"packets of {lane}")
            lab.equal(scrape["lanes_lane_bytes_total", labels], packets * (14 + 20 + 8 + 64),
                      f"bytes of {lane}")
    lab.equal(last[1]["lanes_lane_lost_packets", {"lane": "good"}], 0, "packets lost")
    epochs = [scrape["lanes_lane_session_epoch", {"lane": "good"}] for scrape in last]
    lab.equal(epochs[0], epochs[1], "the session's epoch at both ends")
    lab.check(last[1]["lanes_lane_heard_age_seconds", {"lane": "good"}] < 10, "when it was heard")
    lab.equal(last[0]["lanes_port_link", {"port": "wan", "lanes_port_link": "up"}], 1, "the link")
    talking.ask(world.dir / "texas.sock", "set phases on")
    last.append(here.scrape())
    answers(here)
    rebound(here, there)
    dashboard(last)
    rival = texas.node(near_yaml().replace("texas.sock", "rival.sock"), name="rival", wait=False)
    lab.equal(rival.wait(), 1, "status of a node whose place for metrics is taken")
    lab.check(f"http at 127.0.0.1:{PORT}: Address already in use" in rival.log(), rival.log())
    near.stop()
    far.stop()
    lab.check(not path.exists(), "the socket stays when its node has stopped")
    print(f"{len(last[1].samples)} samples of oslo; {sent} + {sent_clear} packets, each counted "
          "once")


lab.run(scenario)
