#!/usr/bin/python3
"""Writes the test vectors of Lanes/1 into this folder (or the one that is given), and nothing else.

    tests/vectors/generate.py [FOLDER]
    tests/vectors/generate.py --examples        prints those of lanes/PROTOCOL.md instead

Made by an implementation in Python (tests/python) that shares no code with the engine. Nothing is
random: every secret is the SHA-256 of its name, so each run writes the same bytes. README.md says
what the fields are.
"""

import json
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
import lanes1  # noqa: E402
import sealing  # noqa: E402
import streams  # noqa: E402
from cast import frame, ip_packet, keys_of, named, terms_of  # noqa: E402

SUBSPACES = [  # lane, epoch, subspace, suite
    (101, 7, 0, 1), (101, 7, 0, 2), (101, 7, 1, 1), (101, 7, 0xFFFF, 1), (101, 7, 0xFFFF, 2),
    (101, 0x01020307, 0, 1), (0xFFFFFFFF, 0xFFFFFFFF, 63, 2),
]
SEQUENCES = [0, 1, 63, 0x0102030405060708, 2**64 - 1]


def texts(values):
    return {name: value.hex() for name, value in values.items()}


def announcements():
    """Both modes, with and without psk, both suites, and one session told to two receivers."""
    stamp = 1_800_000_000 * lanes1.SECOND >> 24 << 24
    terms = terms_of(epoch=7, subspaces=2, lead_ms=100)
    chacha = terms_of(epoch=0x010203FF, suite=2, subspaces=64, lead_ms=10_000, lifetime_ms=630_000,
                      max_inner=8980)
    cases = [
        ("by keys, without a psk", "texas", "oslo", False, 101, terms),
        ("by keys, to a second receiver of the same session", "texas", "lima", False, 101, terms),
        ("by keys, with a psk", "texas", "oslo", True, 102, chacha),
        ("by shared secret", None, None, True, 103, terms | {"mode": 1}),
        ("by shared secret, the other suite", None, None, True, 0xFFFFFFFF, chacha | {"mode": 1}),
    ]
    for name, sender, receiver, psk, lane, of in cases:
        sending, receiving = keys_of(sender, receiver, psk), keys_of(receiver, sender, psk)
        random = named(f"ephemeral of: {name}")
        given = {"name": name, "lane": lane, "stamp": stamp,
                 "terms": {key: value for key, value in of.items() if key != "secret"},
                 "secret": of["secret"].hex(), "psk": sending.psk.hex() if psk else None}
        if sender:
            given |= {"sender_private": named(sender).hex(), "sender_public": sending.own.hex(),
                      "receiver_private": named(receiver).hex(),
                      "receiver_public": receiving.own.hex(), "ephemeral_private": random.hex()}
        yield given | texts(sealing.announce(sending, lane, stamp, of, random))


def subspace_keys():
    for lane, epoch, subspace, suite in SUBSPACES:
        key = lanes1.SubspaceKey(named("session"), lane, epoch, subspace, suite)
        yield {"secret": named("session").hex(), "lane": lane, "epoch": epoch,
               "subspace": subspace, "suite": suite,
               "info": (b"lanes/1 data" + struct.pack(">IIHB", lane, epoch, subspace,
                                                      suite)).hex(),
               "key": key.key.hex(), "iv": key.iv.hex(),
               "nonces": [{"sequence": s, "nonce": key.nonce(s).hex()} for s in SEQUENCES]}


def data_packets():
    """Bodies around the least length and around the blocks of the ciphers, and every kind."""
    bodies = [(f"an IPv4 packet of {n} bytes", 0, n, 1, ip_packet(n))
              for n in (1, 9, 10, 11, 12, 28, 44, 60, 61, 1420)]
    bodies += [(f"a frame of {n} bytes", 1, 2**33 + n, 3, frame(n)) for n in (14, 60, 1514)]
    bodies.append(("an IPv6 packet of 40 bytes", 0, 70, 2, b"\x60" + frame(39)))
    pieces = sealing.fragments(5, sealing.inner(3, frame(93)), 48)
    bodies += [(f"fragment {i} of 3, of {len(piece) - 8} bytes", 0, 100 + i, 6, piece)
               for i, piece in enumerate(pieces)]
    bundle = sealing.inner(3, frame(60)) + sealing.inner(3, frame(14))
    bodies.append(("a bundle of two frames", 0, 103, 7, bundle))
    beat = sealing.heartbeat(1_800_000_001 * lanes1.SECOND, [104, 0])
    bodies.append(("a heartbeat", 0xFFFF, 1, 0, beat))
    for suite in (1, 2):
        terms = terms_of(epoch=0x01020300 + 7, suite=suite, subspaces=2)
        sender = sealing.Sender(101, terms)
        for name, subspace, sequence, kind, body in bodies:
            made = sender.seal(subspace, sequence, sealing.inner(kind, body))
            yield {"name": name, "suite": suite, "secret": terms["secret"].hex(), "lane": 101,
                   "epoch": terms["epoch"], "subspace": subspace, "sequence": sequence,
                   "kind": kind, "body": body.hex(), **texts(made)}


def files():
    """{name: text}"""
    lists = {"announcements": announcements(), "subspace_keys": subspace_keys(),
             "data": data_packets(), "streams": streams.all_streams()}
    return {f"{name}.json": json.dumps(list(each), indent=1) + "\n"
            for name, each in lists.items()}


def lines(values, names):
    """A block of PROTOCOL.md: each value in hexadecimal, 32 bytes to the line."""
    block = []
    for name in names:
        text = values[name]
        rows = [text[i:i + 64] for i in range(0, len(text), 64)]
        block += [f"{name if not i else '':18}{row}" for i, row in enumerate(rows)]
    return "```\n" + "\n".join(block) + "\n```\n"


def examples():
    """The worked examples of PROTOCOL.md, as (title, block)."""
    told = {vector["name"]: vector for vector in announcements()}
    packets = {(vector["name"], vector["suite"]): vector for vector in data_packets()}
    result = ["header", "payload"]
    for name, between in (
            ("by keys, without a psk",
             ["sender_private", "sender_public", "receiver_private", "receiver_public",
              "ephemeral_private", *result, "h_after_psk", "ck_after_psk", "e", "h_after_e",
              "ck_after_e", "es", "ck_after_es", "ss"]),
            ("by shared secret", ["psk", *result, "e"])):
        yield name, lines(told[name], [*between, "key", "associated", "sealed", "mac1_key", "mac1",
                                       "packet"])
    sealed = ["secret", "key", "iv", "nonce", "associated", "plaintext", "ciphertext", "tag",
              "packet"]
    for name, suite in (("a frame of 60 bytes", 1), ("a frame of 60 bytes", 2),
                        ("fragment 2 of 3, of 1 bytes", 1), ("a heartbeat", 1)):
        yield f"{name}, suite {suite}", lines(packets[name, suite], sealed)


def main():
    if sys.argv[1:] == ["--examples"]:
        for title, block in examples():
            print(f"{title}\n{block}")
        return
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    for name, text in files().items():
        (folder / name).write_text(text)
        print(f"{folder / name}: {len(json.loads(text))} vectors")


if __name__ == "__main__":
    main()
