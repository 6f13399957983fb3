// What can be told of a page by a program: an expression whose value is a line for each thing that is
// not as it should be.
(() => {
  const found = [];
  const shown = (e) => e.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}) && e.getClientRects().length > 0;
  const numbers = (color) => (color.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  function behind(e) {
    for (; e; e = e.parentElement) {
      const c = numbers(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  }
  for (const e of document.body.querySelectorAll("*")) {
    if (!shown(e) || e.closest("svg, .visually-hidden, .skip")) continue;
    const text = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join("").trim();
    if (!text) continue;
    const ratio = contrast(light(numbers(getComputedStyle(e).color)), light(behind(e)));
    if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(2)}: ${text.slice(0, 40)}`);
  }
  for (const e of document.querySelectorAll("button, a, input, select")) {
    const name = e.getAttribute("aria-label") || e.innerText || e.labels?.[0]?.innerText || "";
    if (shown(e) && !name.trim()) found.push(`no name: ${e.outerHTML.slice(0, 80)}`);
    if (shown(e) && e.matches("button") && e.getBoundingClientRect().height < 24) found.push(`small: ${name}`);
  }
  let level = 0;
  for (const h of [...document.querySelectorAll("h1, h2, h3, h4")].filter(shown)) {
    const next = Number(h.tagName[1]);
    if (next > level + 1) found.push(`a heading is left out before: ${h.innerText}`);
    level = next;
  }
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) found.push("not one main");
  if (!document.documentElement.lang) found.push("no language");
  for (const t of document.querySelectorAll("table"))
    if (!t.querySelector("th[scope=col]") || !t.querySelector("th[scope=row]") && t.querySelector("tbody tr")) found.push("a table without headers");
  for (const s of document.querySelectorAll("svg")) if (shown(s) && s.getAttribute("role") !== "img") found.push("a picture without a role");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  if (new Set(ids).size !== ids.length) found.push("an id comes twice");
  if (document.documentElement.scrollWidth > innerWidth) found.push(`wider than the window: ${document.documentElement.scrollWidth}`);
  return found.join("\n") || "nothing wrong";
})()
