"""cast: who and what plays in the test vectors. Every secret is the SHA-256 of its name."""

import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
import lanes1  # noqa: E402


def named(name):
    return hashlib.sha256(b"lanes/1 test vectors: " + name.encode()).digest()


def public(name):
    return lanes1.Keys(private=named(name)).own


def keys_of(own, peer, psk):
    """What `own` holds towards `peer`; without names, by the shared secret alone."""
    return lanes1.Keys(own and named(own), peer and public(peer), named("psk") if psk else None)


def terms_of(epoch, suite=1, mode=0, subspaces=1, lead_ms=100, lifetime_ms=150_000, max_inner=1452,
             secret="session"):
    return {"epoch": epoch, "suite": suite, "mode": mode, "subspaces": subspaces,
            "lead_ms": lead_ms, "lifetime_ms": lifetime_ms, "max_inner": max_inner,
            "run_id": int.from_bytes(named("run")[:8], "big"), "secret": named(secret)}


def pattern(length, name="pattern"):
    """Bytes that no shorter pattern repeats."""
    return b"".join(named(f"{name} {i}") for i in range(length // 32 + 1))[:length]


def frame(length):
    """An Ethernet frame of `length` bytes, from 14 on; less for parts of one."""
    head = bytes.fromhex("02000000000202000000000188b6")
    return (head + pattern(max(0, length - 14), f"frame of {length}"))[:length]


def ip_packet(length):
    """Starts like IPv4, as a receiver asks; what follows is none of its business."""
    return (b"\x45" + pattern(length, f"packet of {length}"))[:length]
