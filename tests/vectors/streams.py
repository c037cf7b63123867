"""streams: what a receiver is given, packet by packet, and what must come of each. The outcomes are
written down here from lanes/PROTOCOL.md, not computed.
"""

import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
import lanes1  # noqa: E402
import sealing  # noqa: E402
from cast import frame, ip_packet, keys_of, named, terms_of  # noqa: E402
from sealing import inner  # noqa: E402

BEGIN = 1_800_000_000 * lanes1.SECOND  # unix time of at_ms 0
LANE = 101
STEP = 1 << 24
STAMP = BEGIN >> 24 << 24
DELIVERED = "delivered"


class Stream:
    """A receiver's part, and the events as they are added."""

    def __init__(self, name, sender="texas", receiver="oslo", psk=False, suite=1, port="ethernet",
                 window=128, mark=0, resumable=()):
        self.sending = keys_of(sender, receiver, psk)
        self.at_ms = 0
        own = {"receiver_private": named(receiver).hex(), "sender_public": self.sending.own.hex()} \
            if sender else {"receiver_private": None, "sender_public": None}
        self.data = {"name": name, "lane": LANE, "suite": suite, "port": port, "window": window,
                     **own, "psk": self.sending.psk.hex() if psk else None,
                     "begin_unix_ns": BEGIN, "mark": mark, "resumable": list(resumable),
                     "events": []}
        self.suite = suite

    def session(self, epoch, **changes):
        changes.setdefault("suite", self.suite)
        changes.setdefault("mode", self.sending.mode)
        terms = terms_of(epoch=epoch, secret=f"session {epoch}", **changes)
        return sealing.Sender(LANE, terms)

    def announcement(self, session, stamp, keys=None, **changes):
        random = named(f"{self.data['name']} {stamp} {session.terms['epoch']}")
        return sealing.announce(keys or self.sending, LANE, stamp, session.terms, random,
                                **changes)["packet"]

    def add(self, what, packet, *outcome):
        """`outcome`: names, and the payloads that are delivered as bytes."""
        texts = [each if isinstance(each, str) else f"{DELIVERED} {each.hex()}"
                 for each in outcome]
        self.data["events"].append({"at_ms": self.at_ms, "what": what, "packet": packet.hex(),
                                    "outcome": texts})


def flipped(packet, bit):
    changed = bytearray(packet)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def life_of_a_lane():
    """Two sessions, one after the other, and everything that may happen to a packet."""
    stream = Stream("a session and its successor", psk=True)
    add = stream.add
    one = stream.session(0x1FE, subspaces=2)
    first = stream.announcement(one, STAMP)

    def frame_packet(subspace, sequence, length=60, session=one):
        return session.packet(subspace, sequence, lanes1.ETHERNET, frame(length))

    add("data before the announcement", frame_packet(0, 0), "no_session")
    add("an announcement without its last byte", first[:-1], "malformed_packet")
    add("an announcement and a byte more", first + b"\0", "malformed_packet")
    add("the announcement", first, "accepted")
    stream.at_ms = 50
    add("the same again", first, "repeat")
    stream.at_ms = 100
    add("a packet shorter than a header", frame_packet(0, 0)[:15], "malformed_packet")
    add("a packet of type REPAIR", b"\x13" + frame_packet(0, 0)[1:], "malformed_packet")
    add("a packet of another version", b"\x21" + frame_packet(0, 0)[1:], "malformed_packet")
    add("a packet of 35 bytes", frame_packet(0, 0)[:35], "malformed_packet")
    add("the first packet", frame_packet(0, 0), frame(60))
    add("the first packet again", frame_packet(0, 0), "replay_duplicate")
    add("number 2 before 1", frame_packet(0, 2, 14), frame(14))
    add("number 1", frame_packet(0, 1, 1400), frame(1400))
    add("the other subspace counts by itself", frame_packet(1, 0), frame(60))
    add("a subspace that was not announced", frame_packet(2, 0), "bad_subspace")
    good = frame_packet(0, 3)
    add("another lane's number", flipped(good, 63), "unknown_lane")
    add("another epoch, modulo 4, too", flipped(good, 15), "no_session")
    add("another epoch, the same modulo 4", flipped(good, 8), "no_session")
    add("another sequence number", flipped(good, 120), "bad_tag")
    add("another subspace's number", flipped(good, 31), "bad_tag")
    add("a bit of the inner packet changed", flipped(good, 128), "bad_tag")
    add("a bit of the tag changed", flipped(good, len(good) * 8 - 1), "bad_tag")
    add("a byte cut off", good[:-1], "bad_tag")
    add("a byte added", good + b"\0", "bad_tag")
    add("forgeries have not used the number up", good, frame(60))
    other = stream.session(0x1FE, subspaces=2)
    other.terms["secret"] = named("another secret")
    add("sealed with another secret", frame_packet(0, 4, session=other), "bad_tag")
    broken_inner_packets(stream, one)
    fragments_and_bundles(stream, one)
    heartbeats(stream, one)
    windows(stream, frame_packet)

    stream.at_ms = 110_000
    two = stream.session(0x1FF, subspaces=1, lead_ms=10_000)
    second = stream.announcement(two, STAMP + 6600 * STEP)
    add("the current session's announcement comes before the next one's", first, "repeat")
    add("the next announcement", second, "accepted")
    add("the first session goes on", frame_packet(1, 2000), frame(60))
    add("the next may begin at once", frame_packet(0, 0, session=two), frame(60))
    add("it has one subspace only", frame_packet(1, 0, session=two), "bad_subspace")
    stream.at_ms = 124_999
    add("the overlap has not ended", frame_packet(1, 2001), frame(60))
    stream.at_ms = 125_000
    add("the overlap is over", frame_packet(1, 2002), "no_session")
    add("the first announcement is history", first, "stale")
    stream.at_ms = 259_999
    add("the session lives for its lifetime", frame_packet(0, 1, session=two), frame(60))
    stream.at_ms = 260_000
    add("and no longer", frame_packet(0, 2, session=two), "no_session")
    add("nor is it taken up again", second, "stale")
    return stream.data


def broken_inner_packets(stream, session):
    """Numbers 10 to 23 of subspace 0: genuine packets with something wrong inside."""
    def sealed(sequence, plain, subspace=0):
        return session.seal(subspace, sequence, plain, pad=False)["packet"]

    body = frame(60)
    cases = [
        ("no inner packet of even 4 bytes", b"\3\0\0" + b"", "malformed_packet"),
        ("the shortest that is looked at", b"\3\0\0\0", "unknown_kind"),
        ("an inner packet longer than the packet", struct.pack(">BBH", 3, 0, 61) + body,
         "malformed_inner"),
        ("padding that is zero, however much", inner(3, body) + bytes(100), body),
        ("padding that is not zero", inner(3, body) + b"\0\0\1", "bad_padding"),
        ("flags are not looked at", b"\3\xff" + inner(3, body)[2:], body),
        ("an IPv4 packet for an Ethernet port", inner(1, ip_packet(60)), "unknown_kind"),
        ("an IPv6 packet for an Ethernet port", inner(2, b"\x60" + body), "unknown_kind"),
        ("a datagram, which is reserved", inner(4, body), "unknown_kind"),
        ("a stream chunk, which is reserved", inner(5, bytes(8) + body), "unknown_kind"),
        ("a kind that nobody knows", inner(8, body), "unknown_kind"),
        ("a frame shorter than its header", inner(3, frame(13)), "unknown_kind"),
    ]
    for i, (what, plain, outcome) in enumerate(cases):
        stream.add(what, sealed(10 + i, plain), outcome)
    stream.add("what was opened has used its number up", sealed(12, inner(3, body)),
               "replay_duplicate")
    stream.add("a short packet has not", sealed(10, inner(3, body)), body)


def fragments_and_bundles(stream, session):
    """Numbers 30 to 59 of subspace 0."""
    def packet(sequence, kind, body):
        return session.packet(0, sequence, kind, body)

    whole = frame(150)
    pieces = sealing.fragments(9, inner(3, whole), 51)  # of 51, 51, 51 and 1 byte
    for sequence, index in ((33, 3), (30, 0), (32, 2)):
        stream.add(f"fragment {index} of 4", packet(sequence, 6, pieces[index]), "fragment")
    stream.add("a fragment that came before, under another number", packet(34, 6, pieces[0]),
               "malformed_fragment")
    stream.add("the same packet cut otherwise",
               packet(35, 6, sealing.fragments(9, inner(3, whole), 80)[0]), "malformed_fragment")
    stream.add("the last that was missing", packet(31, 6, pieces[1]), whole)

    def piece(number, index, count, stride, length):
        return struct.pack(">IBBH", number, index, count, stride) + bytes(length)

    for i, (what, body) in enumerate([
            ("a fragment without its fields", bytes(7)),
            ("a fragment of one", piece(20, 0, 1, 60, 60)),
            ("a fragment of 65", piece(20, 0, 65, 60, 60)),
            ("a fragment beyond the last", piece(20, 2, 2, 60, 60)),
            ("a stride of 3", piece(20, 0, 2, 3, 3)),
            ("a first fragment shorter than its stride", piece(20, 0, 2, 60, 59)),
            ("a last fragment longer than its stride", piece(20, 1, 2, 60, 61)),
            ("a last fragment of no bytes", piece(20, 1, 2, 60, 0)),
            ("a fragment that ends beyond 65,540", piece(20, 63, 64, 1041, 1041))]):
        stream.add(what, packet(36 + i, 6, body), "malformed_fragment")
    wrong = sealing.fragments(21, inner(3, frame(60)) + b"\0", 40)
    stream.add("the first of two", packet(46, 6, wrong[0]), "fragment")
    stream.add("the whole is longer than it says", packet(47, 6, wrong[1]), "malformed_inner")
    wrong = sealing.fragments(22, inner(7, inner(3, frame(60))), 40)
    stream.add("the first of two", packet(48, 6, wrong[0]), "fragment")
    stream.add("no bundle comes in fragments", packet(49, 6, wrong[1]), "unknown_kind")

    stream.add("a bundle of three", packet(50, 7, inner(3, frame(60)) + inner(3, frame(14)) +
                                           inner(3, frame(61))), frame(60), frame(14), frame(61))
    stream.add("a bundle with what is unknown, and a fragment, in it",
               packet(51, 7, inner(3, frame(60)) + inner(8, b"") + inner(6, pieces[0]) +
                      inner(3, frame(61))), frame(60), "unknown_kind", "unknown_kind", frame(61))
    stream.add("a bundle whose second inner packet is cut off",
               packet(52, 7, inner(3, frame(60)) + inner(3, frame(61))[:-1]), frame(60),
               "malformed_inner")
    stream.add("a bundle that ends within a header",
               packet(53, 7, inner(3, frame(60)) + b"\3\0\0"), frame(60), "malformed_inner")


def heartbeats(stream, session):
    def packet(sequence, following, subspace=0xFFFF):
        body = sealing.heartbeat(BEGIN + stream.at_ms * lanes1.MS, following)
        return session.packet(subspace, sequence, lanes1.HEARTBEAT, body)

    stream.add("a heartbeat", packet(0, [60, 1]), "heartbeat")
    stream.add("the same again", packet(0, [60, 1]), "replay_duplicate")
    stream.add("a heartbeat where data belongs", packet(60, [60, 1], subspace=0), "absorbed")
    stream.add("data where heartbeats belong", session.packet(0xFFFF, 10, 3, frame(60)),
               "malformed_inner")
    body = sealing.heartbeat(BEGIN, [60, 1])
    for sequence, what, wrong in ((11, "shorter than its fields", body[:9]),
                                  (12, "that ends within its numbers", body[:-1]),
                                  (13, "longer than its numbers", body + b"\0"),
                                  (14, "of 65 subspaces", sealing.heartbeat(BEGIN, [0] * 65))):
        stream.add(f"a heartbeat {what}", session.packet(0xFFFF, sequence, 0, wrong),
                   "malformed_inner")
    padded = session.seal(0xFFFF, 15, inner(0, body) + b"\1")["packet"]
    stream.add("a heartbeat with padding that is not zero", padded, "bad_padding")
    stream.at_ms = 1_100
    stream.add("the next heartbeat", packet(1, [61, 1]), "heartbeat")


def windows(stream, frame_packet):
    """A window of 128 numbers: blocks of 64 in two slots. Subspace 1."""
    stream.add("the last number of block 0", frame_packet(1, 63), frame(60))
    stream.add("block 21 is in slot 1", frame_packet(1, 64 * 21), frame(60))
    stream.add("block 19 has lost it", frame_packet(1, 64 * 19 + 63), "replay_old")
    stream.add("block 20 is in slot 0", frame_packet(1, 64 * 20 + 5), frame(60))
    stream.add("block 0 has lost it", frame_packet(1, 7), "replay_old")
    stream.add("64 behind the newest is accepted", frame_packet(1, 64 * 20 + 0), frame(60))
    stream.add("once", frame_packet(1, 64 * 20 + 0), "replay_duplicate")


def short_life():
    """By shared secret, for an IP port, with the other suite, in a session that ends by itself."""
    stream = Stream("by shared secret, IP packets", None, None, True, suite=2, port="ip")
    session = stream.session(0xFFFFFFFF, lifetime_ms=31_000)
    announcement = stream.announcement(session, STAMP)
    ip6 = b"\x60" + frame(47)

    def packet(sequence, kind, body):
        return session.packet(0, sequence, kind, body)

    stream.add("another epoch in the header", flipped(announcement, 8), "bad_mac")
    stream.add("the announcement", announcement, "accepted")
    stream.add("an IPv4 packet", packet(0, 1, ip_packet(60)), ip_packet(60))
    stream.add("an IPv6 packet", packet(1, 2, ip6), ip6)
    stream.add("one byte, and padding", packet(2, 1, b"\x45"), b"\x45")
    stream.add("nine bytes, and one of padding", packet(3, 1, ip_packet(9)), ip_packet(9))
    stream.add("ten bytes, and none", packet(4, 1, ip_packet(10)), ip_packet(10))
    stream.add("IPv6 in the name of IPv4", packet(5, 1, ip6), "unknown_kind")
    stream.add("IPv4 in the name of IPv6", packet(6, 2, ip_packet(60)), "unknown_kind")
    stream.add("an IPv4 packet of no bytes", packet(7, 1, b""), "unknown_kind")
    stream.add("an Ethernet frame for an IP port", packet(8, 3, frame(60)), "unknown_kind")
    bundle = inner(1, ip_packet(60)) + inner(2, ip6) + inner(3, frame(60))
    stream.add("a bundle of three", packet(9, 7, bundle), ip_packet(60), ip6, "unknown_kind")
    stream.add("a number beyond 2^63", packet(2**63 + 1, 1, ip_packet(60)), ip_packet(60))
    stream.at_ms = 30_999
    stream.add("before the end of its life", packet(2**63 + 2, 1, ip_packet(60)), ip_packet(60))
    stream.at_ms = 31_000
    stream.add("at the end of its life", packet(2**63 + 3, 1, ip_packet(60)), "no_session")
    stream.at_ms = 40_000
    following = stream.session(0)
    stream.add("the epoch after 2^32 - 1 is 0", stream.announcement(following, STAMP + STEP),
               "accepted")
    stream.add("and goes on like any other", following.packet(0, 0, 1, ip_packet(60)),
               ip_packet(60))
    return stream.data


def judgements():
    """Announcements alone: every verdict, in the order of the questions."""
    stream = Stream("verdicts on first contact")
    session = stream.session(5)

    def offer(what, outcome, stamp=STAMP, of=session, keys=None, **changes):
        stream.add(what, stream.announcement(of, stamp, keys, **changes), outcome)
        stream.at_ms += 100  # one more token

    stream.at_ms = 1000
    offer("for another receiver", "bad_mac", keys=keys_of("texas", "lima", False))
    offer("with a psk that this receiver has not", "bad_mac", keys=keys_of("texas", "oslo", True))
    offer("by another sender", "bad_auth", keys=keys_of("lima", "oslo", False))
    genuine = stream.announcement(session, STAMP)
    for what, bit in (("a bit of the header changed", 127), ("a bit of e changed", 128),
                      ("the top bit of e changed, which X25519 does not look at", 47 * 8),
                      ("a bit of the payload changed", 48 * 8), ("its tag changed", 127 * 8)):
        forged = flipped(genuine, bit)[:128]
        forged += lanes1.mac1(lanes1.ZEROS, stream.sending.peer, forged)
        stream.add(f"{what}, mac1 made afresh", forged, "bad_auth")
        stream.at_ms += 100
    low = genuine[:16] + bytes(32) + genuine[48:128]
    low += lanes1.mac1(lanes1.ZEROS, stream.sending.peer, low)
    stream.add("an ephemeral key of low order", low, "bad_auth")
    stream.at_ms += 100
    stream.add("a bit of mac1 changed", flipped(genuine, 128 * 8), "bad_mac")
    for what, changes in (("of the other suite", {"suite": 2}), ("of no suite", {"suite": 0}),
                          ("of mode 1", {"mode": 1}), ("of no subspace", {"subspaces": 0}),
                          ("of 65 subspaces", {"subspaces": 65}),
                          ("of no life", {"lifetime_ms": 0, "lead_ms": 0}),
                          ("of a life of more than an hour", {"lifetime_ms": 3_600_001}),
                          ("with a lead beyond its life", {"lead_ms": 150_001})):
        offer(what, "wrong_terms", of=stream.session(5, **changes))
    offer("with another epoch in the header", "wrong_terms", epoch8=6)
    now = STAMP + stream.at_ms * lanes1.MS
    second = lanes1.SECOND
    offer("from 301 seconds ago", "clock", stamp=now - 301 * second)
    offer("from 301 seconds ahead", "clock", stamp=now + 301 * second)
    stream.at_ms += 1000
    for i in range(5):
        flood = stream.announcement(session, STAMP + i * STEP, keys_of("lima", "oslo", False))
        stream.add(f"number {i + 1} of a flood", flood, "bad_auth")
    stream.add("number 6 of a flood", stream.announcement(
        session, STAMP + 6 * STEP, keys_of("lima", "oslo", False)), "rate_limited")
    stream.add("the genuine one suffers, too", genuine, "rate_limited")
    stream.at_ms += 99
    stream.add("99 ms later", genuine, "rate_limited")
    stream.at_ms += 1
    offer("100 ms later", "accepted")
    offer("it comes again", "repeat")
    offer("a session of the same stamp", "stale", of=stream.session(6))
    offer("a session of an earlier stamp", "stale", of=stream.session(6), stamp=STAMP - STEP)
    ahead = BEGIN + stream.at_ms * lanes1.MS + 3600 * second
    offer("from more than an hour ahead", "clock", stamp=ahead + STEP, of=stream.session(6))
    offer("from not quite an hour ahead", "accepted", stamp=ahead - STEP, of=stream.session(6))
    offer("now this is stale", "stale", stamp=ahead - 2 * STEP, of=stream.session(7))
    return stream.data


def five_sessions():
    """A receiver has four places; a place is the epoch modulo 4."""
    stream = Stream("at most four sessions")
    sessions = [stream.session(epoch, lead_ms=10_000) for epoch in range(8, 13)]
    for i, session in enumerate(sessions):
        stream.add(f"session {i + 1}", stream.announcement(session, STAMP + i * STEP), "accepted")
        stream.add("its data", session.packet(0, 0, 3, frame(60)), frame(60))
        stream.at_ms += 200
    for i, session in enumerate(sessions):
        stream.add(f"data of session {i + 1}", session.packet(0, 1, 3, frame(60)),
                   frame(60) if i else "no_session")
    return stream.data


def memories():
    """What a receiver remembers decides about the same announcement."""
    def stream(name, **memory):
        made = Stream(name, **memory)
        session = made.session(5)
        return made, session, made.announcement(session, STAMP)

    one, session, announcement = stream("resumption from floors", mark=STAMP, resumable=[
        {"stamp": STAMP, "epoch": 5, "floors": [70, 2]}])
    one.add("data before the announcement", session.packet(0, 70, 3, frame(60)), "no_session")
    one.add("the session is taken up again", announcement, "accepted")
    one.add("below the floor", session.packet(0, 69, 3, frame(60)), "replay_duplicate")
    one.add("far below the floor", session.packet(0, 0, 3, frame(60)), "replay_duplicate")
    one.add("the floor itself", session.packet(0, 70, 3, frame(60)), frame(60))
    one.add("a heartbeat below the floor", session.packet(
        0xFFFF, 1, 0, sealing.heartbeat(BEGIN, [70])), "replay_duplicate")
    one.add("a heartbeat at the floor", session.packet(
        0xFFFF, 2, 0, sealing.heartbeat(BEGIN, [71])), "heartbeat")
    one.add("once more", announcement, "repeat")
    yield one.data

    two, session, announcement = stream("resumption far ahead", mark=STAMP, resumable=[
        {"stamp": STAMP, "epoch": 5, "floors": [64 * 100 + 3, 0]}])
    two.add("the session is taken up again", announcement, "accepted")
    two.add("in the window, below the floor", session.packet(0, 64 * 99, 3, frame(60)),
            "replay_duplicate")
    two.add("behind the window", session.packet(0, 64 * 99 - 1, 3, frame(60)), "replay_old")
    two.add("the floor itself", session.packet(0, 64 * 100 + 3, 3, frame(60)), frame(60))
    yield two.data

    three, session, announcement = stream("no resumption of what does not fit", mark=STAMP,
                                          resumable=[{"stamp": STAMP, "epoch": 6,
                                                      "floors": [0, 0]}])
    three.add("the remembered epoch is another", announcement, "stale")
    three.add("nothing is opened", session.packet(0, 0, 3, frame(60)), "no_session")
    yield three.data

    entry = {"stamp": STAMP, "epoch": 5, "floors": [0, 0]}
    late, session, announcement = stream("resumption after less than an hour", mark=STAMP,
                                         resumable=[entry])
    late.at_ms = 3_599_000
    late.add("the session is taken up again", announcement, "accepted")
    late.add("its data", session.packet(0, 0, 3, frame(60)), frame(60))
    yield late.data

    later, session, announcement = stream("no resumption after more than an hour", mark=STAMP,
                                          resumable=[entry])
    later.at_ms = 3_600_017
    later.add("the announcement", announcement, "stale")
    yield later.data

    overtaken, session, announcement = stream("no resumption in the place of a newer session",
                                              mark=STAMP, resumable=[entry])
    newer = overtaken.session(9)
    overtaken.add("a newer session", overtaken.announcement(newer, STAMP + STEP), "accepted")
    overtaken.add("the one to resume, of the same place", announcement, "stale")
    overtaken.add("the newer one goes on", newer.packet(0, 0, 3, frame(60)), frame(60))
    yield overtaken.data

    four, session, announcement = stream("after a disorderly stop", mark=STAMP)
    four.add("the session of before is stale", announcement, "stale")
    four.add("its data is not opened", session.packet(0, 0, 3, frame(60)), "no_session")
    following = four.session(6)
    four.add("the next session", four.announcement(following, STAMP + STEP), "accepted")
    four.add("its data", following.packet(0, 0, 3, frame(60)), frame(60))
    yield four.data

    five, session, _ = stream("a mark from long ago", mark=STAMP - (1 << 60))
    late = five.announcement(session, STAMP - 86400 * lanes1.SECOND)
    five.add("a day late, but above the mark", late, "accepted")
    yield five.data


def all_streams():
    yield life_of_a_lane()
    yield short_life()
    yield judgements()
    yield five_sessions()
    yield from memories()
