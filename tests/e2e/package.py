#!/usr/bin/python3
"""The Debian package: made by tools/package of the programs under test, installed, used, upgraded and
purged; and a node of it, run by a real systemd.

    this machine, read-only  +  a layer in memory  =  two machines: one that dpkg installs on and
                                                      purges, and one that boots

Nothing of this machine changes: both are overlays in mount namespaces of their own. Skips by name
where the tools to make a package are missing, and after the first part where systemd boots in no
container (systemd-nspawn, overlayfs and a control group to itself are what it needs).
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import time

import lab

PACKAGE = lab.ROOT / "tools" / "package"
BUILD = pathlib.Path(lab.LANES).resolve().parents[1]
EXPOSURE_MAX = 2.5
CAPABILITIES = 1 << 12 | 1 << 13 | 1 << 14 | 1 << 39  # NET_ADMIN, NET_RAW, IPC_LOCK, BPF
NODE = """
node: demo
workers: 2
state: /var/lib/lanes/demo
keys: {private: demo.key}
ports:
  lan: {driver: tap, device: lane0, address: 10.8.0.1/24}
  wan: {driver: udp, address: 127.0.0.1}
lanes:
  - {name: out, id: 1, send: lan, over: {port: wan, to: "127.0.0.1:4790"}, secret: pair.psk}
  - {name: in, id: 2, receive: lan, over: {port: wan}, secret: pair.psk}
"""
# Quicker than an operator wants it, so that a test can wait for it.
IMPATIENT = "[Service]\nWatchdogSec=2\nTimeoutStopSec=3\n"
# What dpkg, and the programs that its scripts call, write about themselves.
BOOKS = re.compile(r"/(var/lib/dpkg|var/lib/man-db|var/log|var/cache|var/lib/systemd|run|tmp|root|dev|proc|sys)(/|$)|"
                   r"/etc/(passwd|group|shadow|gshadow)-?$|/etc/(ld\.so\.cache|mailcap|\.pwd\.lock)$")


# Holds a thread where it is, as nobody else can stop one alone, until it is gone; see ptrace(2).
HOLD = """
import ctypes, os, sys
PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000
thread, ptrace = int(sys.argv[1]), ctypes.CDLL(None).ptrace
if ptrace(PTRACE_SEIZE, thread, 0, 0) != 0 or ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0:
    sys.exit("not to be held")
while os.WIFSTOPPED(os.waitpid(thread, WALL)[1]):
    print("held", flush=True)
"""


class Overlay:
    """This machine's files below a layer in memory, seen by nobody else: `run` is a command there."""

    SCRIPT = """
        set -e
        mount -t tmpfs -o mode=0755 layer "$1"
        mkdir "$1/upper" "$1/work" "$1/root"
        mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
        rm -f "$1/root/var/lib/man-db/auto-update"  # the index of all pages: seconds, each time
        if [ "$2" = chroot ]; then
            mount -t tmpfs run "$1/root/run"
            mount -t tmpfs tmp "$1/root/tmp"
            mount --rbind /proc "$1/root/proc"
            mount --rbind /dev "$1/root/dev"
        fi
        echo there
        exec sleep infinity
    """

    def __init__(self, world, name, kind="chroot"):
        self.dir = world.dir / name
        self.dir.mkdir()
        self.root = self.dir / "root"
        self.keeper = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", self.SCRIPT, "sh",
             str(self.dir), kind], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        world.processes.append(self.keeper)
        said = self.keeper.stdout.readline()
        if said != "there\n":
            raise lab.Skip(f"no overlay of this machine's files: {said.strip()}")

    def beside(self, *arguments, **options):
        """A command in the mount namespace, outside of the root."""
        return lab.command("nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt", *arguments, **options)

    def run(self, *arguments, **options):
        return self.beside("chroot", str(self.root), *arguments, **options)

    def write(self, path, text, *, owner="root:root", mode="0644"):
        """A file of this content; its folder is there."""
        subprocess.run(["nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt", "chroot",
                        str(self.root), "sh", "-c",
                        f"cat > {path} && chown {owner} {path} && chmod {mode} {path}"],
                       input=text, text=True, check=True)

    def changed(self):
        """Every path that differs from this machine's, folders left out that only lead there."""
        found = self.beside("find", str(self.dir / "upper"), "-mindepth", "1", "-printf", "/%P\\n")
        return sorted(found.splitlines())


def make(world):
    for tool in ("dh_builddeb", "dpkg-shlibdeps", "meson"):
        if shutil.which(tool) is None:
            raise lab.Skip(f"{tool} is not installed")
    began = time.monotonic()
    said = lab.command(str(PACKAGE), "--programs", str(BUILD), "--build", str(world.dir / "build"),
                       "--output", str(world.dir), timeout=100)
    print(f"package made in {time.monotonic() - began:.1f} s")
    file = pathlib.Path(said.splitlines()[-1])
    lab.check(file.is_file(), f"no package: {said}")
    return file


def looks_right(package):
    """What Debian's own critic says, and what stands in the package."""
    contents = lab.command("dpkg-deb", "--contents", str(package))
    for path in ("/usr/bin/lanes", "/usr/bin/lanes-bench", "/etc/lanes/README",
                 "/usr/lib/systemd/system/lanes@.service", "/usr/lib/sysusers.d/lanes.conf",
                 "/usr/lib/tmpfiles.d/lanes.conf", "/usr/share/man/man8/lanes.8.gz",
                 "/usr/share/man/man5/lanes.yaml.5.gz", "/usr/share/man/man7/lanes-protocol.7.gz",
                 "/usr/share/man/man1/lanes-bench.1.gz", "/usr/share/doc/lanes/copyright",
                 "/usr/share/doc/lanes/examples/texas.yaml",
                 "/usr/share/bash-completion/completions/lanes",
                 "/usr/share/zsh/site-functions/_lanes", "/usr/share/lanes/grafana/lanes.json"):
        lab.check(f" .{path}\n" in contents, f"the package has no {path}")
    owners = {line.split()[1] for line in contents.splitlines()}
    lab.equal(owners, {"root/root"}, "owners within the package")
    if shutil.which("lintian") is None:
        return print("lintian is not installed: the package was not criticised")
    said = lab.command("lintian", "--fail-on", "error,warning", "--allow-root", str(package))
    lab.equal(said, "", "what lintian says")


def mode(machine, path):
    return machine.run("stat", "-c", "%a %U:%G", path).strip()


def prepare(machine):
    """A node's file and keys, as an operator makes them."""
    machine.write("/etc/lanes/demo.yaml", NODE)
    for kind, name in (("new", "demo.key"), ("secret", "pair.psk")):
        machine.run("sh", "-c", f"lanes key {kind} > /etc/lanes/{name} && chown lanes: /etc/lanes/{name}")


def install_and_purge(world, package):
    machine = Overlay(world, "purged")
    before = machine.changed()
    said = machine.run("dpkg", "-i", f"/proc/{os.getpid()}/root{package}")
    lab.check("Setting up lanes" in said, f"dpkg said {said}")
    lab.equal(mode(machine, "/etc/lanes"), "750 root:lanes", "rights of /etc/lanes")
    lab.equal(mode(machine, "/var/lib/lanes"), "700 lanes:lanes", "rights of /var/lib/lanes")
    lab.equal(machine.run("lanes", "--version").split()[0], "lanes", "who speaks")
    prepare(machine)
    said = machine.run("setpriv", "--reuid=lanes", "--regid=lanes", "--clear-groups", "lanes", "check",
                       "/etc/lanes/demo.yaml")
    lab.equal(said, "/etc/lanes/demo.yaml: ok: 2 ports, 2 lanes\n", "lanes check, as the user lanes")
    for page in ("lanes.8", "lanes.yaml.5", "lanes-protocol.7", "lanes-bench.1"):
        machine.run("man", "-w", page)
    machine.write("/var/lib/lanes/leftover", "state of a node\n", owner="lanes:lanes")
    machine.run("dpkg", "--purge", "lanes")
    lab.equal(machine.run("ls", "/etc/lanes").split(), ["demo.key", "demo.yaml", "pair.psk"],
              "what stays in /etc/lanes")
    machine.run("rm", "-r", "/etc/lanes")
    # The operator's own files aside, nothing is left of another one.
    machine.run("dpkg", "-i", f"/proc/{os.getpid()}/root{package}")
    machine.run("dpkg", "--purge", "lanes")
    # Folders of this machine stand in the layer because something below them changed.
    left = [path for path in machine.changed()
            if path not in before and not os.path.isdir(path) and not BOOKS.match(path)]
    lab.equal(left, [], "what a purged package left behind")
    named = [path for path in machine.changed() if "lanes" in path]
    lab.equal(named, [], "what was left under our name")
    machine.run("id", "lanes")  # the user stays: files of its may be anywhere


class Machine(Overlay):
    """One that boots: systemd as its first process, in a container, on an overlay."""

    def __init__(self, world, name):
        super().__init__(world, name, kind="machine")
        self.cgroups = own_cgroups(f"lanes-e2e-{os.getpid()}")
        self.console = self.dir.parent / f"{name}.console"
        self.nspawn, self.leader = None, None

    def boot(self):
        """Boots as far as basic.target: none of this machine's own services runs."""
        # A machine of its own, on which services may be started and stopped.
        self.beside("sh", "-c", f"cd {self.root}; : > etc/machine-id; rm -f usr/sbin/policy-rc.d")
        enter = "".join(f"echo $$ > {folder}/cgroup.procs; " for folder in self.cgroups)
        with open(self.console, "w") as console:
            self.nspawn = subprocess.Popen(
                ["nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt", "sh", "-c",
                 f"{enter} mount -t tmpfs none /run/systemd 2>/dev/null; exec systemd-nspawn --quiet "
                 f"--register=no --keep-unit --boot --private-network --console=pipe "
                 f"--link-journal=no --capability=all --system-call-filter='bpf "
                 f"landlock_create_ruleset landlock_add_rule landlock_restrict_self' "
                 f"--directory={self.root} systemd.unit=basic.target systemd.mask=timers.target"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        deadline = time.monotonic() + 20
        state = ""
        while state not in ("running", "degraded"):
            if self.nspawn.poll() is not None or time.monotonic() > deadline:
                raise lab.Skip(f"the package is good, but systemd boots in no container here: "
                               f"{state} {self.console.read_text()[-300:].strip()}")
            children = pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children")
            self.leader = (children.read_text().split() or [None])[0]
            state = self.leader and self.call("systemctl", "is-system-running", fails=True).strip()
            time.sleep(0.1)

    def call(self, *arguments, **options):
        """A command within the running machine."""
        return lab.command("nsenter", f"--target={self.leader}", "--all", *arguments, **options)

    def close(self):
        if self.leader:
            self.call("systemctl", "poweroff", "--force", "--force", fails=True)
        if self.nspawn:
            try:
                self.nspawn.wait(5)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()  # the machine is its child, and ends with it
                self.nspawn.wait()
        for folder in self.cgroups:
            for path, _, _ in os.walk(folder, topdown=False):
                lab.eventually(lambda path=path: removed(path), f"{path} is empty")


def removed(folder):
    try:
        os.rmdir(folder)
    except OSError:
        return False
    return True


def own_cgroups(name):
    """A control group of our own in each hierarchy that systemd may use: it makes others below."""
    top = pathlib.Path("/sys/fs/cgroup")
    made = []
    for folder in (top, top / "unified", top / "systemd"):
        if not (folder / "cgroup.procs").exists():
            continue
        try:
            (folder / name).mkdir()
        except OSError as error:
            raise lab.Skip("the package is good, but there is no control group to boot in: "
                           f"{error}") from None
        made.append(folder / name)
    return made


class Unit:
    """lanes@demo, as systemctl sees it."""

    NAME = "lanes@demo"

    def __init__(self, machine):
        self.machine = machine

    def control(self, verb, *options, fails=False):
        return self.machine.call("systemctl", verb, *options, self.NAME, fails=fails)

    def get(self, name):
        return self.machine.call("systemctl", "show", self.NAME, "--value", "--property", name).strip()

    def state(self):
        return f"{self.get('ActiveState')} ({self.get('SubState')})"

    def becomes(self, state, timeout=10.0):
        lab.eventually(lambda: self.state() == state, f"{self.NAME} is {state}", timeout)

    def journal(self):
        return self.machine.call("journalctl", "--no-pager", "--output=cat", "--unit", self.NAME)

    def says(self, text, timeout=10.0):
        lab.eventually(lambda: text in self.journal(), f"the journal has `{text}`", timeout)


class SlowFile:
    """The node file as a pipe: whoever reads it waits until it is written."""

    PATH = "/etc/lanes/demo.yaml"

    def __init__(self, machine):
        self.machine = machine
        machine.call("rm", "-f", self.PATH)
        machine.call("mkfifo", "-m", "0640", self.PATH)
        machine.call("chgrp", "lanes", self.PATH)

    def give(self, text):
        self.machine.call("timeout", "5", "sh", "-c", 'printf "%s" "$1" > "$0"', self.PATH, text)

    def close(self, text):
        self.machine.call("rm", self.PATH)
        self.machine.write(self.PATH, text)


def starts(machine, unit):
    """Active when the node says READY, and not before."""
    file = SlowFile(machine)
    unit.control("start", "--no-block")
    unit.becomes("activating (start)")
    time.sleep(0.5)
    lab.equal(unit.state(), "activating (start)", "state before the node is ready")
    file.give(NODE)
    unit.becomes("active (running)")
    file.close(NODE)
    lab.equal(unit.get("StatusText"), "2 lanes, 2 workers", "status")
    unit.says("node demo is running: 2 lanes, 2 workers")
    lab.equal(unit.journal().count("node demo is running"), 1, "how often the journal has a line")


def is_hardened(machine, unit):
    """The unit's own walls, and the node's sandbox within them."""
    machine.call("systemd-analyze", "verify", f"{unit.NAME}.service")
    said = machine.call("systemd-analyze", "security", "--no-pager", unit.NAME)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    lab.check(found and float(found.group(1)) <= EXPOSURE_MAX, f"exposure: {said[-200:]}")
    pid = unit.get("MainPID")
    status = dict(line.split(":\t", 1) for line in
                  machine.call("cat", f"/proc/{pid}/status").splitlines() if ":\t" in line)
    lab.equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), "new privileges, seccomp")
    lab.equal(status["Uid"].split()[0], machine.call("id", "-u", "lanes").strip(), "user")
    lab.equal(int(status["CapBnd"], 16), CAPABILITIES, "bounding set")
    lab.equal(int(status["CapEff"], 16), 0, "capabilities of a node of tap and udp")
    lab.check("not in force" not in unit.journal(), f"part of the sandbox is missing: {unit.journal()}")
    inside = ("nsenter", f"--target={pid}", "--mount")
    for path in ("/usr/forbidden", "/etc/lanes/forbidden", "/root/forbidden"):
        machine.call(*inside, "sh", "-c", f"! touch {path} 2>/dev/null")
    lab.equal(machine.call(*inside, "find", "/home", "/root", "-mindepth", "1"), "", "homes, from within")


def is_managed(machine):
    """By members of the group lanes, and by nobody else."""
    ask = ("lanes", "show", "security", "--json")
    member = ("setpriv", "--reuid=nobody", "--regid=nogroup")
    told = json.loads(machine.call(*member, "--groups=lanes", *ask))
    lab.check(told["enforced"] and told["threads"], f"security as the node tells it: {told}")
    lab.check(all(thread["seccomp"] and thread["no_new_privileges"] for thread in told["threads"]),
              f"threads: {told['threads']}")
    said = machine.call(*member, "--clear-groups", "sh", "-c", "lanes show lanes 2>&1; echo $?")
    lab.check("does not let you in" in said and said.endswith("\n3\n"), f"a stranger was told {said}")


def reloads(machine, unit):
    pid = unit.get("MainPID")
    machine.write("/etc/lanes/demo.yaml", NODE.replace("id: 2", "id: 3"))
    unit.control("reload")
    unit.says("lanes kept 1, changed 1, added 0, removed 0")
    machine.write("/etc/lanes/demo.yaml", NODE.replace("id: 2", "id: many"))
    unit.control("reload", fails=True)
    unit.says("demo.yaml:11:20: error: expected a number")
    lab.check("nothing was changed" not in unit.journal(), "a file with errors came as far as the node")
    # RELOADING until the node has read its file. The first reader is `lanes check`.
    file = SlowFile(machine)
    unit.control("reload", "--no-block")
    file.give(NODE)
    lab.eventually(lambda: unit.state().startswith("reloading"), "the unit is reloading")
    file.give(NODE)
    unit.becomes("active (running)")
    file.close(NODE)
    lab.equal(unit.get("MainPID"), pid, "the process, after reloads")


def is_watched(machine, unit, began):
    """Life signs keep it; one that stands still is ended and started again."""
    time.sleep(max(0.0, began + 5 - time.monotonic()))  # more than two of its intervals
    pid = unit.get("MainPID")
    lab.equal((unit.get("NRestarts"), unit.state()), ("0", "active (running)"), "a node that lives")
    machine.call("kill", "-STOP", pid)
    lab.eventually(lambda: unit.get("NRestarts") == "1", "a node that stands still is restarted", 20)
    unit.becomes("active (running)")
    lab.check(unit.get("MainPID") != pid, "the process that stood still is there yet")
    unit.says("Watchdog timeout")


def is_watched_by_worker(world, machine, unit):
    """Control goes on, and one worker does not: that is no life, either."""
    machine.write("/etc/lanes/demo.yaml", NODE.replace("workers: 2", "workers: 1\npoll: busy"))
    unit.control("restart")
    pid = unit.get("MainPID")
    thread = machine.call("sh", "-c", f"grep -lx worker-0 /proc/{pid}/task/*/comm").split("/")[4]
    holder = subprocess.Popen(["nsenter", f"--target={machine.leader}", "--all", "python3", "-c", HOLD,
                               thread], stdout=subprocess.PIPE, text=True)
    world.processes.append(holder)
    lab.equal(holder.stdout.readline(), "held\n", "a worker that is held")
    lab.eventually(lambda: unit.get("NRestarts") == "1", "a node whose worker stands still is restarted", 20)
    unit.becomes("active (running)")
    lab.check(unit.get("MainPID") != pid, "the process whose worker stood still is there yet")
    machine.write("/etc/lanes/demo.yaml", NODE)
    unit.control("restart")


def is_upgraded(machine, unit):
    pid = unit.get("MainPID")
    said = machine.call("dpkg", "-i", "/package.deb")
    lab.check("still running the version before: systemctl restart lanes@demo.service" in said,
              f"the upgrade said {said}")
    lab.equal((unit.get("MainPID"), unit.state()), (pid, "active (running)"), "after an upgrade")


def stops(unit):
    unit.control("stop")
    lab.equal((unit.state(), unit.get("Result"), unit.get("ExecMainStatus")),
              ("inactive (dead)", "success", "0"), "a node that was stopped")
    unit.says("node demo is stopping")
    unit.says("frames: received ")


def is_removed(machine, unit):
    """What runs is stopped first, and what is enabled is not looked for at the next boot."""
    unit.control("enable", "--now")
    unit.becomes("active (running)")
    machine.call("dpkg", "--purge", "lanes")
    lab.equal(unit.get("LoadState"), "not-found", "the unit of a purged package")
    machine.call("sh", "-c", "! pgrep -x lanes")
    for path in ("/var/lib/lanes", "/run/lanes", "/etc/lanes/README",
                 "/etc/systemd/system/multi-user.target.wants/lanes@demo.service"):
        machine.call("sh", "-c", f"! test -e {path} && ! test -L {path}")


def service(world, package):
    if shutil.which("systemd-nspawn") is None:
        raise lab.Skip("the package is good, but systemd-nspawn is not installed to start its unit")
    machine = Machine(world, "booted")
    try:
        machine.boot()
        machine.beside("cp", str(package), f"{machine.root}/package.deb")
        machine.call("dpkg", "-i", "/package.deb")
        lab.equal(machine.call("systemctl", "list-units", "--plain", "--no-legend", "lanes@*"), "",
                  "units that an installation started")
        prepare(machine)
        machine.call("mkdir", "/etc/systemd/system/lanes@.service.d")
        machine.write("/etc/systemd/system/lanes@.service.d/test.conf", IMPATIENT)
        machine.call("systemctl", "daemon-reload")
        unit = Unit(machine)
        began = time.monotonic()
        starts(machine, unit)
        is_hardened(machine, unit)
        is_managed(machine)
        reloads(machine, unit)
        is_watched(machine, unit, began)
        is_watched_by_worker(world, machine, unit)
        is_upgraded(machine, unit)
        stops(unit)
        is_removed(machine, unit)
    except lab.Failed:
        if machine.leader:
            print(machine.call("journalctl", "--no-pager", "--lines=60", fails=True))
        raise
    finally:
        machine.close()


def scenario(world):
    package = make(world)
    looks_right(package)
    install_and_purge(world, package)
    service(world, package)


if __name__ == "__main__":
    lab.run(scenario)
