"""fastd, with the fastest of its methods that encrypt and authenticate (measured on an AMD Zen 5
beside aes128-gcm, aes128-ctr+umac, salsa2012+gmac and salsa20+poly1305), and with none."""

import re

import bed as beds
import lab
import peer

CONFIG = """
mode tap;
interface "fastd0";
persist interface no;
method "{method}";
mtu {mtu};
bind {local}:10000;
secret "{secret}";
log level verbose;
peer "other" {{ key "{public}"; remote {remote}:10000; }}
"""


class Fastd(peer.Peer):
    programs, package = ("fastd",), "fastd"

    def __init__(self, name, kind, method, settings):
        self.name, self.kind, self.method, self.settings = name, kind, method, settings
        self.daemons = peer.Daemons()
        self.hosts = []

    def start(self, bed):
        self.hosts = [bed.host(name) for name in beds.UNDERLAY]
        local = list(beds.UNDERLAY.values())
        if "fastd" not in bed.keys:
            bed.keys["fastd"] = [self._new_keys() for _ in local]
        keys = bed.keys["fastd"]
        for own, host in enumerate(self.hosts):
            file = bed.world.dir / f"{bed.fresh(self.name)}.conf"
            file.touch(mode=0o600)
            file.write_text(CONFIG.format(method=self.method, mtu=beds.MTU, local=local[own],
                                          remote=local[1 - own], secret=keys[own]["Secret"],
                                          public=keys[1 - own]["Public"]))
            self.daemons.start(bed, host, bed.cores[own], "fastd", "--config", str(file))
            peer.bring_up(host, "fastd0", f"10.8.0.{own + 1}/24", beds.MTU)
        self.daemons.wait_for(f"established using method `{self.method}'", timeout=30)
        return bed.ends("fastd0")

    @staticmethod
    def _new_keys():
        return dict(re.findall(r"(Secret|Public): (\w+)", lab.command("fastd", "--generate-key")))

    def stop(self):
        self.daemons.stop()
        for host in self.hosts:
            peer.gone(host, "fastd0")


def peers():
    return [
        Fastd("fastd", "sealed", "salsa2012+umac", "salsa2012+umac, Ethernet in UDP over IPv4"),
        Fastd("fastd-null", "clear", "null", "method null, Ethernet in UDP over IPv4"),
    ]
