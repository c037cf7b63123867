#!/usr/bin/python3
"""`lanes shell`, `lanes top` and the completion of bash, each driven in a real terminal by tmux:
completion, history over two sessions, Ctrl-C, Ctrl-D, a node that restarts under them, resizing,
and how workers' phases are left behind.

    texas
    gen === lan0 --[ lanes ]-- udp 127.0.0.1       (what is sent goes nowhere)
"""

import json
import os
import re
import shutil
import subprocess
import time

import lab
import sealed_lab

TEXAS = """
node: texas
manage: {socket: texas.sock}
ports:
  lan: {driver: af_packet, device: lan0, promiscuous: true}
  wan: {driver: udp, address: 127.0.0.1}
lanes:
  - {name: out-one, id: 101, send: lan, over: {port: wan, to: "127.0.0.1:9"}, cipher: none}
  - {name: in-two, id: 102, receive: lan, over: {port: wan}, cipher: none}
"""
COMPLETION = lab.ROOT / "tools" / "completion" / "lanes.bash"


class Terminal:
    """A terminal of its own, with a program in it."""

    number = 0

    def __init__(self, world, *program, columns=100, rows=24, **environment):
        Terminal.number += 1
        self.server = f"lanes-e2e-{os.getpid()}-{Terminal.number}"
        settings = [f"{key}={value}" for key, value in
                    {"HOME": world.dir, "LANES": lab.LANES, "PS1": "$ ", **environment}.items()]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), "--",
                  "env", "-u", "XDG_STATE_HOME", *settings,
                  "sh", "-c", '"$@"; echo "ended with $?"; exec sleep 600', "sh", *program)

    def tmux(self, *arguments):
        return lab.command("tmux", "-L", self.server, *arguments)

    def keys(self, *keys):
        """Names of keys as tmux has them (Tab, C-c, Enter), or text."""
        self.tmux("send-keys", "--", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", "--", text)

    def line(self, text):
        self.type(text)
        self.keys("Enter")

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def shows(self, text, timeout=8.0):
        try:
            lab.eventually(lambda: re.search(text, self.screen(), re.M), "", timeout)
        except lab.Failed:
            raise lab.Failed(f"no `{text}` on the screen:\n{self.screen()}") from None

    def clear(self):
        self.keys("C-l")
        self.tmux("clear-history")

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def ended(self):
        """Waits until the program has ended; returns its exit status."""
        self.shows(r"^ended with \d+$")
        return int(re.search(r"^ended with (\d+)$", self.screen(), re.M)[1])

    def close(self):
        lab.command("tmux", "-L", self.server, "kill-server", fails=True)


def with_terminal(world, *program, **options):
    terminal = Terminal(world, *program, **options)
    world.terminals.append(terminal)
    return terminal


def phases_timed(socket):
    said = lab.command(lab.LANES, "--socket", socket, "show", "workers", "--json")
    return json.loads(said)["workers"][0]["phases_timed"]


def use_shell(world, texas, node, socket):
    shell = with_terminal(world, lab.LANES, "shell", "--socket", socket)
    shell.shows("^texas>$")
    shell.type("sh")
    shell.keys("Tab")
    shell.shows("^texas> show$")
    shell.type("la")
    shell.keys("Tab")
    shell.shows("^texas> show lane$")
    shell.keys("Tab")
    shell.shows("^lane +lanes$")
    shell.keys("s", "Enter")
    shell.shows("^2 lanes: 2 up$")
    shell.line("trace out-one --for 1")
    shell.shows("^0 of 10 frames within 1 second; `why out-one`[\\s\\S]*^texas>$")
    shell.type("why o")
    shell.keys("Tab", "Enter")
    shell.shows("^lane out-one sends frames of port lan, clear$")
    shell.clear()
    shell.type("show nonsense")
    shell.keys("C-c")
    shell.shows(r"^texas> show nonsense\^C\n+texas>$")
    shell.keys("Up")
    shell.shows("^texas> why out-one")
    shell.keys("C-c")
    shell.line("show lnaes")
    shell.shows("lanes")
    # The node goes and comes back under it.
    node.stop()
    node = texas.node(TEXAS)
    shell.clear()
    shell.line("show version")
    shell.shows("^lanes .*, node texas, running for [0-9] s")
    # While it is away, for long.
    node.stop()
    shell.clear()
    shell.line("show version")
    shell.shows("no node runs at|nobody listens at", timeout=12)
    node = texas.node(TEXAS)
    shell.line("stop-is-not-said")
    shell.shows(r"^no command begins with[\s\S]*^texas>$")
    shell.keys("C-d")
    lab.equal(shell.ended(), 0, "status after Ctrl-D")
    history = world.dir / ".lanes_history"
    lab.equal(history.stat().st_mode & 0o777, 0o600, "who may read the history")
    again = with_terminal(world, lab.LANES, "shell", "--socket", socket)
    again.shows("^texas>$")
    again.keys("Up", "Up")
    again.shows("^texas> show version")
    again.keys("C-c")
    again.line("exit")
    lab.equal(again.ended(), 0, "status after exit")
    return node


def use_no_words(world, texas):
    """`lanes` alone, on a terminal, is the shell of the only node there is."""
    node = texas.node("node: alone\nports: {l: {driver: memory, device: l}}\n", name="alone")
    shell = with_terminal(world, lab.LANES)
    shell.shows("^alone>$|several nodes run here")
    if "several" not in shell.screen():
        shell.line("show version")
        shell.shows("^lanes .*, node alone, running for")
        shell.line("exit")
        lab.equal(shell.ended(), 0, "status after exit")
    node.stop()


def use_top(world, texas, node, socket):
    flow = sealed_lab.flow(texas, 500)
    try:
        top = with_terminal(world, lab.LANES, "top", "--socket", socket, columns=120)
        top.shows(r"^node texas: 2 lanes; q quits")
        top.shows(r"^out-one +send +up +[1-9]\d\d +\d+ kbit/s")
        top.shows(r"^WORKER +CORE +LOAD .*CLOCKS/PACKET")
        lab.equal(phases_timed(socket), True, "phases while top runs")
        # Two of them; the first one goes, and the second still sees clocks.
        other = with_terminal(world, lab.LANES, "top", "--socket", socket, columns=120)
        other.shows(r"^out-one +send")
        top.keys("q")
        lab.equal(top.ended(), 0, "status after q")
        lab.check("node texas" not in top.screen(), f"the screen is as before:\n{top.screen()}")
        lab.eventually(lambda: phases_timed(socket), "the second top turns phases on again")
        other.resize(60, 8)
        other.shows(r"^node texas: 2 lanes; q quits")
        time.sleep(1.2)
        lines = other.screen().rstrip("\n").split("\n")
        lab.check(len(lines) <= 8 and max(map(len, lines)) <= 60, f"a small screen: {lines}")
        # The node restarts, and top goes on.
        node.stop()
        other.resize(120, 30)
        other.shows("waiting; q quits")
        node = texas.node(TEXAS)
        other.shows(r"^out-one +send")
        other.tmux("send-keys", "C-c")
        lab.equal(other.ended(), 0, "status after Ctrl-C")
        lab.equal(phases_timed(socket), False, "phases after the last one left")
        # One that an operator turned on stays on.
        lab.command(lab.LANES, "--socket", socket, "set", "phases", "on")
        said = lab.command(lab.LANES, "top", "--socket", socket, "--json", "--count", "2")
        lab.equal(phases_timed(socket), True, "phases that an operator turned on")
        objects = [json.loads(line) for line in said.splitlines()]
        lab.equal([one["schema"] for one in objects], ["lanes/1"] * 2, "two objects")
        rate = {one["name"]: one for one in objects[1]["lanes"]}["out-one"]["packets_per_second"]
        lab.check(0 < rate < 5000, f"500 packets a second are sent, top says {rate}")
        lab.command(lab.LANES, "--socket", socket, "set", "phases", "off")
        # Killed by TERM it leaves nothing on.
        process = subprocess.Popen([lab.LANES, "top", "--socket", socket, "--json"],
                                   stdout=subprocess.DEVNULL)
        lab.eventually(lambda: phases_timed(socket), "top --json turns phases on")
        process.terminate()
        lab.equal((process.wait(5), phases_timed(socket)), (0, False), "after TERM")
    finally:
        flow.stop()
    return node


def use_bash(world, socket):
    bash = with_terminal(world, "bash", "--norc", "--noprofile",
                         PATH=f"{os.path.dirname(lab.LANES)}:{os.environ['PATH']}")
    bash.line(f"cd {world.dir}; source {COMPLETION}; clear; echo ready")
    bash.shows(r"\Aready\n")
    bash.type("lanes sho")
    bash.keys("Tab")
    bash.shows(r"^\S* ?lanes show$")
    bash.type("wo")
    bash.keys("Tab")
    bash.shows(r"lanes show workers$")
    bash.keys("C-u")
    bash.type(f"lanes --socket {socket} why in")
    bash.keys("Tab")
    bash.shows(r"why in-two$")
    bash.keys("C-u")
    bash.type("lanes check tex")
    bash.keys("Tab")
    bash.shows(r"lanes check texas.yaml")
    bash.keys("C-u")
    bash.type("lanes key p")
    bash.keys("Tab")
    bash.shows(r"lanes key public")
    bash.keys("C-u")
    bash.line("exit")


def use_zsh(world, socket):
    if shutil.which("zsh") is None:
        print("shell: no zsh here: its completion is not looked at")
        return
    zsh = with_terminal(world, "zsh", "-f",
                        PATH=f"{os.path.dirname(lab.LANES)}:{os.environ['PATH']}")
    zsh.line(f"cd {world.dir}; fpath=({COMPLETION.parent} $fpath); autoload -U compinit")
    zsh.line("compinit -D; clear; echo ready")
    zsh.shows(r"\Aready\n")
    zsh.type("lanes sho")
    zsh.keys("Tab")
    zsh.shows(r"lanes show$")
    zsh.type(" wo")
    zsh.keys("Tab")
    zsh.shows(r"lanes show workers$")
    zsh.keys("C-u")
    zsh.type(f"lanes --socket {socket} why in")
    zsh.keys("Tab")
    zsh.shows(r"why in-two$")
    zsh.keys("C-u")
    zsh.line("exit")


def scenario(world):
    if shutil.which("tmux") is None:
        raise lab.Skip("no tmux")
    world.terminals = []
    texas = world.host("texas")
    world.cable(texas, "gen", texas, "lan0", [[f"{sealed_lab.SOURCE}/24"], []])
    texas.run("ip", "neigh", "replace", sealed_lab.SINK, "lladdr", "02:00:00:00:00:99", "dev", "gen")
    node = texas.node(TEXAS)
    socket = str(world.dir / "texas.sock")
    try:
        node = use_shell(world, texas, node, socket)
        node = use_top(world, texas, node, socket)
        use_no_words(world, texas)
        use_bash(world, socket)
        use_zsh(world, socket)
    finally:
        for terminal in world.terminals:
            terminal.close()
    node.stop()


lab.run(scenario)
