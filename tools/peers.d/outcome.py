"""What tools/compare-peers found, as a table for people and as one JSON object of the shape that
lanes-bench has: `environment`, and `results`, a list whose rows name their case, metric and units.
"""

import datetime
import os
import pathlib
import platform
import statistics

import lab
from peer import debian_version

MEASURES = {
    "tcp": ("TCP goodput, iperf3", "bits_per_second", "bit/s", "higher"),
    "rate": ("packets delivered, 64 bytes", "packets_per_second", "packets/s", "higher"),
    "ping": ("ping, median", "seconds", "s", "lower"),
    "ping_p99": ("ping, 99th percentile", "seconds", "s", "lower"),
}
FLAGS = ("aes", "avx2", "avx512f", "vaes", "vpclmulqdq")
# Which of Lanes a peer of a kind is compared with.
OURS = {"sealed": ("lanes-sealed", "lanes-sealed-udp", "lanes-chacha"),
        "clear": ("lanes-clear", "lanes-clear-udp"), "forwarder": ("lanes-patch",)}
NOTES = (
    "`of veth` is the quotient to plain veth of the same round. Forwarders stand in a topology of "
    "their own (three namespaces, frames forwarded, no tunnel, a core that polls): compare them "
    "with each other only.",
    "Packet rate: tunnels get datagrams of 18 bytes from the kernel's UDP, forwarders frames of 60 "
    "bytes from a packet socket, both 64 bytes on a wire, more than most can carry; what the far "
    "device received counts. Where source and tunnel share a core, both pay.",
)


def median_and_mad(values):
    """Median, and median absolute deviation in per cent of it; None of a single value."""
    middle = statistics.median(values)
    if len(values) < 2:
        return middle, None
    deviation = statistics.median(abs(value - middle) for value in values)
    return middle, 100 * deviation / middle if middle else 0.0


def quotient(peer, other, measure):
    """Median of the quotients of the rounds: the two had their turns shortly after each other."""
    return statistics.median(a[measure] / b[measure] for a, b in
                             zip(peer["rounds"], other["rounds"]) if b[measure])


def advantage(lanes, peer, measure):
    """How many times better Lanes is; below 1 it is worse."""
    found = quotient(lanes, peer, measure)
    return found if MEASURES[measure][3] == "higher" else 1 / found


class Outcome:
    def __init__(self, options):
        self.options = options
        self.peers = {}  # name -> {kind, settings, version, rounds: [{measure: value}]}
        self.skipped, self.failed, self.remarks = {}, {}, []
        self._steal, self._load = steal_seconds(), os.getloadavg()[0]

    def add(self, peer, values):
        found = self.peers.setdefault(peer.name, {
            "kind": peer.kind, "settings": peer.settings, "version": peer.version(), "rounds": []})
        found["rounds"].append(values)

    def pairs(self):
        """(Lanes, peer) that are compared, as names."""
        return [(ours, name) for name, peer in self.peers.items() if not name.startswith("lanes-")
                for ours in OURS.get(peer["kind"], ()) if ours in self.peers]

    def rows(self):
        for name, peer in self.peers.items():
            for measure, (what, metric, unit, better) in MEASURES.items():
                samples = [values[measure] for values in peer["rounds"]]
                middle, mad = median_and_mad(samples)
                row = {"case": f"{name}: {what}", "metric": metric, "better": better,
                       "peer": name, "kind": peer["kind"], metric: middle, "mad_percent": mad,
                       "samples": samples, "units": {metric: unit, "mad_percent": "%"}}
                if "veth" in self.peers:
                    row["ratio_to_veth"] = quotient(peer, self.peers["veth"], measure)
                yield row

    def ratios(self):
        for ours, name in self.pairs():
            yield {"lanes": ours, "peer": name, "kind": self.peers[name]["kind"],
                   **{f"{measure}_times_better":
                      advantage(self.peers[ours], self.peers[name], measure)
                      for measure in MEASURES}}

    def to_json(self):
        details = {name: {key: peer[key] for key in ("kind", "settings", "version")}
                   for name, peer in self.peers.items()}
        return {"command": "compare-peers", "environment": self.environment(), "peers": details,
                "results": list(self.rows()), "ratios": list(self.ratios()),
                "skipped": self.skipped, "failed": self.failed,
                "remarks": [*self.remarks, *NOTES]}

    def environment(self):
        cpu = pathlib.Path("/proc/cpuinfo").read_text()
        fields = dict(map(str.strip, line.split(":", 1)) for line in
                      cpu.split("\n\n")[0].splitlines() if ":" in line)
        flags = fields.get("flags", "").split()
        governor = pathlib.Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
        return {
            "cpu": fields.get("model name"), "cpu_flags": [flag for flag in FLAGS if flag in flags],
            "cores": os.cpu_count(), "hypervisor": "hypervisor" in flags,
            "commit": commit(), "lanes_program": lab.LANES,
            "iperf3": debian_version("iperf3"),
            "governor": governor.read_text().strip() if governor.exists() else None,
            "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
            "versions": {name: peer["version"] for name, peer in self.peers.items()},
            "options": vars(self.options), "load_before": self._load,
            "steal_seconds": steal_seconds() - self._steal,
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}

    def table(self):
        yield from self._values()
        yield from self._advantages()
        yield ""
        for name, peer in self.peers.items():
            yield f"{name}: {peer['version']}; {peer['settings']}"
        for kind, found in (("skipped", self.skipped), ("FAILED", self.failed)):
            for name, reason in found.items():
                yield f"{name}: {kind}: {reason}"
        yield from self.remarks
        yield from NOTES

    def _values(self):
        rounds = max((len(peer["rounds"]) for peer in self.peers.values()), default=0)
        yield (f"median of {rounds} rounds +- median absolute deviation" if rounds > 1 else
               "one round: no deviation is known")
        lines = [("peer", "kind", "TCP Gbit/s", "", "of veth", "64 B Mpps", "", "of veth",
                  "ping us", "", "of veth", "p99 us", "of veth")]
        for name, peer in self.peers.items():
            line = [name, peer["kind"]]
            for measure, scale, digits in (("tcp", 1e-9, 3), ("rate", 1e-6, 4), ("ping", 1e6, 0),
                                           ("ping_p99", 1e6, 0)):
                middle, mad = median_and_mad([values[measure] for values in peer["rounds"]])
                line.append(f"{middle * scale:.{digits}f}")
                if measure != "ping_p99":
                    line.append("" if mad is None else f"+-{mad:.0f} %")
                veth = self.peers.get("veth")
                line.append(f"{quotient(peer, veth, measure):.3f}" if veth else "-")
            lines.append(line)
        yield from aligned(lines)

    def _advantages(self):
        lines = [("Lanes", "beside", "TCP", "64 B", "ping", "p99")]
        lines += [(ours, name, *(f"{advantage(self.peers[ours], self.peers[name], measure):.2f}"
                                 for measure in MEASURES)) for ours, name in self.pairs()]
        if len(lines) > 1:
            yield ""
            yield "times better than: above 1 Lanes carries more, or answers faster"
            yield from aligned(lines)


def aligned(lines):
    widths = [max(map(len, column)) for column in zip(*lines)]
    for index, line in enumerate(lines):
        words = [word.ljust(width) if place < 2 else word.rjust(width)
                 for place, (word, width) in enumerate(zip(line, widths))]
        yield "  ".join(words).rstrip()
        if index == 0:
            yield "-" * (sum(widths) + 2 * len(widths) - 2)


def commit():
    """Of the source tree; a build may be older."""
    try:
        return lab.command("git", "-C", str(lab.ROOT), "rev-parse", "HEAD").strip()
    except (lab.Failed, OSError):
        return None


def steal_seconds():
    """What the hypervisor took from all cores since the machine started."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")
