#!/usr/bin/python3
"""The receiver in Python against the test vectors, and the vectors against their maker.

    what      every announcement, key and packet opens; every packet of every stream has its outcome
    how       in memory, and by way of a capture file and the command receiver.py
    and       generate.py writes the files of tests/vectors, and the examples of PROTOCOL.md, byte
              for byte
"""

import base64
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = HERE.parent / "vectors"
sys.path[:0] = [str(HERE), str(VECTORS)]
try:
    import capture
    import lanes1
except ModuleNotFoundError as missing:
    print(f"skipped: {missing}: install python3-cryptography (tools/setup does)")
    sys.exit(77)


def unhex(text):
    return bytes.fromhex(text)


def load(name):
    return json.loads((VECTORS / f"{name}.json").read_text())


def equal(found, wanted, what):
    if found != wanted:
        sys.exit(f"FAILED: {what}: {found!r}, expected {wanted!r}")


def keys_of(vector):
    def secret(name):
        return unhex(vector[name]) if vector.get(name) else None
    return lanes1.Keys(secret("receiver_private"), secret("sender_public"), secret("psk"))


def announcements_open():
    for vector in load("announcements"):
        keys, packet = keys_of(vector), unhex(vector["packet"])
        receiver = keys.own or lanes1.ZEROS
        equal(lanes1.mac1(keys.psk, receiver, packet[:128]), packet[128:], vector["name"])
        terms = lanes1.Terms(lanes1.open_announcement(keys, packet))
        for name, value in vector["terms"].items():
            equal(getattr(terms, name), value, f"{vector['name']}: {name}")
        equal(terms.secret.hex(), vector["secret"], vector["name"])


def keys_are_derived():
    for vector in load("subspace_keys"):
        key = lanes1.SubspaceKey(unhex(vector["secret"]), vector["lane"], vector["epoch"],
                                 vector["subspace"], vector["suite"])
        equal((key.key.hex(), key.iv.hex()), (vector["key"], vector["iv"]), str(vector))
        for each in vector["nonces"]:
            equal(key.nonce(each["sequence"]).hex(), each["nonce"], str(vector))


def packets_open():
    for vector in load("data"):
        key = lanes1.SubspaceKey(unhex(vector["secret"]), vector["lane"], vector["epoch"],
                                 vector["subspace"], vector["suite"])
        packet = unhex(vector["packet"])
        plain = key.aead.decrypt(key.nonce(vector["sequence"]), packet[16:], packet[:16])
        kind, body, padding = lanes1.split_inner(plain)
        equal((kind, body.hex()), (vector["kind"], vector["body"]), vector["name"])
        equal((any(padding), len(packet) >= 46), (False, True), vector["name"])


def texts(outcome):
    return [each if isinstance(each, str) else f"delivered {each[1].hex()}" for each in outcome]


def streams_come_out():
    for stream in load("streams"):
        kinds = (lanes1.ETHERNET,) if stream["port"] == "ethernet" else (lanes1.IPV4, lanes1.IPV6)
        receiver = lanes1.Receiver(stream["lane"], keys_of(stream), stream["suite"], kinds,
                                   stream["window"], mark=stream["mark"],
                                   resumable=stream["resumable"])
        for event in stream["events"]:
            after = event["at_ms"] * lanes1.MS
            outcome = receiver.take(unhex(event["packet"]), 10**15 + after,
                                    stream["begin_unix_ns"] + after)
            equal(texts(outcome), event["outcome"], f"{stream['name']}: {event['what']}")


def carried(packet, how):
    """An Ethernet frame with the lane packet in it; checksums where the carrier must have them."""
    macs = bytes.fromhex("020000000002020000000001")
    if how == "ethernet":
        return macs + b"\x88\xb5" + packet.ljust(46, b"\0")
    length = 8 + len(packet)
    udp = struct.pack(">HHHH", 61440, 4790, length, 0)
    if how == "ipv4":
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0x4000, 64, 17, 0,
                           bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]))
        head = head[:10] + checksum(head) + head[12:]
        return macs + b"\x08\0" + head + udp + packet
    ends = bytes(15) + b"\1" + bytes(15) + b"\2"
    udp = udp[:6] + checksum(ends + struct.pack(">II", length, 17) + udp + packet)
    head = struct.pack(">IHBB", 6 << 28, length, 17, 64) + ends
    return macs + b"\x86\xdd" + head + udp + packet


def checksum(data):
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", ~total & 0xFFFF)


def pcapng(records):
    """Big-endian, in units of 10 ns, so that the reader has to look."""
    def block(kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack(">II", kind, len(body) + 12) + body + struct.pack(">I", len(body) + 12)

    data = block(0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1))
    data += block(1, struct.pack(">HHIHHB3xHH", 1, 0, 0, 9, 1, 8, 0, 0))
    for time, frame in records:
        data += block(6, struct.pack(">IIIII", 0, time // 10 >> 32, time // 10 & 0xFFFFFFFF,
                                     len(frame), len(frame)) + frame)
    return data


def command_follows_captures():
    """Streams that begin without memory, as capture files, each packet on another carrier."""
    for number, stream in enumerate(load("streams")):
        if stream["mark"] or stream["resumable"]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            records, wanted = [], []
            hows = ["ipv4", "ipv6", "ethernet"]
            for i, event in enumerate(stream["events"]):
                packet = unhex(event["packet"])
                how = hows[i % 3] if len(packet) >= 46 else "ipv4"
                time = stream["begin_unix_ns"] + event["at_ms"] * lanes1.MS
                records.append((time, carried(packet, how)))
                wanted += [each.split()[1] for each in event["outcome"] if "delivered" in each]
            path = folder / "capture"
            if number % 2:
                path.write_bytes(pcapng(records))
            else:
                capture.write(path, records, capture.LINK_ETHERNET)
            options = ["--lane", str(stream["lane"]), "--window", str(stream["window"]),
                       "--cipher", {v: k for k, v in lanes1.CIPHERS.items()}[stream["suite"]]]
            for option, name in (("--private", "receiver_private"), ("--secret", "psk")):
                if stream[name]:
                    file = folder / name
                    file.write_text(base64.b64encode(unhex(stream[name])).decode() + "\n")
                    options += [option, str(file)]
            if stream["sender_public"]:
                options += ["--sender", base64.b64encode(unhex(stream["sender_public"])).decode()]
            options += ["--port", stream["port"]]
            run = [sys.executable, "-B", str(HERE / "receiver.py"), *options, str(path)]
            done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60)
            equal([line.split()[1] for line in done.stdout.splitlines()], wanted,
                  f"{stream['name']}: payloads from a capture file")
            subprocess.run([*run[:-1], "--write", str(folder / "out"), str(path)],
                           capture_output=True, check=True, timeout=60)
            if stream["port"] == "ethernet":
                written = [data.hex() for _, data in capture.read(folder / "out")]
                equal(written, wanted, f"{stream['name']}: payloads in a pcap file")


def files_are_their_makers():
    import generate
    for name, text in generate.files().items():
        if (VECTORS / name).read_text() != text:
            sys.exit(f"FAILED: {name} is not what generate.py writes")
    protocol = (HERE.parents[1] / "lanes" / "PROTOCOL.md").read_text()
    for title, block in generate.examples():
        if block not in protocol:
            sys.exit(f"FAILED: PROTOCOL.md has not this example: {title}\n{block}")


def main():
    for part in (announcements_open, keys_are_derived, packets_open, streams_come_out,
                 command_follows_captures, files_are_their_makers):
        part()
        print(f"passed: {part.__name__.replace('_', ' ')}")


if __name__ == "__main__":
    main()
