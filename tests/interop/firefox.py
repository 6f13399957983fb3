#!/usr/bin/env python3
"""Firefox without a window, led step by step over Marionette (its own protocol, no library).

    firefox.py PROFILE [proxy=URL|pac=URL|socks=HOST:PORT] [STEP...]     steps, in their order:

    open=URL             loads a page                            until=EXPRESSION    waits for it, at most 60 s
    print=EXPRESSION     its value, on a line                    shot=FILE.png       the page as a picture

As chromium.py has them. Exit code 1: an expression did not become true, or no page came.
"""
import base64
import json
import os
import socket
import subprocess
import sys
import time

PREFERENCES = {
    "marionette.port": 0,
    "app.update.enabled": False,
    "app.normandy.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "http://127.0.0.1:9/",
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "dom.disable_beforeunload": True,
}


def proxy_preferences(word):
    kind, value = word.split("=", 1)
    if kind == "pac":
        return {"network.proxy.type": 2, "network.proxy.autoconfig_url": value,
                "network.proxy.allow_hijacking_localhost": False}
    host, port = value.rsplit(":", 1)
    name = "socks" if kind == "socks" else "http"
    return {"network.proxy.type": 1, f"network.proxy.{name}": host, f"network.proxy.{name}_port": int(port),
            "network.proxy.socks_remote_dns": True}


class Browser:
    def __init__(self, profile, preferences):
        self.profile = profile
        with open(os.path.join(profile, "user.js"), "w", encoding="utf-8") as out:
            for name, value in preferences.items():
                out.write(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n")
        self.process = subprocess.Popen(
            ["firefox-esr", "--headless", "--no-remote", "--marionette", "--profile", profile],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.number, self.conn = 0, self.connect()
        self.source = self.conn.makefile("rb")
        self.next()  # who it is
        self.ask("WebDriver:NewSession", capabilities={"alwaysMatch": {"pageLoadStrategy": "eager"}})

    def connect(self):
        end = time.monotonic() + 40
        file = os.path.join(self.profile, "MarionetteActivePort")
        while time.monotonic() < end:
            if os.path.exists(file) and (text := open(file, encoding="utf-8").read().strip()):
                return socket.create_connection(("127.0.0.1", int(text)), timeout=60)
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit("Firefox does not start")

    def next(self):
        length = b""
        while not length.endswith(b":"):
            byte = self.source.read(1)
            if not byte:
                sys.exit("the browser has ended")
            length += byte
        return json.loads(self.source.read(int(length[:-1])))

    def ask(self, command, **parameters):
        self.number += 1
        text = json.dumps([0, self.number, command, parameters]).encode()
        self.conn.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self.next()
        if error:
            sys.exit(f"{command}: {error['message'].splitlines()[0]}")
        return result

    def value(self, expression):
        return self.ask("WebDriver:ExecuteScript", script=f"return ({expression});", args=[],
                        sandbox="default")["value"]

    def until(self, expression):
        end = time.monotonic() + 60
        while not self.value(f"Boolean({expression})"):
            if time.monotonic() > end:
                print(self.value("document.body && document.body.innerText"), file=sys.stderr)
                sys.exit(f"it did not come true: {expression}")
            time.sleep(0.05)

    def take(self, step):
        what, value = step.split("=", 1)
        if what == "open":
            self.ask("WebDriver:Navigate", url=value)
        elif what == "print":
            print(self.value(value))
        elif what == "shot":
            with open(value, "wb") as out:
                out.write(base64.b64decode(self.ask("WebDriver:TakeScreenshot", full=True)["value"]))
        else:
            {"until": self.until}[what](value)


def main():
    steps = sys.argv[2:]
    preferences = dict(PREFERENCES)
    if steps and steps[0].split("=")[0] in ("proxy", "pac", "socks"):
        preferences.update(proxy_preferences(steps.pop(0)))
    browser = Browser(sys.argv[1], preferences)
    try:
        for step in steps:
            browser.take(step)
    finally:
        browser.process.terminate()
        browser.process.wait()


main()
