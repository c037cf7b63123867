#!/usr/bin/python3
"""Opens what a sealed lane carried, from a capture file, without the engine.

    receiver.py --private FILE --sender KEY [--secret FILE] --lane ID CAPTURE
    receiver.py --secret FILE --lane ID CAPTURE

Key files and keys are as `lanes key` makes them. The capture holds Ethernet frames (pcap or
pcapng); its times are the receiver's clock. Each recovered payload is printed as a line, its kind
and its bytes in hexadecimal, or written to a pcap file; what became of all packets goes to stderr.
"""

import argparse
import base64
import json
import pathlib
import sys

import capture
import lanes1


KINDS = {"ethernet": (lanes1.ETHERNET,), "ip": (lanes1.IPV4, lanes1.IPV6)}


def key_of(text):
    key = base64.b64decode(text.strip(), validate=True)
    if len(key) != 32:
        raise argparse.ArgumentTypeError("a key has 32 bytes: 44 characters of base64")
    return key


def key_file(path):
    return key_of(pathlib.Path(path).read_text())


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--private", type=key_file, metavar="FILE", help="the receiver's own key")
    parser.add_argument("--sender", type=key_of, metavar="KEY", help="the sender's public key")
    parser.add_argument("--secret", type=key_file, metavar="FILE", help="the shared secret")
    parser.add_argument("--lane", type=int, required=True, metavar="ID")
    parser.add_argument("--cipher", choices=lanes1.CIPHERS, default="aes-256-gcm")
    parser.add_argument("--window", type=int, default=8192, help="sequence numbers")
    parser.add_argument("--listen", type=int, default=4790, help="UDP port")
    parser.add_argument("--port", choices=KINDS, help="what it carries (anything)")
    parser.add_argument("--write", metavar="PCAP", help="write payloads there")
    parser.add_argument("capture")
    given = parser.parse_args()
    if bool(given.private) != bool(given.sender) or not (given.private or given.secret):
        parser.error("give --private and --sender, or --secret")
    return given


def main():
    given = arguments()
    keys = lanes1.Keys(given.private, given.sender, given.secret)
    receiver = lanes1.Receiver(given.lane, keys, lanes1.CIPHERS[given.cipher],
                               KINDS.get(given.port, sum(KINDS.values(), ())), given.window)
    payloads, sessions = [], {}
    for time, frame in capture.read(given.capture):
        packet = capture.lane_packet(frame, given.listen)
        if packet is None:
            continue
        for each in receiver.take(packet, time, time):
            if isinstance(each, tuple):
                payloads.append((time, *each))
        sessions.update((s.stamp, s) for s in receiver.acceptor.sessions.values())
    if given.write:
        ethernet = all(kind == lanes1.ETHERNET for _, kind, _ in payloads)
        link = capture.LINK_ETHERNET if ethernet else capture.LINK_IP
        capture.write(given.write, [(time, data) for time, _, data in payloads], link)
    else:
        for _, kind, data in payloads:
            print(kind, data.hex())
    books = [{"epoch": s.terms.epoch, "accepted": s.accepted, "lost": s.lost}
             for s in sessions.values()]
    print(json.dumps({"packets": receiver.counts, "sessions": books}), file=sys.stderr)


if __name__ == "__main__":
    main()
