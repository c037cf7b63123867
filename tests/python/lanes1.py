"""lanes1: the receiving end of a sealed lane, written from lanes/PROTOCOL.md alone.

It shares no code with the engine: that both deliver the same bytes shows that the text says what
the engine does. Plain rather than fast. Numbers in brackets are sections of PROTOCOL.md. Used by
receiver.py, and by ../vectors/generate.py, which adds the sending end.
"""

import hashlib
import hmac
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

DATA, ANNOUNCE = 0x11, 0x12
HEADER, INNER, TAG, ANNOUNCE_LEN, SEALED_MIN = 16, 4, 16, 144, 36
CONTROL = 0xFFFF
HEARTBEAT, IPV4, IPV6, ETHERNET, FRAGMENT, BUNDLE = 0, 1, 2, 3, 6, 7
CIPHERS = {"aes-256-gcm": 1, "chacha20-poly1305": 2}
AEADS = {1: AESGCM, 2: ChaCha20Poly1305}
MODE_KEYS, MODE_SECRET = 0, 1
ZEROS = bytes(32)
MS, SECOND = 10**6, 10**9


class Drop(Exception):
    """Why a packet goes no further; the text is the name of the drop or verdict."""


def header(kind, epoch, subspace, lane, sequence):
    return struct.pack(">BBHIQ", kind, epoch & 0xFF, subspace, lane, sequence)


def hkdf(salt, key, info, length):
    return HKDF(hashes.SHA256(), length, salt, info).derive(key)


def public_bytes(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


class Noise:
    """The symmetric state of Noise, 5.2, as far as one message of Kpsk0 needs it."""

    NAME = b"Noise_Kpsk0_25519_ChaChaPoly_SHA256"

    def __init__(self, prologue, sender, receiver, psk):
        self.h = self.ck = hashlib.sha256(self.NAME).digest()
        self.k = None
        self.mix_hash(prologue)
        self.mix_hash(sender)
        self.mix_hash(receiver)
        out = hkdf(self.ck, psk, b"", 96)
        self.ck, self.k = out[:32], out[64:]
        self.mix_hash(out[32:64])

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, data):
        out = hkdf(self.ck, data, b"", 64)
        self.ck, self.k = out[:32], out[32:]

    def mix_ephemeral(self, ephemeral):
        self.mix_hash(ephemeral)
        self.mix_key(ephemeral)

    def cipher(self):
        return ChaCha20Poly1305(self.k), bytes(12)


class Keys:
    """What one end holds. By keys: `private` and `peer`, and a psk if there is one. By secret:
    the psk alone."""

    def __init__(self, private=None, peer=None, psk=None):
        self.private = private and X25519PrivateKey.from_private_bytes(private)
        self.own = self.private and public_bytes(self.private)
        self.peer = peer
        self.psk = psk or ZEROS
        self.mode = MODE_KEYS if private else MODE_SECRET

    def agree(self, other):
        """X25519; raises ValueError when the result is zero."""
        return self.private.exchange(X25519PublicKey.from_public_bytes(other))


def mac1_key(psk, receiver):
    return hashlib.blake2b(b"lanes/1 mac1" + psk + receiver, digest_size=32).digest()


def mac1(psk, receiver, covered):
    return hashlib.blake2b(covered, digest_size=16, key=mac1_key(psk, receiver)).digest()


def secret_mode_key(psk, e):
    return hkdf(e, psk, b"lanes/1 psk announce", 32)


def open_announcement(keys, packet):
    """The 64 bytes of payload; raises Drop. [7.2, 7.3]"""
    head, e, sealed = packet[:16], packet[16:48], packet[48:128]
    try:
        if keys.mode == MODE_SECRET:
            cipher = ChaCha20Poly1305(secret_mode_key(keys.psk, e))
            return cipher.decrypt(bytes(12), sealed, head + e)
        noise = Noise(b"lanes/1" + head, keys.peer, keys.own, keys.psk)
        noise.mix_ephemeral(e)
        noise.mix_key(keys.agree(e))
        noise.mix_key(keys.agree(keys.peer))
        cipher, nonce = noise.cipher()
        return cipher.decrypt(nonce, sealed, noise.h)
    except (InvalidTag, ValueError):
        raise Drop("bad_auth") from None


class Terms:
    """The payload of an announcement. [7.1]"""

    LAYOUT = ">IBBHIIHHQ4s32s"

    def __init__(self, payload):
        (self.epoch, self.suite, self.mode, self.subspaces, self.lead_ms, self.lifetime_ms,
         self.max_inner, _, self.run_id, _, self.secret) = struct.unpack(self.LAYOUT, payload)

    def make_sense(self):
        return (1 <= self.subspaces <= 64 and 1 <= self.lifetime_ms <= 3_600_000 and
                self.lead_ms <= self.lifetime_ms)


class Acceptor:
    """Judges announcements. [9]"""

    def __init__(self, keys, suite, mark=0, resumable=()):
        self.keys, self.suite, self.mark = keys, suite, mark
        self.resumable = {entry["stamp"]: entry for entry in resumable}
        self.sessions = {}  # by epoch modulo 4
        self.spent = 0  # the time up to which tokens are spent

    def expire(self, boot):
        for place, session in list(self.sessions.items()):
            if boot >= session.end:
                del self.sessions[place]

    def forget_overtaken(self, unix):
        for stamp, entry in list(self.resumable.items()):
            there = self.sessions.get(entry["epoch"] % 4)
            if unix > stamp + 3600 * SECOND or (there and there.stamp > stamp):
                del self.resumable[stamp]

    def take_token(self, boot):
        spent = max(self.spent, boot - 5 * 100 * MS)
        if spent + 100 * MS > boot:
            raise Drop("rate_limited")
        self.spent = spent + 100 * MS

    def check_clock(self, stamp, unix):
        if stamp > unix + 3600 * SECOND or (self.mark == 0 and abs(stamp - unix) > 300 * SECOND):
            raise Drop("clock")

    def offer(self, packet, boot, unix, lane, window):
        """Makes a session of it, or raises Drop with the verdict."""
        self.expire(boot)
        if any(session.packet == packet for session in self.sessions.values()):
            raise Drop("repeat")
        stamp = struct.unpack_from(">Q", packet, 8)[0]
        self.forget_overtaken(unix)
        resumed = self.resumable.get(stamp)
        if stamp <= self.mark and not resumed:
            raise Drop("stale")
        receiver = self.keys.own or ZEROS
        if not hmac.compare_digest(mac1(self.keys.psk, receiver, packet[:128]), packet[128:]):
            raise Drop("bad_mac")
        self.take_token(boot)
        terms = Terms(open_announcement(self.keys, packet))
        self.check_clock(stamp, unix)
        if (terms.suite != self.suite or terms.mode != self.keys.mode or not terms.make_sense() or
                terms.epoch & 0xFF != packet[1]):
            raise Drop("wrong_terms")
        session = Session(packet, stamp, terms, lane, window)
        if resumed:
            del self.resumable[stamp]
            if resumed["epoch"] != terms.epoch or len(resumed["floors"]) != terms.subspaces + 1:
                raise Drop("stale")
            session.start_at(resumed["floors"])
        else:
            self.mark = stamp
            session.base = (0, 0) if self.sessions else None  # here before its first packet?
        self.install(session, boot)

    def install(self, session, boot):
        terms = session.terms
        session.end = boot + terms.lifetime_ms * MS
        for other in self.sessions.values():
            if other.stamp < session.stamp:
                other.end = min(other.end, boot + terms.lead_ms * MS + 5 * SECOND)
        self.sessions[terms.epoch % 4] = session


class Window:
    """Which numbers of a subspace were delivered. [5]"""

    def __init__(self, numbers):
        self.slots = {}  # slot -> (block, set of numbers)
        self.count = numbers // 64

    def judge(self, sequence):
        block, taken = self.slots.get(sequence // 64 % self.count, (-1, ()))
        if block > sequence // 64:
            raise Drop("replay_old")
        if sequence in taken:
            raise Drop("replay_duplicate")

    def take(self, sequence):
        block = sequence // 64
        held, taken = self.slots.get(block % self.count, (-1, set()))
        self.slots[block % self.count] = (block, taken | {sequence} if held == block
                                          else {sequence})

    def start_at(self, floor):
        last = floor // 64
        for block in range(max(0, last - self.count + 1), last + 1):
            numbers = range(block * 64, min(floor, block * 64 + 64))
            self.slots[block % self.count] = (block, set(numbers))


class SubspaceKey:
    """[6]"""

    def __init__(self, secret, lane, epoch, subspace, suite):
        info = b"lanes/1 data" + struct.pack(">IIHB", lane, epoch, subspace, suite)
        out = HKDFExpand(hashes.SHA256(), 44, info).derive(secret)
        self.key, self.iv = out[:32], out[32:]
        self.aead = AEADS[suite](self.key)

    def nonce(self, sequence):
        return bytes(a ^ b for a, b in zip(self.iv, bytes(4) + struct.pack(">Q", sequence)))


class Session:
    """The keys and windows of one epoch, and its books."""

    def __init__(self, packet, stamp, terms, lane, window):
        self.packet, self.stamp, self.terms, self.end = packet, stamp, terms, None
        numbers = [*range(terms.subspaces), CONTROL]
        self.keys = {s: SubspaceKey(terms.secret, lane, terms.epoch, s, terms.suite)
                     for s in numbers}
        self.windows = {s: Window(window) for s in numbers}
        self.accepted = 0  # data packets
        self.base = None  # (sent, accepted) when loss began to be counted
        self.lost = None

    def start_at(self, floors):
        for window, floor in zip(self.windows.values(), floors):
            window.start_at(floor)

    def heard(self, sent):
        """A heartbeat says how many data packets were sent. [13]"""
        self.base = self.base or (sent, self.accepted)
        self.lost = sent - self.base[0] - (self.accepted - self.base[1])


class Reassembly:
    """Puts fragments together. [11]"""

    def __init__(self):
        self.waiting = {}  # (subspace, id) -> [since, count, stride, {index: bytes}]
        self.given_up = 0

    def expire(self, boot):
        for key, (since, _, _, pieces) in list(self.waiting.items()):
            if boot - since > SECOND:
                self.given_up += len(pieces)
                del self.waiting[key]

    def take(self, subspace, body, boot):
        """The whole inner packet, or None."""
        if len(body) < 8:
            raise Drop("malformed_fragment")
        number, index, count, stride = struct.unpack_from(">IBBH", body)
        piece = body[8:]
        last = index == count - 1
        fits = 1 <= len(piece) <= stride if last else len(piece) == stride
        if (not 2 <= count <= 64 or index >= count or stride < 4 or not fits or
                index * stride + len(piece) > 65540):
            raise Drop("malformed_fragment")
        entry = self.waiting.setdefault((subspace, number), [boot, count, stride, {}])
        if entry[1:3] != [count, stride] or index in entry[3]:
            raise Drop("malformed_fragment")
        entry[3][index] = piece
        if len(entry[3]) < count:
            return None
        del self.waiting[subspace, number]
        return b"".join(entry[3][i] for i in range(count))


def split_inner(data):
    """(kind, body, what follows); raises Drop. [10]"""
    if len(data) < INNER:
        raise Drop("malformed_inner")
    kind, _, length = struct.unpack_from(">BBH", data)
    if INNER + length > len(data):
        raise Drop("malformed_inner")
    return kind, data[INNER:INNER + length], data[INNER + length:]


class Receiver:
    """One lane: packets in, payloads out. `kinds` are those that its port carries."""

    def __init__(self, lane, keys, suite, kinds=(IPV4, IPV6, ETHERNET), window=8192, **memory):
        self.lane, self.kinds, self.window = lane, kinds, window
        self.acceptor = Acceptor(keys, suite, **memory)
        self.reassembly = Reassembly()
        self.counts = {}

    def take(self, packet, boot, unix):
        """What came of a lane packet, as a list: (kind, payload) of what it delivers, and the name
        of a verdict or drop."""
        outcome = []
        self.acceptor.expire(boot)
        self.reassembly.expire(boot)
        try:
            self._take(packet, boot, unix, outcome)
        except Drop as drop:
            outcome.append(str(drop))
        for each in outcome:
            name = each if isinstance(each, str) else "delivered"
            self.counts[name] = self.counts.get(name, 0) + 1
        return outcome

    def _take(self, packet, boot, unix, outcome):
        if len(packet) < HEADER or packet[0] not in (DATA, ANNOUNCE):
            raise Drop("malformed_packet")
        kind, epoch, subspace, lane, sequence = struct.unpack_from(">BBHIQ", packet)
        if kind == ANNOUNCE and len(packet) != ANNOUNCE_LEN:
            raise Drop("malformed_packet")
        if lane != self.lane:
            raise Drop("unknown_lane")
        if kind == ANNOUNCE:
            self.acceptor.offer(packet, boot, unix, lane, self.window)
            outcome.append("accepted")
        else:
            self._data(packet, epoch, subspace, sequence, boot, outcome)

    def _data(self, packet, epoch, subspace, sequence, boot, outcome):
        session = self.acceptor.sessions.get(epoch % 4)
        if session is None or session.terms.epoch & 0xFF != epoch:
            raise Drop("no_session")
        if subspace not in session.keys:
            raise Drop("bad_subspace")
        if len(packet) < SEALED_MIN:
            raise Drop("malformed_packet")
        key, window = session.keys[subspace], session.windows[subspace]
        window.judge(sequence)
        try:
            plain = key.aead.decrypt(key.nonce(sequence), packet[HEADER:], packet[:HEADER])
        except InvalidTag:
            raise Drop("bad_tag") from None
        window.take(sequence)
        session.accepted += subspace != CONTROL
        kind, body, padding = split_inner(plain)
        if any(padding):
            raise Drop("bad_padding")
        if subspace == CONTROL:
            self._heartbeat(session, kind, body)
            outcome.append("heartbeat")
        elif kind == HEARTBEAT:
            outcome.append("absorbed")
        elif kind == BUNDLE:
            self._unbundle(body, outcome)
        elif kind == FRAGMENT:
            whole = self.reassembly.take(subspace, body, boot)
            if whole is None:
                outcome.append("fragment")
                return
            kind, body, rest = split_inner(whole)
            if rest:
                raise Drop("malformed_inner")
            self._deliver(kind, body, outcome)
        else:
            self._deliver(kind, body, outcome)

    def _unbundle(self, body, outcome):
        while body:
            kind, payload, body = split_inner(body)
            try:
                self._deliver(kind, payload, outcome)
            except Drop as drop:
                outcome.append(str(drop))

    def _deliver(self, kind, body, outcome):
        """A payload that is not of its kind goes no further. [10]"""
        sound = {ETHERNET: len(body) >= 14, IPV4: body[:1] and body[0] >> 4 == 4,
                 IPV6: body[:1] and body[0] >> 4 == 6}
        if kind not in self.kinds or not sound.get(kind):
            raise Drop("unknown_kind")
        outcome.append((kind, body))

    @staticmethod
    def _heartbeat(session, kind, body):
        """[13]"""
        if kind != HEARTBEAT or len(body) < 10:
            raise Drop("malformed_inner")
        _, count = struct.unpack_from(">QH", body)
        if count > 64 or len(body) != 10 + 8 * count:
            raise Drop("malformed_inner")
        session.heard(sum(struct.unpack_from(f">{count}Q", body, 10)))
