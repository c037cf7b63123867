"""packets: Ethernet, IP, UDP and Lanes/1 packets as bytes, for scenarios that make or take apart
their own. Written from the RFCs and lanes/PROTOCOL.md, not from the engine: it is the naive twin.
"""

import ipaddress
import struct

ETHER_TYPE_LANE = 0x88B5
KIND_IPV4, KIND_IPV6, KIND_ETHERNET, KIND_FRAGMENT, KIND_BUNDLE = 1, 2, 3, 6, 7


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def address(text):
    return ipaddress.ip_address(text).packed


def ethernet(destination, source, ether_type, payload, vlan=None):
    tag = b"" if vlan is None else struct.pack(">HH", 0x8100, vlan)
    return mac(destination) + mac(source) + tag + struct.pack(">H", ether_type) + payload


def ipv4(source, destination, protocol, payload, dscp=0, ttl=64, fragment=0):
    def header(check):
        return struct.pack(">BBHHHBBH4s4s", 0x45, dscp << 2, 20 + len(payload), 0, fragment, ttl,
                           protocol, check, address(source), address(destination))
    return header(checksum(header(0))) + payload


def ipv6(source, destination, protocol, payload, dscp=0):
    return struct.pack(">IHBB16s16s", 6 << 28 | dscp << 22, len(payload), protocol, 64,
                       address(source), address(destination)) + payload


def udp(source_port, destination_port, payload, ends=None):
    """With `ends` = (source, destination) the checksum is computed, else it is 0 (IPv4 only)."""
    length = 8 + len(payload)
    header = struct.pack(">HHHH", source_port, destination_port, length, 0)
    if ends is None:
        return header + payload
    pseudo = address(ends[0]) + address(ends[1])
    pseudo += struct.pack(">BBH", 0, 17, length) if len(pseudo) == 8 else \
        struct.pack(">IHBB", length, 0, 0, 17)
    value = checksum(pseudo + header + payload) or 0xFFFF
    return struct.pack(">HHHH", source_port, destination_port, length, value) + payload


def inner(kind, body, padding=b""):
    return struct.pack(">BBH", kind, 0, len(body)) + body + padding


def lane(lane_id, sequence, payload, subspace=0, kind=0x11, epoch=0):
    """A DATA packet of a clear lane; `payload` is the inner packet."""
    return struct.pack(">BBHIQ", kind, epoch, subspace, lane_id, sequence) + payload


def fragment(identifier, index, count, stride, data):
    return inner(KIND_FRAGMENT, struct.pack(">IBBH", identifier, index, count, stride) + data)
