"""One cell of the grid of NATs, seen by a program beside the dialler's gateway.

usage: grid_cell.py DIALLER_SOCKET DIALLER_ID OTHER_SOCKET OTHER_ID PLACE SECONDS

Opens PLACE by the dialler's control socket and talks to the echo behind it without a pause, until 3 s
after both gateways said direct or until SECONDS have passed. Prints one line:

  echoed=MS direct=MS silence=MS lost=0|1 why=TEXT     times from asking; direct=- if it was not
"""
import selectors
import socket
import sys
import time

from control import Control

EVERY = 0.02  # seconds between two messages to the echo
LOOK = 0.05   # and between two looks at the gateways
AFTER = 3.0   # so long the direct path is watched
MESSAGE = 64


class Pulse:
    """Talks to an echo all the time; knows when it was quiet."""

    def __init__(self, listen, began):
        host, port = listen.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), 30)
        self.socket.setblocking(False)
        self.watch = selectors.DefaultSelector()
        self.watch.register(self.socket, selectors.EVENT_READ)
        self.began, self.first, self.heard, self.quiet = began, None, None, 0.0
        self.sent = self.received = 0
        self.said = 0.0
        self.lost = False

    @staticmethod
    def piece(start, length):
        return bytes((place * 167 + (place >> 8) * 13) & 255 for place in range(start, start + length))

    def say(self):
        try:
            self.sent += self.socket.send(self.piece(self.sent, MESSAGE))
        except BlockingIOError:
            pass
        except OSError:
            self.lost = True

    def hear(self, seconds):
        if not self.watch.select(seconds):
            return
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or data != self.piece(self.received, len(data)):
            self.lost = True
            return
        now = time.monotonic()
        self.quiet = self.silence(now)
        self.received += len(data)
        self.heard, self.first = now, self.first or now

    def silence(self, now):
        return max(self.quiet, now - self.heard) if self.heard else self.quiet

    def run(self, seconds):
        end = time.monotonic() + seconds
        while not self.lost and (left := end - time.monotonic()) > 0:
            self.hear(min(left, EVERY))
            if time.monotonic() - self.said >= EVERY:
                self.said = time.monotonic()
                self.say()


def ms(seconds):
    return "-" if seconds is None else f"{seconds * 1000:.0f}"


def main():
    dialler_socket, dialler_id, other_socket, other_id, place, patience = sys.argv[1:]
    dialler, other = Control(dialler_socket), Control(other_socket)
    began = time.monotonic()
    opened = dialler.ask(cmd="open", place=place)[0]
    listen = opened["listen"] if isinstance(opened["listen"], str) else opened["listen"][0]
    pulse = Pulse(listen, began)
    direct = None
    while not pulse.lost and time.monotonic() - began < float(patience):
        pulse.run(LOOK)
        if (dialler.peer(other_id).get("state") == "direct"
                and other.peer(dialler_id).get("state") == "direct"):
            direct = time.monotonic() - began
            break
    pulse.quiet, pulse.heard = 0.0, time.monotonic()
    pulse.run(AFTER)
    end = dialler.peer(other_id)
    if end.get("state") != "direct":
        direct = None
    print(f"echoed={ms(pulse.first and pulse.first - began)} direct={ms(direct)} "
          f"silence={ms(pulse.silence(time.monotonic()))} lost={int(pulse.lost)} "
          f"why={end.get('why_not_direct') or end.get('last_error') or ''}")


main()
