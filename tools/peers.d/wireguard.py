"""wireguard-go: WireGuard in user space, by its authors. (The kernel's own, where it is built in,
is another program and is not measured here.) `wg` configures it through a socket in /run/wireguard,
which all namespaces share: so the devices have names of this run, and the sockets are removed.
"""

import os
import pathlib

import bed as beds
import lab
import peer

SOCKETS = pathlib.Path("/run/wireguard")


class WireguardGo(peer.Peer):
    name, kind = "wireguard-go", "sealed"
    settings = "ChaCha20-Poly1305, IP in UDP over IPv4, GOMAXPROCS follows its one core"
    programs, package = ("wireguard-go", "wg"), "wireguard-go"

    def __init__(self):
        self.daemons = peer.Daemons()
        self.devices = [f"lw{os.getpid()}{end}" for end in "ab"]

    def start(self, bed):
        self.hosts = [bed.host(name) for name in beds.UNDERLAY]
        public = [self._keys(bed, own) for own in (0, 1)]
        for host, device, core in zip(self.hosts, self.devices, bed.cores):
            self.daemons.start(bed, host, core, "wireguard-go", "-f", device,
                               env={**os.environ, "WG_PROCESS_FOREGROUND": "1"})
        local = list(beds.UNDERLAY.values())
        for own, (host, device) in enumerate(zip(self.hosts, self.devices)):
            lab.eventually((SOCKETS / f"{device}.sock").exists, "wireguard-go listens", 10)
            host.run("wg", "set", device, "listen-port", "51820", "private-key",
                     str(bed.world.dir / f"wireguard{own}.key"), "peer", public[1 - own],
                     "endpoint", f"{local[1 - own]}:51820", "allowed-ips", "10.8.0.0/24")
            peer.bring_up(host, device, f"10.8.0.{own + 1}/24", beds.MTU)
        return bed.ends(*self.devices)

    @staticmethod
    def _keys(bed, own):
        """Makes the private key of an end when there is none; returns the public one."""
        file = bed.world.dir / f"wireguard{own}.key"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(lab.command("wg", "genkey"))
        return lab.command("sh", "-c", 'wg pubkey < "$0"', str(file)).strip()

    def stop(self):
        self.daemons.stop()
        for device in self.devices:
            (SOCKETS / f"{device}.sock").unlink(missing_ok=True)
        for host, device in zip(getattr(self, "hosts", ()), self.devices):
            peer.gone(host, device)
