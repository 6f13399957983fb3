"""A NAT64 for UDP (RFC 6146 as far as a gateway sees it), for tests.

usage: nat64.py DEVICE PREFIX ADDRESS   makes the TUN device; PREFIX is that of 96 bits, without its length

Routes to PREFIX/96 over DEVICE once it has printed "ready". Each IPv6 source gets one IPv4 socket, from
which it writes to all destinations, at ADDRESS, so it is endpoint independent and lets everybody in.
"""
import fcntl
import os
import selectors
import socket
import struct
import subprocess
import sys

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
UDP = 17


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF or 0xFFFF


class Translator:
    def __init__(self, device, prefix, address):
        self.prefix = socket.inet_pton(socket.AF_INET6, prefix)[:12]
        self.tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
        subprocess.run(["ip", "link", "set", device, "up"], check=True)
        subprocess.run(["ip", "-6", "route", "add", prefix + "/96", "dev", device], check=True)
        self.watch = selectors.DefaultSelector()
        self.watch.register(self.tun, selectors.EVENT_READ, None)
        self.address, self.sockets = address, {}

    def out(self, packet):
        if len(packet) < 48 or packet[0] >> 4 != 6 or packet[6] != UDP or packet[24:36] != self.prefix:
            return
        source_port, port, length = struct.unpack("!HHH", packet[40:46])
        source = packet[8:24], source_port
        if source not in self.sockets:
            self.sockets[source] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sockets[source].bind((self.address, 0))
            self.watch.register(self.sockets[source], selectors.EVENT_READ, source)
        to = socket.inet_ntop(socket.AF_INET, packet[36:40])
        try:
            self.sockets[source].sendto(packet[48:40 + length], (to, port))
        except OSError:
            pass  # lost

    def back(self, sock, source):
        data, (host, port) = sock.recvfrom(65535)
        origin = self.prefix + socket.inet_pton(socket.AF_INET, host)
        length = 8 + len(data)
        udp = struct.pack("!HHHH", port, source[1], length, 0) + data
        pseudo = origin + source[0] + struct.pack("!II", length, UDP)
        udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp)) + udp[8:]
        os.write(self.tun, struct.pack("!IHBB", 6 << 28, length, UDP, 64) + origin + source[0] + udp)

    def run(self):
        print("ready", flush=True)
        while True:
            for key, _ in self.watch.select():
                if key.data is None:
                    self.out(os.read(self.tun, 65535))
                else:
                    self.back(key.fileobj, key.data)


Translator(*sys.argv[1:4]).run()
