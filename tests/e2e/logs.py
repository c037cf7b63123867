#!/usr/bin/python3
"""Where messages go: a real rsyslogd, by its socket and by UDP. It is killed and started again
while packets flow: none is lost, and what syslog missed is told. A stderr that is closed or that
nobody reads, names that try to forge lines, a crowd of clients. And no key in anything that was
written.

    texas                                                          oslo
    gen ===== lan0 --[ lanes ]-- eth1 ========= eth1 --[ lanes ]-- lan0 ===== sink
                         |          (UDP)         |
                      ./log --> rsyslogd <--------+
"""

import fcntl
import os
import re
import signal
import socket
import time

import lab
import sealed_lab

TEXAS = """
node: texas
state: texas.state
keys: {{private: texas.key}}
log: {{to: [syslog, stderr], syslog: ./log}}
manage: {{socket: ./texas.sock}}
ports:
  lan: {{driver: af_packet, device: lan0, promiscuous: true}}
  wan: {{driver: udp, address: 192.0.2.1}}
lanes:
  - {{name: out, id: 101, send: lan, over: {{port: wan, to: "192.0.2.2:4790"}}, receiver: "{oslo}",
     secret: pair.psk, rekey: 2}}
"""
OSLO = """
node: oslo
state: oslo.state
keys: {{private: oslo.key}}
log: {{to: [stderr, syslog], syslog: "192.0.2.1:514", facility: local3}}
manage: {{socket: none}}
ports:
  lan: {{driver: af_packet, device: lan0}}
  wan: {{driver: udp, address: 192.0.2.2}}
lanes:
  - {{name: in, id: 101, receive: lan, over: {{port: wan}}, sender: "{texas}", secret: pair.psk}}
"""
PATCH = """
node: {name}
{more}
manage: {{socket: none}}
ports: {{a: {{driver: memory, device: a}}, b: {{driver: memory, device: b}}}}
lanes: [{{name: p, patch: {{from: a, to: b}}}}]
"""
RSYSLOG = """
global(workDirectory="{dir}" parser.escapeControlCharactersOnReceive="off")
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
input(type="imuxsock" Socket="{dir}/log" UseSpecialParser="off" IgnoreTimestamp="off")
input(type="imudp" Address="192.0.2.1" Port="514")
action(type="omfile" file="{dir}/messages" template="RSYSLOG_SyslogProtocol23Format")
"""
LINE = re.compile(r'<(?P<pri>\d+)>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (?P<host>\S+) '
                  r'(?P<app>\S+) (?P<pid>\d+) (?P<id>\S+) '
                  r'\[lanes@32473(?P<data>(?: \w+="(?:[^"\\\]]|\\["\\\]])*")*)\] ?(?P<text>.*)')
CLIENTS = 100


class Said:
    """One line that rsyslogd received."""

    def __init__(self, line):
        match = LINE.fullmatch(line)
        lab.check(match, f"not RFC 5424: {line!r}")
        self.facility, self.severity = divmod(int(match["pri"]), 8)
        self.pid, self.id, self.text = int(match["pid"]), match["id"], match["text"]
        self.data = {key: re.sub(r'\\(["\\\]])', r"\1", value) for key, value in
                     re.findall(r' (\w+)="((?:[^"\\]|\\.)*)"', match["data"])}
        self.host, self.app = match["host"], match["app"]


class Rsyslogd:
    def __init__(self, world, host):
        self.world, self.host = world, host
        self.messages = world.dir / "messages"
        (world.dir / "rsyslog.conf").write_text(RSYSLOG.format(dir=world.dir))
        self.start()

    def start(self):
        (self.world.dir / "log").unlink(missing_ok=True)
        with open(self.world.dir / "rsyslogd.said", "ab") as said:
            self.process = self.host.start("rsyslogd", "-n", "-f", str(self.world.dir / "rsyslog.conf"),
                                           "-i", str(self.world.dir / "rsyslogd.pid"),
                                           stdout=said, stderr=said)
        lab.eventually((self.world.dir / "log").exists, "rsyslogd has a socket", 15)

    def kill(self):
        self.process.kill()
        self.process.wait()
        (self.world.dir / "rsyslogd.pid").unlink(missing_ok=True)

    def lines(self):
        if not self.messages.exists():
            return []
        text = self.messages.read_text(encoding="utf-8", errors="strict")
        return [Said(line) for line in text.split("\n")[:-1] if " lanes " in line]

    def told(self, test, what):
        return lab.eventually(lambda: next((line for line in self.lines() if test(line)), None),
                              f"syslog has {what}", 10)


def first_words(world, syslog, texas):
    """What every message has."""
    line = syslog.told(lambda said: said.text.startswith("node texas is running"), "the start")
    lab.equal((line.facility, line.severity, line.id, line.app, line.pid),
              (3, 5, "node", "lanes", texas.pid), "how a notice of the daemon is marked")
    lab.equal(line.data, {"node": "texas", "state": "running"}, "its structured data")
    line = syslog.told(lambda said: said.id == "lane_state", "the state of a lane, by UDP")
    lab.equal((line.facility, line.data["node"], line.data["lane"], line.data["state"]),
              (19, "oslo", "in", "up"), "a state that oslo told")
    lab.check(any(said.id == "sandbox" and said.data["state"] == "in force"
                  for said in syslog.lines()), "the sandbox is in force")


def syslog_away(syslog, texas, flow):
    """Killed, some messages, started again."""
    before = len(texas.log().splitlines())
    syslog.kill()
    text = texas.file.read_text()
    for _ in range(5):
        texas.reload(text)
    texas.reload("node: [", "nothing was changed")
    texas.reload(text)
    sent = flow.sent
    time.sleep(0.3)
    lab.check(flow.sent > sent, "the flow goes on")
    syslog.start()
    back = syslog.told(lambda said: said.id == "log" and "did not take" in said.text,
                       "how much it missed")
    said = texas.log().splitlines()[before:]
    aside = [line for line in said if "syslog at " in line]
    # The first message that was lost is why stderr says that syslog takes none.
    lab.check(len(aside) == 2 and "takes no messages: " in aside[0] and
              "did not take " in aside[1], f"what stderr was told: {aside}")
    lost = said[:said.index(aside[1])]
    lab.equal(int(back.data["count"]), len(lost) - 1, f"messages that syslog missed of {lost}")
    lab.check(re.search(r"did not take \d+ messages in \d+ s: (No such file|Connection refused)",
                        back.text), back.text)
    lab.equal(back.severity, 4, "severity of that")
    print(f"rsyslogd: {back.text}")


def crowd(world, syslog, texas):
    """A hundred clients at once are twenty lines and a number."""
    for _ in range(CLIENTS):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(world.dir / "texas.sock"))
            client.sendall(b"show version\n")
            client.recv(16)
    lab.eventually(lambda: len(clients(syslog)) >= 20, "clients are noted")
    first = clients(syslog)[0]
    lab.equal(first.data["peer"], f"pid {os.getpid()}, uid 0, gid 0", "the first client")


def clients(syslog):
    return [said for said in syslog.lines() if said.id == "client"]


def crowd_counted(syslog):
    left_out = [said for said in clients(syslog) if "left out" in said.text]
    each = [said for said in clients(syslog) if "left out" not in said.text]
    lab.check(len(each) < CLIENTS, f"{len(each)} clients are noted each")
    lab.equal(len(each) + sum(int(said.data["count"]) for said in left_out), CLIENTS,
              "clients that were noted or counted")
    print(f"of {CLIENTS} clients {len(each)} were noted: {left_out[-1].text}")


def forged_names(world, syslog, texas):
    """A file whose name would add a line and steer a terminal."""
    name = 'te"x]as\n<11>1 - - - - - -\x1b[2J\u0085\u202e\\'
    text = PATCH.format(name="forger", more="log: {to: [syslog, stderr], syslog: ./log}")
    node = texas.node(text, name)
    node.reload(text)
    shown = (str(node.file).replace("\n", "\\x0a").replace("\x1b", "\\x1b")
             .replace("\u0085", "\\xc2\\x85").replace("\u202e", "\\xe2\\x80\\xae"))
    line = syslog.told(lambda said: said.id == "reload" and said.data["node"] == "forger", "a reload")
    lab.check(shown in line.text, f"not {shown!r} in {line.text!r}")
    lab.equal(line.data["file"], shown, "the file's name in structured data")
    lab.check(all(byte >= 32 or byte == 10 for byte in node.log_file.read_bytes()),
              "control characters on stderr")
    node.stop()


def bad_stderr(world, syslog, texas):
    """Closed from the start; and a pipe that nobody reads."""
    file = world.dir / f"{'mute' * 40}.yaml"
    file.write_text(PATCH.format(name="mute", more="log: {to: [stderr, syslog], syslog: ./log, level: notice}"))
    process = texas.start("sh", "-c", 'exec "$0" "$1" 0<&- 1>&- 2>&-', lab.LANES, str(file))
    syslog.told(lambda said: said.pid == process.pid and "is running" in said.text, "a mute node")
    process.terminate()
    lab.equal(process.wait(10), 0, "exit status of a node without stderr")
    lab.check(all(said.severity <= 5 for said in syslog.lines() if said.data["node"] == "mute"),
              "a node that is to tell no less than notices tells more")
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    process = texas.start(lab.LANES, str(file), stderr=writer)
    os.close(writer)
    syslog.told(lambda said: said.pid == process.pid and "is running" in said.text, "a blocked node")
    # More errors than the pipe takes, and than wait for it.
    file.write_text(file.read_text() + "".join(f"unknown{n}: 1\n" for n in range(300)))

    def ours():
        return [said for said in syslog.lines() if said.pid == process.pid]

    def full():
        process.send_signal(signal.SIGHUP)
        return any("stderr takes no messages" in said.text for said in ours())
    lab.eventually(full, "syslog is told that stderr is full", 15)
    os.close(reader)
    process.terminate()
    lab.equal(process.wait(10), 0, "exit status of a node whose stderr is full, then gone")
    lab.check(any("is stopping" in said.text for said in ours()), "its last words reach syslog")


def scenario(world):
    texas, oslo = sealed_lab.stretch(world)
    keys = {name: sealed_lab.new_key(world, name) for name in ("texas", "oslo")}
    sealed_lab.new_secret(world, "pair")
    text = TEXAS.format(**keys)
    syslog = Rsyslogd(world, texas)
    nodes = [oslo.node(OSLO.format(**keys)), texas.node(text)]
    collector = sealed_lab.Collector(oslo)
    nodes[0].wait_for("lane in is up", timeout=10)
    flow = sealed_lab.flow(texas, 500)
    collector.comes()
    first_words(world, syslog, nodes[1])
    syslog_away(syslog, nodes[1], flow)
    crowd(world, syslog, nodes[1])
    forged_names(world, syslog, texas)
    bad_stderr(world, syslog, texas)
    sent = flow.stop()
    lab.eventually(lambda: len(collector.numbers) >= sent, "all has come")
    sealed_lab.each_once(collector.stop(), sent, "datagrams while logs came and went")
    for node in reversed(nodes):
        node.stop()
    syslog.told(lambda said: said.data["node"] == "texas" and said.text.startswith("frames: "),
                "the last line")
    crowd_counted(syslog)
    secrets = {name: (world.dir / name).read_text().strip()
               for name in ("texas.key", "oslo.key", "pair.psk")}
    for file in (syslog.messages, *(node.log_file for node in nodes)):
        sealed_lab.no_secret_in(file.read_bytes(), secrets, str(file))


lab.run(scenario)
