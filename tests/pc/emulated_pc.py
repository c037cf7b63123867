#!/usr/bin/python3
"""`lanes` on a PC with real (emulated) cards: qemu emulates a machine with an IOMMU, an e1000e and a
virtio-net card, Debian's kernel binds both to vfio-pci, and one node drives them with DPDK.

    test === UDP === e1000e --[ lanes: patches, addresses of its own ]-- virtio-net === UDP === test

Everything is software emulation, so this takes a minute or more and says nothing of speed. It is not
part of the test run; by hand:

    tests/pc/emulated_pc.py [--build FOLDER] [--verbose]

Skips by name, with exit status 77, where qemu, a Debian kernel with its modules, or busybox is
missing: apt-get install qemu-system-x86 linux-image-amd64 busybox-static. Needs no privileges.
"""

import argparse
import gzip
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77
DRIVERS = ("bus_pci", "bus_vdev", "mempool_ring", "net_e1000", "net_virtio")
CARDS = ("0000:00:04.0", "0000:00:05.0")
MACS = ("52:54:00:00:00:04", "52:54:00:00:00:05")
TEST_MAC = bytes.fromhex("525400000099")
BOOT_SECONDS, ANSWER_SECONDS = 240, 20
FRAMES = 200

NODE = f"""
node: pc
workers: 1
poll: busy
dpdk: {{eal: ["-m", "128"]}}
ports:
  a: {{driver: dpdk, device: "{CARDS[0]}", address: 192.0.2.1/24}}
  b: {{driver: dpdk, device: "{CARDS[1]}", address: 198.51.100.1/24}}
lanes:
  - {{name: there, patch: {{from: a, to: b}}}}
  - {{name: back, patch: {{from: b, to: a}}}}
"""
INIT = f"""#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /var/run /dev/hugepages
/bin/busybox --install -s /bin
chmod 755 /  # the EAL loads no drivers from below a folder that everybody may write to
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/hugepages; mount -t hugetlbfs huge /dev/hugepages
echo 128 > /proc/sys/vm/nr_hugepages
for module in $(cat /modules/order); do insmod /modules/$module; done
for card in {' '.join(CARDS)}; do
    echo vfio-pci > /sys/bus/pci/devices/$card/driver_override
    echo $card > /sys/bus/pci/drivers_probe
done
echo "groups: $(ls /sys/kernel/iommu_groups | wc -l)"
(lanes /node.yaml; echo "lanes ended with status $?") &
read line
killall -TERM lanes; wait
poweroff -f
"""


class Skip(Exception):
    pass


def need(path, package):
    if not path or not pathlib.Path(path).exists():
        raise Skip(f"no {path or package}; apt-get install {package}")
    return pathlib.Path(path)


def newest_kernel():
    kernels = sorted(pathlib.Path("/boot").glob("vmlinuz-*-amd64"),
                     key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)])
    if not kernels:
        raise Skip("no kernel in /boot; apt-get install linux-image-amd64")
    return kernels[-1], pathlib.Path("/lib/modules") / kernels[-1].name.split("-", 1)[1]


def modules_for(folder, name):
    """The files of a module and of what it needs, those first."""
    for line in need(folder / "modules.dep", "linux-image-amd64").read_text().splitlines():
        target, _, others = line.partition(":")
        if pathlib.Path(target).name == name:
            return [folder / other for other in reversed(others.split())] + [folder / target]
    raise Skip(f"the kernel has no module {name}")


def libraries_of(program):
    out = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    return {pathlib.Path(path) for path in re.findall(r"(/\S+) \(0x", out)}


class Archive:
    """An initramfs: cpio, format newc (Linux, Documentation/driver-api/early-userspace)."""

    def __init__(self):
        self.out, self.inode = bytearray(), 0
        self.folders, self.names = set(), set()

    def entry(self, name, mode, data=b""):
        self.inode += 1
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        self.out += b"070701" + b"".join(b"%08X" % field for field in fields)
        self.out += name.encode() + b"\0"
        self.out += bytes(-len(self.out) % 4) + data
        self.out += bytes(-len(self.out) % 4)

    def file(self, name, data, mode=0o100755):
        if name in self.names:
            return
        self.names.add(name)
        parent = pathlib.PurePosixPath(name).parent
        for folder in [*reversed(parent.parents), parent]:
            if str(folder) != "." and folder not in self.folders:
                self.folders.add(folder)
                self.entry(str(folder), 0o040755)
        self.entry(name, mode, data)

    def close(self):
        self.entry("TRAILER!!!", 0)
        return gzip.compress(bytes(self.out), 1)


def initramfs(lanes, busybox, modules):
    archive = Archive()
    archive.entry("dev", 0o040755)
    archive.folders.add(pathlib.PurePosixPath("dev"))
    archive.file("init", INIT.encode())
    archive.file("node.yaml", NODE.encode(), 0o100644)
    archive.file("bin/busybox", busybox.read_bytes())
    archive.file("bin/lanes", lanes.read_bytes())
    folder = need(next(iter(sorted(pathlib.Path("/usr/lib/x86_64-linux-gnu/dpdk")
                                   .glob("pmds-*"))), None), "libdpdk-dev")
    drivers = [next(folder.glob(f"librte_{name}.so.*.*")) for name in DRIVERS]
    libraries = set()
    for program in (lanes, *drivers):
        libraries |= libraries_of(program)
    # The EAL loads what it finds in its folder; what is a library of `lanes` too must be one file,
    # because loaded twice it ends the program.
    for path in sorted(libraries | set(drivers)):
        real = path.resolve()
        archive.file(str(real).lstrip("/"), real.read_bytes())
        if path != real:
            archive.file(str(path).lstrip("/"), str(real).encode(), 0o120777)
    archive.file("modules/order", "\n".join(path.name for path in modules).encode(), 0o100644)
    for path in modules:
        archive.file(f"modules/{path.name}", path.read_bytes(), 0o100644)
    return archive.close()


class Cable:
    """One end of a card's cable: each datagram is an Ethernet frame."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            self.far = other.getsockname()

    def option(self, name):
        near, far = self.socket.getsockname()[1], self.far[1]
        return f"socket,id={name},udp=127.0.0.1:{near},localaddr=127.0.0.1:{far}"

    def send(self, frame):
        self.socket.sendto(frame, self.far)

    def receive(self, wanted, seconds=ANSWER_SECONDS):
        """The first frame that is wanted, or None."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                frame = self.socket.recv(65536)
            except TimeoutError:
                break
            if wanted(frame):
                return frame
        return None


class Machine:
    def __init__(self, kernel, archive, cables, verbose):
        command = [
            "qemu-system-x86_64", "-machine", "q35", "-cpu", "max", "-m", "1024", "-smp", "2",
            "-display", "none", "-nodefaults", "-no-reboot", "-serial", "stdio",
            "-kernel", str(kernel), "-initrd", str(archive),
            "-append", "console=ttyS0 quiet panic=-1 intel_iommu=on iommu=nopt",
            "-device", "intel-iommu,intremap=on,aw-bits=48",
            "-netdev", cables[0].option("a"),
            "-device", f"e1000e,netdev=a,mac={MACS[0]},addr=4",
            "-netdev", cables[1].option("b"),
            "-device", f"virtio-net-pci,netdev=b,mac={MACS[1]},addr=5,disable-legacy=on,"
                       "iommu_platform=on"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.text, self.verbose = "", verbose
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while chunk := self.process.stdout.read1(4096):
            text = chunk.decode(errors="replace").replace("\r", "")
            self.text += text
            if self.verbose:
                print(text, end="", flush=True)

    def wait_for(self, text, seconds):
        end = time.monotonic() + seconds
        while text not in self.text:
            check(self.process.poll() is None and "lanes ended" not in self.text,
                  f"the end came before the machine said `{text}`", self)
            check(time.monotonic() < end, f"the machine did not say `{text}`", self)
            time.sleep(0.1)

    def stop(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        self.wait_for("lanes ended with status 0", 60)

    def close(self):
        self.process.kill()
        self.process.wait()


def check(true, what, machine):
    if not true:
        sys.exit(f"emulated_pc: FAILED: {what}\n--- the console:\n{machine.text[-6000:]}")


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def numbered(number):
    head = bytes.fromhex("0200000000aa") + TEST_MAC + struct.pack("!HI", 0x88b6, number)
    return head + bytes(i & 0xff for i in range(number, number + 100 + number))


def through(cables, machine):
    """Frames of several sizes, one after the other, unchanged and in order."""
    for number in range(FRAMES):
        frame = numbered(number)
        cables[0].send(frame)
        got = cables[1].receive(lambda f: f[12:14] == b"\x88\xb6")
        check(got == frame, f"frame {number} came out as {got and got.hex()}", machine)


def asks(cable, own_ip, own_mac, machine):
    """ARP and ping of the port's own address are answered by the node: there is no kernel."""
    us, node = socket.inet_aton(own_ip.rsplit(".", 1)[0] + ".9"), socket.inet_aton(own_ip)
    mac = bytes.fromhex(own_mac.replace(":", ""))
    cable.send(b"\xff" * 6 + TEST_MAC + struct.pack("!HHHBBH", 0x806, 1, 0x800, 6, 4, 1) +
               TEST_MAC + us + bytes(6) + node + bytes(18))
    answer = cable.receive(lambda f: f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2")
    check(answer and answer[22:28] == mac and answer[28:32] == node,
          f"ARP for {own_ip} was answered with {answer and answer.hex()}", machine)
    echo = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + bytes(range(56))
    echo = echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(echo), 1, 0, 64, 1, 0) + us + node
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    cable.send(mac + TEST_MAC + b"\x08\x00" + ip + echo)
    pong = cable.receive(lambda f: f[12:14] == b"\x08\x00" and f[23] == 1 and f[34] == 0)
    check(pong and pong[26:34] == node + us and pong[38:98] == echo[4:64],
          f"ping of {own_ip} was answered with {pong and pong.hex()}", machine)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--verbose", action="store_true", help="show the machine's console")
    options = parser.parse_args()
    try:
        need(shutil.which("qemu-system-x86_64"), "qemu-system-x86")
        kernel, folder = newest_kernel()
        busybox = need("/bin/busybox", "busybox-static")
        modules = modules_for(folder, "vfio-pci.ko")
        modules += [m for m in modules_for(folder, "vfio_iommu_type1.ko") if m not in modules]
        lanes = options.build / "tools" / "lanes"
        if not lanes.exists():
            raise Skip(f"no {lanes}; build it, or say --build FOLDER")
    except Skip as why:
        print(f"emulated_pc: skipped: {why}")
        sys.exit(SKIPPED)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        archive = pathlib.Path(work) / "initramfs"
        archive.write_bytes(initramfs(lanes, busybox, modules))
        cables = (Cable(), Cable())
        machine = Machine(kernel, archive, cables, options.verbose)
        try:
            machine.wait_for("node pc is running", BOOT_SECONDS)
            check("groups: 0" not in machine.text, "the IOMMU is not in use", machine)
            through(cables, machine)
            through(cables[::-1], machine)
            asks(cables[0], "192.0.2.1", MACS[0], machine)
            asks(cables[1], "198.51.100.1", MACS[1], machine)
            machine.stop()
        finally:
            machine.close()
    print(f"emulated_pc: passed in {time.monotonic() - began:.0f} s: {2 * FRAMES} frames through "
          "e1000e and virtio-net, ARP and ping answered on both")


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    main()
