"use strict";
// The status page. What it shows comes from the gateway as events (GET /events), and some of that
// was said by other gateways: it goes into the page as text, never as HTML.

// ---- peers ----

const WIDTH = 120, HEIGHT = 36;

// Two paths for what was measured: the line and the area below it; a gap where there was no answer.
function sparkPaths(history) {
  const known = history.filter((v) => v !== null);
  const top = Math.max(...known, 1) * 1.15;
  const step = WIDTH / Math.max(history.length - 1, 1);
  let line = "", area = "", start = null;
  history.forEach((v, i) => {
    const x = (i * step).toFixed(1);
    const end = i === history.length - 1 || history[i + 1] === null;
    if (v === null) return;
    const y = (HEIGHT - (v / top) * HEIGHT).toFixed(1);
    line += start === null ? `M${x} ${y}` : `L${x} ${y}`;
    area += start === null ? `M${x} ${HEIGHT}L${x} ${y}` : `L${x} ${y}`;
    start = start ?? x;
    if (!end) return;
    if (start === x) line += `h.1`;
    area += `L${x} ${HEIGHT}Z`;
    start = null;
  });
  return {line, area, least: Math.min(...known), most: Math.max(...known)};
}

function serviceChip(peer, offer) {
  const port = peer.ports.find((p) => p.service === offer.service);
  if (port?.url && /^https?:/.test(port.url))
    return make("a", {href: port.url, rel: "noopener noreferrer", target: "_blank"}, offer.service);
  if (port) return make("span", {title: "open at this machine"}, `${offer.service} at ${port.listen[0] || "?"}`);
  return make("span", {title: `overlay open ${offer.service}.${nameOf(peer)}`}, offer.service);
}

function peerActions(peer) {
  const name = nameOf(peer);
  if (!view.may) return [];
  if (peer.state === "blocked") return [actButton("Unblock", name, {cmd: "unblock", peer: peer.id})];
  const revoke = peer.guest ? [actButton("Revoke", name, {cmd: "revoke", what: peer.id},
    "It may no longer use what it was invited to; who was known by an invite alone is a stranger again.")] : [];
  return [...revoke, actButton("Block", name, {cmd: "block", peer: peer.id},
    "Its session ends at once, and nothing that it sends is listened to any more.")];
}

function peerCard(first) {
  const name = make("h3"), badge = make("span.badge"), path = make("p.soft"), why = make("p.soft");
  const value = make("strong"), number = make("span"), line = makeSvg("path", {}), area = makeSvg("path", {class: "area"});
  value.append(number, make("small", null, " ms"));
  const spark = makeSvg("svg", {class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img"}, area, line);
  const trip = make("div.trip", null, make("span.visually-hidden", null, "Round trip"), value, spark);
  const chips = make("ul.chips", {"aria-label": `What ${nameOf(first)} offers`});
  const traffic = make("span"), actions = make("span.acts");
  const card = make("li.card", null, make("header", null, name, badge), path, trip, why, chips,
    make("footer", null, traffic, actions));
  card.update = (peer) => {
    put(name, nameOf(peer));
    set(name, "title", peer.id);
    put(badge, STATES[peer.state] || peer.state);
    set(badge, "data-state", peer.state);
    put(path, pathText(peer));
    show(trip, peer.rtt !== null);
    if (peer.rtt !== null) put(number, peer.rtt < 10 ? peer.rtt.toFixed(1) : String(Math.round(peer.rtt)));
    const paths = peer.history.filter((v) => v !== null).length > 1 ? sparkPaths(peer.history) : null;
    spark.toggleAttribute("hidden", !paths);
    if (paths) {
      set(line, "d", paths.line);
      set(area, "d", paths.area);
      set(spark, "aria-label", `between ${paths.least} and ${paths.most} ms in the last five minutes`);
    }
    show(why, peer.state === "relayed" && Boolean(peer.why_not_direct));
    put(why, peer.why_not_direct ? `Not direct: ${peer.why_not_direct}` : "");
    show(chips, Boolean(peer.offers?.length));
    fill(chips, [peer.offers, peer.ports], () => (peer.offers || []).map((o) => make("li", null, serviceChip(peer, o))));
    put(traffic, `${bytes(peer.rx_bytes)} in, ${bytes(peer.tx_bytes)} out`);
    fill(actions, [view.may, peer.state === "blocked", peer.guest, nameOf(peer)], () => peerActions(peer));
  };
  return card;
}

function drawPeers() {
  keep(at("peer-list"), view.peers, (p) => p.id, peerCard);
  show(at("peer-list"), view.peers.length > 0);
  show(at("peers-empty"), view.peers.length === 0);
  const more = view.peer_count - view.peers.length;
  show(at("peers-more"), more > 0);
  put(at("peers-more"), `And ${plural(more, "other", "others")}: overlay status lists all of them.`);
}

// ---- services ----

function whoMay(service) {
  if (service.public) return service.deny.length ? `Everybody but ${service.deny.join(", ")}` : "Everybody";
  return service.allow.length ? service.allow.join(", ") : "Nobody yet";
}

// The roles are said because the rows of a narrow window are no table to the browser any more.
function row(header, ...cells) {
  return make("tr", {role: "row"}, make("th", {scope: "row", role: "rowheader"}, ...header),
    ...cells.map(([label, name, ...content]) => make(name ? `td.${name}` : "td", {role: "cell", "data-label": label}, ...content)));
}

function sharedRow(service) {
  const leads = service.target || "";
  const close = service.from_config ? make("span.soft", {title: "It stands in overlay.conf"}, "by configuration")
    : actButton("Close", service.id, {cmd: "close", id: service.id}, "Connections to it end, and peers no longer see it.");
  return row([service.id, make("div.soft", null, `${service.proto}, port ${service.port}`)],
    ["Leads to", "", make("code", null, leads)],
    ["Who may use it", "", whoMay(service)],
    ["Now", "num", make("div", null, plural(service.connections, "connection", "connections"),
      make("div.soft", null, bytes(service.rx_bytes + service.tx_bytes)))],
    ["", "acts", view.may ? close : null]);
}

function openedRow(port) {
  const linked = port.url && /^https?:/.test(port.url);
  const link = linked ? make("a", {href: port.url, rel: "noopener noreferrer", target: "_blank"}, port.id) : port.id;
  if (linked) link.dataset.key = port.url;
  return row([link],
    ["At this machine", "", make("div", null, make("code", null, port.listen || "-"),
      port.listening ? null : make("div.soft", null, "the port is taken"))],
    ["", "acts", view.may ? actButton("Close", port.id, {cmd: "close", id: port.id}, "Programs on this machine no longer reach it.") : null]);
}

function drawTable(name, rows, source, build) {
  show(at(`${name}-box`), rows.length > 0);
  show(at(`${name}-empty`), rows.length === 0);
  fill(at(`${name}-rows`), [view.may, source], () => rows.map(build));
}

// ---- invites ----

const pictures = new Map();
async function drawQr(place, invite) {
  const id = `${invite.number} ${invite.ticket}`;
  if (!pictures.has(id)) pictures.set(id, act({cmd: "qr", number: invite.number}));
  const answer = await pictures.get(id);
  if (!answer.ok) {
    pictures.delete(id);
    return;
  }
  const {width, path} = answer.result;
  place.replaceChildren(makeSvg("svg", {
    class: "qr", viewBox: `-2 -2 ${width + 4} ${width + 4}`, role: "img", "shape-rendering": "crispEdges",
    "aria-label": `The ticket of invite ${invite.number} as a QR code`,
  }, makeSvg("path", {d: path})));
}

function inviteCard(first) {
  const badge = make("span.badge"), more = make("p.soft"), card = make("li.card");
  const title = make("h3", null, first.service ? `To ${first.service}` : "To become a peer");
  card.append(make("header", null, title, badge));
  if (first.code) {
    const qr = make("div");
    card.append(make("p.code", null, first.code),
      make("p.soft", null, "Tell your guest to run ", make("code", null, `overlay open ${first.code}`)), qr,
      make("details", null, make("summary", null, "The ticket, which nobody can guess"), make("p.ticket", {tabindex: "0"}, first.ticket)));
    drawQr(qr, first);
  }
  const actions = make("span.acts");
  if (first.code) actions.append(copyButton("Copy code", () => first.code, `The code of invite ${first.number}`),
    copyButton("Copy ticket", () => first.ticket, `The ticket of invite ${first.number}`));
  if (view.may) actions.append(actButton("End", `invite ${first.number}`, {cmd: "revoke", what: String(first.number)},
    "Nobody can use it any more. Guests that came by it stay."));
  card.append(make("footer", null, more, actions));
  card.update = (invite) => {
    put(badge, `${span(invite.until - Date.now() / 1000)} left`);
    const tries = invite.tries === 0 ? "; the code is burnt, the ticket is good" : invite.tries < 3 ? `; ${plural(invite.tries, "try", "tries")} left` : "";
    put(more, `Invite ${invite.number}, for ${plural(invite.uses, "guest", "guests")}${tries}.`);
  };
  return card;
}

function drawInvites() {
  keep(at("invite-list"), view.invites, (i) => `${i.number} ${i.code || ""} ${view.may}`, inviteCard);
  show(at("invite-list"), view.invites.length > 0);
  show(at("invites-empty"), view.invites.length === 0);
  show(at("invite-form"), view.may);
  const names = view.services.map((s) => s.id);
  fill(at("invite-service"), names, () => names.length ? names.map((n) => make("option", {value: n}, n))
    : [make("option", {value: ""}, "become a peer, no more")]);
}

async function onInvite(event) {
  event.preventDefault();
  const button = event.target.querySelector("button");
  const service = at("invite-service").value;
  button.disabled = true;
  const answer = await act({
    cmd: "invite", for: at("invite-for").value, uses: Number(at("invite-uses").value) || 1,
    ...(service ? {service} : {}),
  });
  button.disabled = false;
  say(answer.error ? `That did not work: ${answer.error}` : `The code is ${answer.result.code}.`);
}

// ---- the network ----

const NAT = {
  public: ["No NAT", "This machine has a public address."],
  cone: ["An easy NAT", "Most peers are reached directly."],
  symmetric: ["A strict NAT", "Another port for every peer; direct paths need luck or a relay."],
  symmetric_block: ["A strict NAT", "Ports out of a block; direct paths take some guessing."],
  symmetric_random: ["A strict NAT", "A random port for every peer; many are reached through a relay."],
  udp_blocked: ["UDP is blocked", "Peers are reached over TCP or TLS, through a relay."],
  unknown: ["Not known yet", "Without STUN servers or peers there is nobody to ask."],
};

function fact(title, value, more) {
  return make("div", null, make("dt", null, title), make("dd", null, value), more ? make("dd", null, more) : null);
}

function facts() {
  const {nat, dns, dht, relay, udp, proxy} = view.network;
  const [what, means] = NAT[nat.class] || [nat.class, ""];
  const home = relay.home ? relay.home.replace(/^[^@]*@/, "") : null;
  const dhtText = dht.mode === "off" ? "Off" : `${plural(dht.nodes || 0, "node", "nodes")} known`;
  const record = dht.record === "published" ? "Our record is published." : dht.mode === "off" ? "" : "Our record is not published yet.";
  return [
    fact("NAT", what, means),
    fact("Address outside", nat.public || nat.public_v6 || "Not known",
      nat.port_mapping ? `The router forwards a port: ${nat.port_mapping}` : `Inside: ${udp.join(", ") || "-"}`),
    fact("Names", `.${dns.suffix} at ${dns.listen.join(", ") || "nowhere"}`,
      dns.listen.length ? "The DNS server answers there; browsers need none for .localhost." : "The DNS server does not run."),
    fact("Proxy for browsers", proxy.listen.join(", ") || "nowhere", "HTTP, CONNECT, SOCKS5, and /proxy.pac"),
    fact("Relay", home || "None in use", relay.serving ? `This one relays for ${plural(relay.registered || 0, "peer", "peers")}.`
      : home ? "Peers that have no direct path come through it." : "Peers need a direct path."),
    fact("DHT", dhtText, [record, dht.serving ? "It answers others." : ""].filter(Boolean).join(" ")),
  ];
}

const LEVELS = {ok: "fine", note: "note", problem: "problem"};
function finding(f) {
  return make("li", null, make("span.badge", {"data-state": f.level}, LEVELS[f.level] || f.level),
    make("div", null, make("p", null, f.what), f.why ? make("p.soft", null, f.why) : null,
      f.tried ? make("p.soft", null, f.tried) : null, f.advice ? make("p", null, f.advice) : null));
}

function drawHealth() {
  const fine = view.findings.filter((f) => f.level === "ok"), other = view.findings.filter((f) => f.level !== "ok");
  const order = (f) => f.level === "problem" ? 0 : 1;
  other.sort((a, b) => order(a) - order(b));
  fill(at("facts"), view.network, facts);
  fill(at("findings"), other, () => other.length ? other.map(finding)
    : [finding({level: "ok", what: "Nothing is wrong."})]);
  show(at("fine"), fine.length > 0);
  put(at("fine-h"), other.length ? `${plural(fine.length, "thing is", "things are")} fine` : `What was looked at (${fine.length})`);
  fill(at("fine-list"), fine, () => fine.map(finding));
}

// ---- all of it ----

let view = null;

function lead() {
  const connected = view.peers.filter((p) => p.kind).length, direct = view.peers.filter((p) => p.state === "direct").length;
  const problems = view.findings.filter((f) => f.level === "problem").length;
  const parts = [];
  if (view.peer_count === 0) parts.push("No peers yet");
  else if (connected === 0) parts.push(`${plural(view.peer_count, "peer", "peers")}, none connected now`);
  else parts.push(`${connected} of ${plural(view.peer_count, "peer", "peers")} connected, ${direct === connected ? (direct === 1 ? "directly" : "all directly") : direct === 0 ? "through a relay" : `${direct} directly`}`);
  parts.push(view.services.length ? `${plural(view.services.length, "service", "services")} shared` : "nothing shared");
  return `${parts.join("; ")}${problems ? `; doctor has ${plural(problems, "problem", "problems")} to tell` : ""}.`;
}

function draw() {
  for (const id of ["self", "lead", "peers", "shared", "opened", "invites", "health", "bottom"]) show(at(id), true);
  show(at("looking"), !view.may);
  put(at("self-id"), view.id.slice(0, 8) + "…");
  set(at("self-id"), "title", view.id);
  put(at("lead"), lead());
  drawPeers();
  drawTable("shared", view.services, view.services, sharedRow);
  drawTable("opened", view.open, view.open, openedRow);
  drawInvites();
  drawHealth();
  put(at("about"), `Overlay ${view.version}, running since ${new Date(view.since * 1000).toLocaleString()}.`);
  put(at("fingerprint"), view.fingerprint);
}

// ---- the stream ----

const SILENCE = 40000, LONGEST = 15000;
const WORDS = {live: "Live", wait: "Connecting", lost: "Gateway away"};
let stopper = null, timer = null, quiet = null, failures = 0;

function linked(state) {
  const before = at("link").dataset.state;
  at("link").dataset.state = state;
  put(at("link-text"), WORDS[state]);
  if (before === "lost" && state === "live") say("The gateway answers again.");
  if (before !== "lost" && state === "lost") say("The gateway does not answer.");
  show(at("lost"), state === "lost");
}

function listen() {
  clearTimeout(quiet);
  quiet = setTimeout(() => stopper?.abort(), SILENCE);
}

function onEvent(text) {
  const data = text.split("\n").filter((l) => l.startsWith("data: ")).map((l) => l.slice(6)).join("\n");
  if (!data) return;
  view = JSON.parse(data);
  if (key && !view.may) {
    key = null;
    try { sessionStorage.removeItem(KEY); } catch { /* there was none */ }
  }
  draw();
}

async function read(signal) {
  const answer = await fetch("/events", {headers: keyHeader(), cache: "no-store", signal});
  if (!answer.ok) throw new Error((await answer.text()).split("\n")[2] || "");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const {value, done} = await reader.read();
    if (done) return;
    listen();
    failures = 0;
    linked("live");
    text += value;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) onEvent(text.slice(0, end));
  }
}

async function connect() {
  clearTimeout(timer);
  if (stopper) return;
  const mine = stopper = new AbortController();
  let why = "";
  listen();
  try {
    await read(mine.signal);
  } catch (error) {
    why = error instanceof TypeError || error.name === "AbortError" ? "" : error.message;
  }
  clearTimeout(quiet);
  if (stopper === mine) stopper = null;
  if (document.hidden || stopper) return;
  failures++;
  linked("lost");
  const wait = Math.min(1000 * 2 ** (failures - 1), LONGEST);
  put(at("lost-title"), why || "The gateway does not answer.");
  put(at("lost-text"), `${view ? "What is below was true when it last did. " : ""}Trying again ${wait < 2000 ? "at once" : `every ${Math.round(wait / 1000)} seconds`}.`);
  timer = setTimeout(connect, wait);
}

function disconnect() {
  clearTimeout(timer);
  stopper?.abort();
  stopper = null;
}

function reconnect() {
  disconnect();
  connect();
}

// A window that nobody sees costs nothing.
document.addEventListener("visibilitychange", () => document.hidden ? disconnect() : connect());
addEventListener("hashchange", async () => {
  await enter();
  reconnect();
});
at("retry").addEventListener("click", reconnect);
at("invite-form").addEventListener("submit", onInvite);
at("copy-id").replaceWith(copyButton("Copy id", () => view.id, "The id of this gateway"));
setInterval(() => view && drawInvites(), 20000);

enter().then(connect);
