"""capture: reads capture files (pcap and pcapng), finds the lane packets in Ethernet frames, and
writes pcap. Written from the formats' descriptions and PROTOCOL.md, section 1.
"""

import struct

LINK_ETHERNET, LINK_IP = 1, 101
ETHER_VLAN, ETHER_IPV4, ETHER_IPV6, ETHER_LANE = 0x8100, 0x0800, 0x86DD, 0x88B5


def read(path):
    """Yields (time in ns since 1970, frame)."""
    with open(path, "rb") as file:
        data = file.read()
    yield from (_pcapng if data[:4] == b"\x0a\x0d\x0d\x0a" else _pcap)(data, path)


def _pcap(data, path):
    forms = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}  # ns in a unit of the time's second half
    order = next((o for o in "<>" if len(data) >= 24 and
                  struct.unpack_from(o + "I", data)[0] in forms), None)
    if order is None:
        raise SystemExit(f"{path}: not a capture file")
    unit = forms[struct.unpack_from(order + "I", data)[0]]
    if struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF != LINK_ETHERNET:
        raise SystemExit(f"{path}: not a capture of Ethernet frames")
    at = 24
    while at + 16 <= len(data):
        seconds, part, length, _ = struct.unpack_from(order + "IIII", data, at)
        yield seconds * 10**9 + part * unit, data[at + 16:at + 16 + length]
        at += 16 + length


def _pcapng(data, path):
    order, interfaces, at = "<", [], 0
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        kind, length = struct.unpack_from(order + "II", data, at)
        if length < 12:
            raise SystemExit(f"{path}: a block of {length} bytes")
        body = data[at + 8:at + length - 4]
        if kind == 1:
            interfaces.append((struct.unpack_from(order + "H", body)[0], _unit(body, order)))
        elif kind == 6:
            number, high, low, size, _ = struct.unpack_from(order + "IIIII", body)
            link, per_second = interfaces[number]
            if link != LINK_ETHERNET:
                raise SystemExit(f"{path}: not a capture of Ethernet frames")
            yield (high << 32 | low) * 10**9 // per_second, body[20:20 + size]
        at += length


def _unit(body, order):
    """Units of time per second, from an interface's options."""
    at = 8
    while at + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, at)
        if code == 0:
            break
        if code == 9:
            value = body[at + 4]
            return 2**(value & 0x7F) if value & 0x80 else 10**value
        at += 4 + (length + 3) // 4 * 4
    return 10**6


def write(path, records, link):
    """`records` are (time in ns, bytes)."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 1 << 18, link))
        for time, data in records:
            file.write(struct.pack("<IIII", time // 10**9, time % 10**9, len(data), len(data)))
            file.write(data)


def checksum_fits(data):
    """RFC 1071: the sum over data and its checksum is all ones."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data[:len(data) // 2 * 2]))
    if len(data) % 2:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


def lane_packet(frame, port):
    """The lane packet of an Ethernet frame with its padding if there is some, or None."""
    at, kind = 14, int.from_bytes(frame[12:14], "big")
    if kind == ETHER_VLAN:
        at, kind = 18, int.from_bytes(frame[16:18], "big")
    if kind == ETHER_LANE:
        return frame[at:]
    if kind == ETHER_IPV4:
        return _from_ipv4(frame[at:], port)
    if kind == ETHER_IPV6:
        return _from_ipv6(frame[at:], port)
    return None


def _from_ipv4(packet, port):
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[9] != 17:
        return None
    head, total = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
    fragment = int.from_bytes(packet[6:8], "big") & 0x3FFF
    if head < 20 or total > len(packet) or fragment or not checksum_fits(packet[:head]):
        return None
    pseudo = packet[12:20] + struct.pack(">BBH", 0, 17, total - head)
    return _from_udp(packet[head:total], pseudo, port, needs_checksum=False)


def _from_ipv6(packet, port):
    if len(packet) < 40 or packet[0] >> 4 != 6 or packet[6] != 17:
        return None
    length = int.from_bytes(packet[4:6], "big")
    pseudo = packet[8:40] + struct.pack(">II", length, 17)
    return _from_udp(packet[40:40 + length], pseudo, port, needs_checksum=True)


def _from_udp(segment, pseudo, port, needs_checksum):
    if len(segment) < 8:
        return None
    _, destination, length, check = struct.unpack_from(">HHHH", segment)
    if destination != port or length != len(segment):
        return None
    if (check or needs_checksum) and not checksum_fits(pseudo + segment):
        return None
    return segment[8:]
