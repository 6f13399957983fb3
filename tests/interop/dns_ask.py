#!/usr/bin/env python3
"""Asks a DNS server what dig and kdig would not ask, and plays an upstream server.

usage: dns_ask.py CASE ADDRESS PORT NAME      prints "good", or what was wrong, and exits 1
       dns_ask.py upstream ADDRESS PORT       answers A queries with 192.0.2.7, big.* cut over UDP
"""
import random
import socket
import struct
import sys
import time


def name_on_wire(name):
    return b"".join(bytes([len(x)]) + x.encode() for x in name.rstrip(".").split(".") if x) + b"\0"


def query(number, name, rtype=1, more=b"", counts=(1, 0, 0, 0), flags=0x0100):
    return struct.pack(">6H", number, flags, *counts) + name_on_wire(name) + struct.pack(">2H", rtype, 1) + more


OPT = b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)


def connect(address, port):
    s = socket.create_connection((address, port), timeout=10)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_exactly(s, length):
    data = b""
    while len(data) < length:
        more = s.recv(length - len(data))
        if not more:
            raise EOFError("closed after %d of %d bytes" % (len(data), length))
        data += more
    return data


def read_message(s):
    return read_exactly(s, struct.unpack(">H", read_exactly(s, 2))[0])


def framed(message):
    return struct.pack(">H", len(message)) + message


def expect(truth, what):
    if not truth:
        print(what)
        sys.exit(1)


def is_answer(message, number, rcode=0):
    return struct.unpack(">H", message[:2])[0] == number and message[2] & 0x80 and message[3] & 15 == rcode


def pipelined(address, port, name):
    """A thousand questions in one go, answered each."""
    s = connect(address, port)
    s.sendall(b"".join(framed(query(i, name)) for i in range(1000)))
    numbers = {struct.unpack(">H", read_message(s)[:2])[0] for _ in range(1000)}
    expect(numbers == set(range(1000)), "answers are missing")


def dribbled(address, port, name):
    """A question byte by byte."""
    s = connect(address, port)
    for byte in framed(query(7, name)):
        s.sendall(bytes([byte]))
        time.sleep(0.002)
    expect(is_answer(read_message(s), 7), "no answer")


def giant(address, port, name):
    """The longest message there can be is malformed; the connection goes on."""
    s = connect(address, port)
    s.sendall(framed(query(7, name) + bytes(65535 - len(query(7, name)))))
    expect(is_answer(read_message(s), 7, 1), "65535 bytes are not FORMERR")
    s.sendall(framed(query(8, name)))
    expect(is_answer(read_message(s), 8), "no answer after it")


def unread(address, port, name):
    """Who reads no answers is not served without end, and harms nobody."""
    s = connect(address, port)
    s.setblocking(False)
    sent, question = 0, framed(query(7, name)) * 1000
    end = time.time() + 3
    while time.time() < end and sent < 64 << 20:
        try:
            sent += s.send(question)
        except BlockingIOError:
            time.sleep(0.01)
    expect(sent < 64 << 20, "it took %d bytes of questions" % sent)
    dribbled(address, port, name)


def idle(address, port, name):
    """An idle connection ends after five seconds, also one that dribbles."""
    quiet, slow = connect(address, port), connect(address, port)
    began = time.time()
    slow.settimeout(0.5)
    while time.time() - began < 8:
        try:
            slow.sendall(b"\0")
            if slow.recv(100) == b"":
                break
        except socket.timeout:
            continue
        except OSError:
            break
    took = time.time() - began
    expect(quiet.recv(1) == b"", "the quiet one stays open")
    expect(4 < took < 7, "the slow one ended after %.1f s" % took)


def crowd(address, port, name):
    """Three hundred clients that say nothing keep nobody else out."""
    silent = [connect(address, port) for _ in range(300)]
    dribbled(address, port, name)
    expect(len(silent) == 300, "")


def malformed(address, port, name):
    """Everything wrong has its own answer."""
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(2)
    s.connect((address, port))
    cases = [
        ("two questions", query(1, name, more=name_on_wire(name) + b"\0\1\0\1", counts=(2, 0, 0, 0)), 1),
        ("two OPTs", query(2, name, more=OPT + OPT, counts=(1, 0, 0, 2)), 1),
        ("a TSIG", query(3, name, more=name_on_wire("k") + struct.pack(">HHIH", 250, 255, 0, 0), counts=(1, 0, 0, 1)), 1),
        ("a pointer to itself", struct.pack(">6H", 4, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1", 1),
        ("trailing bytes", query(5, name) + b"x", 1),
        ("an answer in a question", query(6, name, counts=(1, 1, 0, 0)), 1),
        ("NOTIFY", query(7, name, flags=4 << 11), 4),
        ("AXFR", query(8, name, 252), 5),
    ]
    for what, message, rcode in cases:
        s.send(message)
        answer = s.recv(4096)
        expect(answer[:2] == message[:2] and answer[3] & 15 == rcode, what + ": " + answer.hex())
    s.send(b"\0" * 11)
    s.send(query(10, name, flags=0x8000))
    s.send(query(11, name))
    expect(is_answer(s.recv(4096), 11), "it answered a fragment or an answer")


def garbled(address, port, name):
    """A flood of mutants, then a good question."""
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, port))
    random.seed(7)
    good = query(0x1234, name, more=OPT, counts=(1, 0, 0, 1))
    for _ in range(20000):
        bad = bytearray(good)
        for _ in range(random.randrange(1, 6)):
            bad[random.randrange(len(bad))] = random.randrange(256)
        s.send(bytes(bad[: random.randrange(1, len(bad) + 1)]))
    dribbled(address, port, name)


def upstream(address, port):
    """A server for the forwarding tests."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, port))
    tcp = socket.socket()
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind((address, port))
    tcp.listen(10)
    import select

    def answer(message, whole):
        question = message[12 : message.index(b"\0", 12) + 5]
        cut = not whole and question.lower().startswith(b"\3big")
        count = 0 if cut else 200 if question.lower().startswith(b"\3big") else 1
        head = message[:2] + struct.pack(">5H", 0x8180 | (0x0200 if cut else 0), 1, count, 0, 0)
        return head + question + (b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 7])) * count

    print("ready", flush=True)
    while True:
        for s in select.select([udp, tcp], [], [])[0]:
            if s is udp:
                message, sender = udp.recvfrom(4096)
                udp.sendto(answer(message, False), sender)
            else:
                c = tcp.accept()[0]
                c.sendall(framed(answer(read_message(c), True)))
                c.close()


if sys.argv[1] == "upstream":
    upstream(sys.argv[2], int(sys.argv[3]))
else:
    globals()[sys.argv[1]](sys.argv[2], int(sys.argv[3]), sys.argv[4])
    print("good")
