"use strict";
// What the status page is made of: elements that change only where something is new, words for
// figures, and how the gateway is asked to do something. status.js builds the page of it.

const at = (id) => document.getElementById(id);

// ---- making and changing elements ----

// make("p.soft", {title: "x"}, "text", element, ...)
function make(what, attributes, ...children) {
  const [name, ...classes] = what.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function makeSvg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// Writes only what is new, so that a selection and the place of a screen reader stay.
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
function show(element, on) {
  if (element.hidden === on) element.hidden = !on;
}
function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

// Fills a parent anew if what it is made from has changed. Whoever had the focus keeps it.
const filled = new WeakMap();
function fill(parent, source, build) {
  const key = JSON.stringify(source);
  if (filled.get(parent) === key) return;
  filled.set(parent, key);
  const focus = parent.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const open = new Set([...parent.querySelectorAll("details[open]")].map((d) => d.dataset.key));
  parent.replaceChildren(...build());
  for (const d of parent.querySelectorAll("details")) d.open = open.has(d.dataset.key);
  if (focus) [...parent.querySelectorAll("[data-key]")].find((e) => e.dataset.key === focus)?.focus();
}

// Keeps one element for each item, in order. An item's element has .update(item).
function keep(parent, items, keyOf, build) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let before = null;
  for (const item of items) {
    const key = keyOf(item);
    let element = old.get(key);
    old.delete(key);
    if (!element) {
      element = build(item);
      element.dataset.key = key;
    }
    element.update(item);
    const place = before ? before.nextSibling : parent.firstChild;
    if (place !== element) parent.insertBefore(element, place);
    before = element;
  }
  for (const element of old.values()) element.remove();
}

// ---- words ----

const nameOf = (peer) => peer.alias || peer.id.slice(0, 8) + "…";
const plural = (n, one, many) => `${n} ${n === 1 ? one : many}`;

function bytes(n) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0;
  for (; n >= 1000 && i < units.length - 1; i++) n /= 1000;
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return "less than a minute";
  if (s < 3600) return plural(Math.round(s / 60), "minute", "minutes");
  if (s < 2 * 86400) return plural(Math.round(s / 3600), "hour", "hours");
  return plural(Math.round(s / 86400), "day", "days");
}

const STATES = {
  direct: "direct", relayed: "relayed", finding: "connecting", unreachable: "unreachable",
  idle: "not connected", blocked: "blocked",
};
const KINDS = {udp: "UDP", tcp: "TCP", relay: "a relay", turn: "a TURN server"};

function pathText(peer) {
  if (peer.state === "blocked")
    return peer.blocked_why ? `Blocked by the gateway: ${peer.blocked_why}` : "Nothing is heard from it.";
  if (!peer.kind) {
    if (peer.state === "unreachable" && peer.last_error) return peer.last_error;
    return peer.state === "finding" ? "Looking for a way." : "Connects when something needs it.";
  }
  const over = KINDS[peer.kind] || peer.kind;
  const where = peer.remote ? `, ${peer.remote}` : "";
  return peer.state === "direct" ? `Directly over ${over}${where}` : `Through ${over}${where}`;
}

// ---- asking the gateway to do something ----

const KEY = "overlay-key";
let key = null;
function keyHeader() {
  return key ? {"X-Overlay-Key": key} : {};
}

// A link's key is changed at once for one that lasts, and leaves the address bar before anything
// else happens. The other one stays in this tab.
async function enter() {
  const link = new URLSearchParams(location.hash.slice(1)).get("key");
  try { key = sessionStorage.getItem(KEY); } catch { key = null; }
  if (!link) return;
  history.replaceState(null, "", "/");
  try {
    const answer = await fetch("/enter", {method: "POST", headers: {"X-Overlay-Key": link}, cache: "no-store"});
    if (answer.ok) key = (await answer.json()).key;
    else if (!key) say("This link was used already, or is too old. Print a fresh one: overlay status --web");
    if (answer.ok) sessionStorage.setItem(KEY, key);
  } catch { /* the stream says that the gateway is away */ }
}

// A line at the foot of the window, which screen readers read out.
let saying = null;
function say(text) {
  clearTimeout(saying);
  put(at("said"), text);
  saying = setTimeout(() => put(at("said"), ""), 8000);
}

async function act(request) {
  try {
    const answer = await fetch("/act", {
      method: "POST", cache: "no-store", body: JSON.stringify(request),
      headers: {"Content-Type": "application/json", ...keyHeader()},
    });
    if (answer.status === 403) {
      forget();
      return {error: "This window may not change anything any more."};
    }
    return await answer.json();
  } catch {
    return {error: "The gateway did not answer."};
  }
}

function forget() {
  key = null;
  try { sessionStorage.removeItem(KEY); } catch { /* there was none */ }
  reconnect();
}

// Asks first where something ends for somebody.
function sure(title, text, yes) {
  const dialog = at("sure");
  put(at("sure-h"), title);
  put(at("sure-text"), text);
  put(at("sure-yes"), yes);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), {once: true});
  });
}

function actButton(label, name, request, question) {
  const button = make("button.quiet", {type: "button", "aria-label": `${label} ${name}`}, label);
  if (question) button.classList.add("bad");
  button.dataset.key = `${request.cmd} ${name}`;
  button.addEventListener("click", async () => {
    if (question && !(await sure(`${label} ${name}?`, question, label))) return;
    button.disabled = true;
    const answer = await act(request);
    button.disabled = false;
    say(answer.error ? `That did not work: ${answer.error}` : `Done: ${label.toLowerCase()} ${name}.`);
  });
  return button;
}

function copyButton(label, text, what) {
  const button = make("button.quiet", {type: "button", "aria-label": `${label}, ${what}`}, label);
  button.dataset.key = `copy ${what}`;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      put(button, "Copied");
      say(`${what} is in the clipboard.`);
    } catch {
      say("The browser did not let the page copy.");
    }
    setTimeout(() => put(button, label), 2000);
  });
  return button;
}
