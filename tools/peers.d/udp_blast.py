#!/usr/bin/python3
"""Sends UDP datagrams to ADDRESS, port discard, as fast as the kernel takes them, 64 per system
call (sendmmsg), and prints how many it took. bench/blast does the same with Ethernet frames, but a
tunnel of IP packets has none. 18 bytes make an IP packet of 46, which is what an Ethernet frame of
64 bytes carries. Called by tools/compare-peers; iperf3 needs a system call for each datagram.
"""

import argparse
import ctypes
import os
import socket
import time

BATCH = 64


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32),
                ("iov", ctypes.POINTER(Iovec)), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class Mmsghdr(ctypes.Structure):
    _fields_ = [("header", Msghdr), ("len", ctypes.c_uint)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--size", type=int, default=18, help="bytes of a datagram")
    options = parser.parse_args()

    data = ctypes.create_string_buffer(options.size)
    piece = Iovec(ctypes.addressof(data), options.size)
    messages = (Mmsghdr * BATCH)()
    for message in messages:
        message.header.iov = ctypes.pointer(piece)
        message.header.iovlen = 1
    send = ctypes.CDLL(None, use_errno=True).sendmmsg
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect((options.address, 9))
        descriptor, taken = sender.fileno(), 0
        start = now = time.monotonic()
        end = start + options.seconds
        while now < end:
            count = send(descriptor, messages, BATCH, 0)
            if count > 0:
                taken += count
            elif ctypes.get_errno() not in (0, 11, 105, 111):  # EAGAIN, ENOBUFS, ECONNREFUSED
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            now = time.monotonic()
    print(f"{taken} datagrams in {now - start:.3f} s")


if __name__ == "__main__":
    main()
