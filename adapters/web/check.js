"use strict";
// Finds out whether this page, which is served as a peer's is, can read from this machine's loopback.
// WHERE comes from /where.js: where the gateway has a text for anybody, or "".

const VERDICTS = {
  read: "A peer's page opened this way CAN read services on your own machine that let anybody read.",
  refused: "A peer's page opened this way can NOT read services on your own machine.",
  held: "A peer's page opened this way can NOT read services on your own machine unless you allow it: the browser asks you first.",
  unknown: "This cannot be tried: the proxy is not at an IPv4 address of this machine.",
};

async function attempt() {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 4000);
  try {
    const answer = await fetch(WHERE, {signal: stop.signal, cache: "no-store"});
    await answer.text();
    return "read";
  } catch (e) {
    return e.name === "AbortError" ? "held" : "refused";
  } finally {
    clearTimeout(timer);
  }
}

function show(verdict) {
  const place = document.getElementById("verdict");
  place.textContent = VERDICTS[verdict];
  place.dataset.verdict = verdict;
  if (verdict !== "read") return;
  const pac = `${new URL(WHERE).origin}/proxy.pac`;
  document.getElementById("advice").textContent =
    `In Chromium, set ${pac} as the automatic proxy configuration and open peers without .localhost. ` +
    "In any browser that asks before pages reach this machine, set this machine up once:";
  document.getElementById("command").textContent = "sudo overlay setup";
  document.getElementById("advice-part").hidden = false;
}

document.getElementById("where").textContent = WHERE || "which there is none of";
if (WHERE) attempt().then(show);
else show("unknown");
