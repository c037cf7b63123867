"""sealing: the sending end of a sealed lane, as far as test vectors need it: makes announcements
and packets from given keys and given random bytes, with all values on the way there. Written from
lanes/PROTOCOL.md; shares lanes1.py with the receiver, and nothing with the engine.
"""

import struct

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

import lanes1
from lanes1 import Keys, Noise, SubspaceKey, ZEROS


def payload_of(terms):
    """`terms` is a dict with the fields of lanes1.Terms; what is missing is zero."""
    return struct.pack(lanes1.Terms.LAYOUT, terms["epoch"], terms["suite"], terms["mode"],
                       terms["subspaces"], terms["lead_ms"], terms["lifetime_ms"],
                       terms["max_inner"], 0, terms["run_id"], bytes(4), terms["secret"])


def announce(keys, lane, stamp, terms, random, epoch8=None):
    """`random`: the ephemeral private key, or e in mode secret. Returns {name: bytes}, in the order
    in which they come to be; the last is the packet."""
    made = {"header": lanes1.header(lanes1.ANNOUNCE, terms["epoch"] if epoch8 is None else epoch8,
                                    0, lane, stamp), "payload": payload_of(terms)}
    (_by_keys if keys.mode == lanes1.MODE_KEYS else _by_secret)(keys, made, random)
    receiver = keys.peer if keys.mode == lanes1.MODE_KEYS else ZEROS
    made["mac1_key"] = lanes1.mac1_key(keys.psk, receiver)
    covered = made["header"] + made["e"] + made["sealed"]
    made["mac1"] = lanes1.mac1(keys.psk, receiver, covered)
    made["packet"] = covered + made["mac1"]
    return made


def _by_keys(keys, made, ephemeral):
    one_time = Keys(private=ephemeral)
    noise = Noise(b"lanes/1" + made["header"], keys.own, keys.peer, keys.psk)
    made |= {"h_after_psk": noise.h, "ck_after_psk": noise.ck, "e": one_time.own}
    noise.mix_ephemeral(one_time.own)
    made |= {"h_after_e": noise.h, "ck_after_e": noise.ck, "es": one_time.agree(keys.peer)}
    noise.mix_key(made["es"])
    made |= {"ck_after_es": noise.ck, "ss": keys.agree(keys.peer)}
    noise.mix_key(made["ss"])
    cipher, nonce = noise.cipher()
    made |= {"key": noise.k, "associated": noise.h,
             "sealed": cipher.encrypt(nonce, made["payload"], noise.h)}


def _by_secret(keys, made, e):
    made |= {"e": e, "key": lanes1.secret_mode_key(keys.psk, e), "associated": made["header"] + e}
    cipher = ChaCha20Poly1305(made["key"])
    made["sealed"] = cipher.encrypt(bytes(12), made["payload"], made["associated"])


def inner(kind, body):
    return struct.pack(">BBH", kind, 0, len(body)) + body


def fragments(number, whole, stride):
    """The bodies of all pieces of the inner packet `whole`."""
    count = -(-len(whole) // stride)
    return [struct.pack(">IBBH", number, i, count, stride) + whole[i * stride:(i + 1) * stride]
            for i in range(count)]


def heartbeat(now, following):
    return struct.pack(f">QH{len(following)}Q", now, len(following), *following)


class Sender:
    """Seals packets of one session."""

    def __init__(self, lane, terms):
        self.lane, self.terms = lane, terms

    def seal(self, subspace, sequence, plain, pad=True):
        """`plain` is an inner packet; returns {name: bytes}, the packet last."""
        key = SubspaceKey(self.terms["secret"], self.lane, self.terms["epoch"], subspace,
                          self.terms["suite"])
        if pad:
            plain = plain.ljust(46 - lanes1.HEADER - lanes1.TAG, b"\0")
        head = lanes1.header(lanes1.DATA, self.terms["epoch"], subspace, self.lane, sequence)
        nonce = key.nonce(sequence)
        sealed = key.aead.encrypt(nonce, plain, head)
        return {"key": key.key, "iv": key.iv, "nonce": nonce, "associated": head,
                "plaintext": plain, "ciphertext": sealed[:-lanes1.TAG],
                "tag": sealed[-lanes1.TAG:], "packet": head + sealed}

    def packet(self, subspace, sequence, kind, body):
        return self.seal(subspace, sequence, inner(kind, body))["packet"]
