"""A large transfer while its path changes, seen by a program beside the dialler's gateway.

usage: upgrade.py fresh DIALLER_SOCKET OTHER_SOCKET PLACE SIZE
       upgrade.py change DIALLER_SOCKET OTHER_SOCKET PLACE SIZE FRESH_RATE LAB...

`fresh` waits until both gateways say direct, downloads for some seconds and prints the rate. `change`
downloads SIZE bytes of net.py's `source`, first over the relay; LAB and the word "mend" lets the two
reach one another, with "cut" it ends. It prints a line for each change, and at the end one line

  hash=right|wrong stall=SECONDS rates=PERCENT,PERCENT     of the fresh rate, 5 s after each upgrade
"""
import hashlib
import socket
import subprocess
import sys
import threading
import time

import net
from control import Control

SETTLE, SPAN = 5.0, 4.0  # seconds until the throughput is measured, and over which


class Download:
    """Reads to the end in a thread of its own, and counts."""

    def __init__(self, listen, size):
        host, port = listen.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), 30)
        self.size, self.got, self.over = size, 0, False
        self.heard, self.stall = time.monotonic(), 0.0
        self.hash = hashlib.sha256()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            while data := self.socket.recv(1 << 18):
                now = time.monotonic()
                self.stall, self.heard = max(self.stall, now - self.heard), now
                self.hash.update(data)
                self.got += len(data)
        except OSError as error:
            print(f"# the stream broke: {error}", flush=True)
        self.over = True

    def rate(self, seconds=SPAN):
        before, began = self.got, time.monotonic()
        time.sleep(seconds)
        if self.over:
            print("# the transfer was over before it was measured", flush=True)
        return (self.got - before) / (time.monotonic() - began)

    def quiet(self):
        return max(self.stall, 0 if self.over else time.monotonic() - self.heard)

    def is_right(self):
        want = hashlib.sha256()
        for block in net.blocks(self.size):
            want.update(block)
        return self.got == self.size and self.hash.digest() == want.digest()


class Pair:
    """Both gateways."""

    def __init__(self, dialler, other):
        self.side = [Control(dialler), Control(other)]
        self.id = [c.ask(cmd="status")["id"] for c in self.side]

    def open(self, place):
        listen = self.side[0].ask(cmd="open", place=place)[0]["listen"]
        return listen if isinstance(listen, str) else listen[0]

    def states(self):
        return {self.side[i].peer(self.id[1 - i]).get("state") for i in (0, 1)}

    def become(self, state, seconds):
        began = time.monotonic()
        while self.states() != {state}:
            if time.monotonic() - began > seconds:
                why = self.side[0].peer(self.id[1]).get("why_not_direct")
                sys.exit(f"not {state} after {seconds} s: {self.states()}; {why}")
            time.sleep(0.05)
        return time.monotonic() - began


def show(what, rate, fresh):
    print(f"{what}: {rate / 1e6:.1f} MB/s, {100 * rate / fresh:.0f} % of a fresh direct connection",
          flush=True)


def fresh_rate(pair, place, size):
    listen = pair.open(place)
    pair.become("direct", 30)
    download = Download(listen, size)
    time.sleep(SETTLE)
    print(f"{download.rate():.0f}")


def upgrade(pair, download, fresh, what, mend):
    mend()
    print(f"{what}: {pair.become('direct', 60):.2f} s after it was possible", flush=True)
    time.sleep(SETTLE)
    rate = download.rate()
    show("  5 s later", rate, fresh)
    return 100 * rate / fresh


def change(pair, place, size, fresh, lab):
    def tell(word):
        subprocess.run([*lab, word, "home-alice", "home-bob"], check=True,
                       stdout=subprocess.DEVNULL)

    download = Download(pair.open(place), size)
    time.sleep(2)
    show("relay", download.rate(), fresh)
    first = upgrade(pair, download, fresh, "direct", lambda: tell("mend"))
    download.stall = 0.0
    tell("cut")
    print(f"relay: {pair.become('relayed', 15):.2f} s after the cut, stall {download.quiet():.2f} s",
          flush=True)
    time.sleep(2)
    show("  2 s later", download.rate(2), fresh)
    second = upgrade(pair, download, fresh, "direct again", lambda: tell("mend"))
    end = time.monotonic() + 240
    while not download.over and time.monotonic() < end:
        time.sleep(0.1)
    print(f"hash={'right' if download.is_right() else 'wrong'} stall={download.quiet():.2f} "
          f"rates={first:.0f},{second:.0f}")


def main():
    kind, dialler, other, place, size = sys.argv[1:6]
    pair = Pair(dialler, other)
    if kind == "fresh":
        fresh_rate(pair, place, int(size))
    else:
        change(pair, place, int(size), float(sys.argv[6]), sys.argv[7:])


main()
