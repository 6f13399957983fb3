"""What kind of NAT is in the way: nat_probe.py serve IP1 IP2 | nat_probe.py probe IP1 IP2

The server has the ports 3478 and 3479 on both addresses. The probe prints one line:

  mapping=ei|ad|apd    which destinations share a public port
  ports=preserve|sequential|random
  filter=ei|ad|apd     who may send to it
  early=kept|moved     the public port towards one whose packet came before our first
  later=same|other     and then towards the next
  expired=shut|open    a packet that dies at the router opens nothing
"""
import select
import socket
import sys

PORTS = 3478, 3479
POSITIVE, NEGATIVE = 5.0, 0.3  # seconds to wait for what must come, for what must not


def udp(address):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(address)
    return s


def serve(ips):
    """Answers "see" with who asks; "see OTHER" from another socket; "knock IP PORT" sends there."""
    by = {(ip, port): udp((ip, port)) for ip in ips for port in PORTS}
    print("ready", flush=True)
    while True:
        for s in select.select(list(by.values()), [], [])[0]:
            data, who = s.recvfrom(2048)
            word = data.decode().split()
            ip, port = s.getsockname()
            other_ip = ips[1 - ips.index(ip)]
            other_port = PORTS[1 - PORTS.index(port)]
            seen = f"{who[0]} {who[1]}".encode()
            if word[0] == "knock":
                by[ip, other_port].sendto(b"knock", (word[1], int(word[2])))
                s.sendto(b"done", who)
            elif word[1:] == ["port"]:
                by[ip, other_port].sendto(seen, who)
            elif word[1:] == ["ip"]:
                by[other_ip, port].sendto(seen, who)
            else:
                s.sendto(seen, who)


def ask(s, to, text, wait=POSITIVE):
    """The answer, or None. Nothing is lost here, so nothing is repeated."""
    s.sendto(text.encode(), to)
    s.settimeout(wait)
    try:
        return s.recvfrom(2048)[0].decode().split()
    except socket.timeout:
        return None


def public_port(s, to):
    return int(ask(s, to, "see")[1])


def mapping(first, s):
    a, b, c = (public_port(s, to) for to in ((first[0], PORTS[0]), (first[0], PORTS[1]),
                                             (first[1], PORTS[0])))
    if a == b == c:
        return "ei", a
    return ("ad" if a == b else "apd"), a


def port_rule(to):
    """By fresh sockets: each has a port of its own."""
    sockets = [udp(("", 0)) for _ in range(4)]
    own = [s.getsockname()[1] for s in sockets]
    seen = [public_port(s, to) for s in sockets]
    if own == seen:
        return "preserve"
    steps = {b - a for a, b in zip(seen, seen[1:])}
    return "sequential" if steps == {1} else "random"


def filtering(to):
    s = udp(("", 0))
    public_port(s, to)
    if ask(s, to, "see ip", NEGATIVE):
        return "ei"
    return "ad" if ask(s, to, "see port", NEGATIVE) else "apd"


def free_port():
    s = udp(("", 0))
    port = s.getsockname()[1]
    s.close()
    return port


def early(ips, public_ip):
    """The server knocks at a port from which we then speak to it."""
    port = free_port()
    ask(udp(("", 0)), (ips[0], PORTS[0]), f"knock {public_ip} {port}")
    s = udp(("", port))
    first, later = public_port(s, (ips[0], PORTS[1])), public_port(s, (ips[1], PORTS[0]))
    return f"early={'kept' if first == port else 'moved'} later={'same' if first == later else 'other'}"


def expired(ips, public_ip):
    """One hop is all it has: the router's. Then the server knocks."""
    s = udp(("", 0))
    s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
    s.sendto(b"see", (ips[0], PORTS[1]))
    ask(udp(("", 0)), (ips[0], PORTS[0]), f"knock {public_ip} {s.getsockname()[1]}")
    s.settimeout(NEGATIVE)
    try:
        s.recvfrom(2048)
        return "open"
    except socket.timeout:
        return "shut"


def probe(ips):
    to = (ips[0], PORTS[0])
    public_ip = ask(udp(("", 0)), to, "see")[0]
    rule, _ = mapping(ips, udp(("", 0)))
    print(f"mapping={rule} ports={port_rule(to)} filter={filtering(to)} "
          f"{early(ips, public_ip)} expired={expired(ips, public_ip)}")


if __name__ == "__main__":
    {"serve": serve, "probe": probe}[sys.argv[1]](sys.argv[2:4])
