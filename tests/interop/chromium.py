#!/usr/bin/env python3
"""Chromium without a window, led step by step over its debugging pipe (no port, no library).

    chromium.py PROFILE [STEP...]        steps, in their order:

    size=WIDTHxHEIGHT    of the window, in CSS pixels            scheme=dark|light   prefers-color-scheme
    open=URL             begins to load a page                   until=EXPRESSION    waits for it, at most 60 s
    print=EXPRESSION     its value, on a line                    shot=FILE.png       the whole page as a picture
    click=SELECTOR       a mouse click in the middle of it       keys=TEXT           Tab, Enter, Escape or letters

What the page's console said goes to standard error. proxy=HOST:PORT, pac=URL or socks=HOST:PORT may
stand first. Exit code 1: an expression did not become true.
"""
import base64
import json
import os
import subprocess
import sys
import time


def proxy_arguments(word):
    kind, value = word.split("=", 1)
    if kind == "pac":
        return [f"--proxy-pac-url={value}"]
    return [f"--proxy-server={'socks5://' if kind == 'socks' else ''}{value}"]


class Browser:
    def __init__(self, profile, proxy):
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        arguments = [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
            f"--user-data-dir={profile}"] + proxy
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{from_write}', "chromium"] + arguments,
            pass_fds=(to_read, from_write), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(from_write)
        self.out, self.source = os.fdopen(to_write, "wb", 0), os.fdopen(from_read, "rb", 0)
        self.rest, self.number, self.session = b"", 0, None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def next(self):
        while b"\0" not in self.rest:
            more = os.read(self.source.fileno(), 1 << 20)
            if not more:
                sys.exit("the browser has ended")
            self.rest += more
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def ask(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self.next()
            self.note(answer)
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']['message']}")
                return answer["result"]

    @staticmethod
    def note(message):
        if message.get("method") == "Runtime.consoleAPICalled":
            print("CONSOLE", *[a.get("value", a.get("description")) for a in message["params"]["args"]], file=sys.stderr)
        elif message.get("method") == "Runtime.exceptionThrown":
            details = message["params"]["exceptionDetails"]
            print("EXCEPTION", details.get("exception", {}).get("description", details["text"]), file=sys.stderr)
        elif message.get("method") == "Log.entryAdded":
            print("LOG", message["params"]["entry"]["text"], file=sys.stderr)

    def value(self, expression):
        answer = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        return answer["result"].get("value")

    def until(self, expression):
        end = time.monotonic() + 60
        while not self.value(f"Boolean({expression})"):
            if time.monotonic() > end:
                print(self.value("document.body?.innerText"), file=sys.stderr)
                sys.exit(f"it did not come true: {expression}")
            time.sleep(0.05)

    def shot(self, file):
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        picture = self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        with open(file, "wb") as out:
            out.write(base64.b64decode(picture["data"]))

    def click(self, selector):
        box = self.value(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView("
                         "{block: 'center'}); const b = e.getBoundingClientRect(); return [b.x + b.width / 2, "
                         "b.y + b.height / 2]; })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def keys(self, text):
        for key in [text] if text in ("Tab", "Enter", "Escape") else text:
            codes = {"Tab": 9, "Enter": 13, "Escape": 27}
            extra = {"windowsVirtualKeyCode": codes[key], "code": key} if key in codes else {}
            if key == "Enter" or len(key) == 1:
                extra["text"] = "\r" if key == "Enter" else key
            for kind in ("keyDown", "keyUp"):
                self.ask("Input.dispatchKeyEvent", type=kind, key=key, **extra)

    def take(self, step):
        what, value = step.split("=", 1)
        if what == "size":
            width, height = map(int, value.split("x"))
            self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                     mobile=width < 500)
        elif what == "scheme":
            self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])
        elif what == "open":
            self.ask("Page.navigate", url=value)
        elif what == "print":
            print(self.value(value), flush=True)
        else:
            {"until": self.until, "shot": self.shot, "click": self.click, "keys": self.keys}[what](value)


def main():
    steps = sys.argv[2:]
    named = steps and steps[0].split("=")[0] in ("proxy", "pac", "socks")
    proxy = proxy_arguments(steps.pop(0)) if named else []
    browser = Browser(sys.argv[1], proxy)
    try:
        for step in steps:
            browser.take(step)
    finally:
        browser.process.terminate()
        browser.process.wait()


main()
