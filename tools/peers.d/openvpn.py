"""OpenVPN between two peers: TLS with certificates that each knows the other's fingerprint of, UDP,
AES-256-GCM for the data. Without the kernel's data channel offload, which Debian 12's kernels lack.
"""

import bed as beds
import lab
import peer

CIPHER = "AES-256-GCM"


class Openvpn(peer.Peer):
    name, kind = "openvpn", "sealed"
    settings = f"{CIPHER}, TLS by peer fingerprint, IP in UDP over IPv4, fast-io, no compression"
    programs, package = ("openvpn", "openssl"), "openvpn"

    def __init__(self):
        self.daemons = peer.Daemons()
        self.hosts = []

    def start(self, bed):
        self.hosts = [bed.host(name) for name in beds.UNDERLAY]
        names, local = list(beds.UNDERLAY), list(beds.UNDERLAY.values())
        prints = [self._certificate(bed, name) for name in names]
        overlay = [beds.NEAR, beds.FAR]
        for own, host in enumerate(self.hosts):
            other = 1 - own
            role = ("--tls-client",) if own == 0 else ("--tls-server", "--dh", "none")
            self.daemons.start(
                bed, host, bed.cores[own], "openvpn", "--dev", "tun0", "--proto", "udp4",
                "--local", local[own], "--remote", local[other], "--port", "1194", *role,
                "--cert", str(bed.world.dir / f"openvpn-{names[own]}.pem"),
                "--key", str(bed.world.dir / f"openvpn-{names[own]}.key"),
                "--peer-fingerprint", prints[other], "--data-ciphers", CIPHER,
                "--ifconfig", overlay[own], overlay[other], "--tun-mtu", str(beds.MTU),
                "--mssfix", "0", "--allow-compression", "no", "--disable-dco", "--fast-io",
                "--txqueuelen", "1000", "--verb", "3")
        self.daemons.wait_for("Initialization Sequence Completed")
        self.daemons.wait_for(f"Data Channel: cipher '{CIPHER}'")
        return bed.ends("tun0")

    @staticmethod
    def _certificate(bed, name):
        """Makes a certificate when there is none; returns its fingerprint."""
        certificate = bed.world.dir / f"openvpn-{name}.pem"
        key = bed.world.dir / f"openvpn-{name}.key"
        if not certificate.exists():
            key.touch(mode=0o600)
            lab.command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key), "-out",
                        str(certificate), "-days", "2", "-subj", f"/CN={name}")
        out = lab.command("openssl", "x509", "-in", str(certificate), "-noout", "-fingerprint",
                          "-sha256")
        return out.split("=", 1)[1].strip()

    def stop(self):
        self.daemons.stop()
        for host in self.hosts:
            peer.gone(host, "tun0")
