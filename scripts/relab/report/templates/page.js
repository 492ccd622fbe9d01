// What a page gains where scripts run; without them it is whole. It adds no text of a run as markup.
"use strict";

// A click on a heading sorts its table, and the next one turns the order round.
const fields = (row, column) => row.cells[column].innerText.trim();
const number = text => parseFloat(text.replace(/[,\s]/g, "").replace("\u2212", "-"));

function sort(heading) {
  const body = heading.closest("table").tBodies[0];
  const column = heading.cellIndex;
  const ascending = heading.ariaSort !== "ascending";
  for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
  heading.ariaSort = ascending ? "ascending" : "descending";
  const rows = [...body.rows].map(row => [fields(row, column), row]);
  const numeric = heading.classList.contains("number");
  rows.sort(([a], [b]) => {
    if (!numeric) return (ascending ? 1 : -1) * a.localeCompare(b, "en", { numeric: true });
    const [x, y] = [number(a), number(b)];
    if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
    return ascending ? x - y : y - x;
  });
  body.append(...rows.map(([, row]) => row));
}

for (const heading of document.querySelectorAll(".plain:not(.upright) > thead th")) {
  if (heading.closest("table").rows.length < 4) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.append(heading.firstChild);
  button.addEventListener("click", () => sort(heading));
  heading.prepend(button);
}

// A link unfolds what it leads to, and shows it whatever claims or scores were chosen.
function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const all = target?.closest(".claims, .score") && target.closest("section").querySelector("[name=verdict]");
  if (all) all.checked = true;
  const more = target?.closest(".scroll")?.nextElementSibling?.querySelector(".more > input");
  if (more) more.checked = true;
  for (let part = target?.closest("details"); part; part = part.parentNode.closest("details")) part.open = true;
  target?.scrollIntoView();
}

addEventListener("hashchange", unfold);
if (location.hash) unfold();

// A search over rows, tables and figures, claims, and settings.
const MOST = 12;

function entries() {
  const entry = (kind, text, id, line) => ({ kind, text: text.replace(/\s+/g, " ").trim(), id, line });
  const all = [];
  for (const row of document.querySelectorAll(".row > h3")) all.push(entry("row", row.textContent, row.parentNode.id));
  for (const part of document.querySelectorAll(".artefact")) {
    const target = part.querySelector(".target");
    if (target) all.push(entry("", part.querySelector(".title").textContent, target.id));
  }
  for (const claim of document.querySelectorAll(".claim")) {
    const text = [".verdict", ".says", ".result"].map(name => claim.querySelector(name)?.textContent ?? "").join(" ");
    all.push(entry("claim", text, claim.querySelector(".target").id));
  }
  for (const part of document.querySelectorAll("[data-entry]")) all.push(entry(part.dataset.entry, part.textContent, part.id));
  const path = [];
  const lines = document.querySelector("#configuration pre")?.textContent.split("\n") ?? [];
  lines.forEach((line, index) => {
    const [, indent, key, value] = line.match(/^( *)([^\s:#-][^:]*):(.*)/) ?? [];
    if (key === undefined) return;
    path.length = indent.length / 2;
    path.push(key);
    all.push(entry("setting", path.join(".") + (value ? ":" + value : ""), "configuration", index));
  });
  return all;
}

// The text node in an element that holds a character of its text, and the character's place there.
function place(element, offset) {
  const nodes = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode() && offset > nodes.currentNode.length) offset -= nodes.currentNode.length;
  return [nodes.currentNode, offset];
}

// The line of a setting is marked as a reader would mark it.
function mark(index) {
  const pre = document.querySelector("#configuration pre");
  const lines = pre.textContent.split("\n");
  const start = lines.slice(0, index).join("\n").length + (index > 0);
  const range = document.createRange();
  document.getElementById("configuration").open = true;
  range.setStart(...place(pre, start));
  range.setEnd(...place(pre, start + lines[index].length));
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  pre.scrollTop += range.getBoundingClientRect().top - pre.getBoundingClientRect().top - 40;
  pre.scrollIntoView();
}

const contents = document.querySelector(".contents");
const search = document.createElement("input");
const results = document.createElement("ol");
let known;

function find() {
  known ??= entries();
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = words.length ? known.filter(({ text }) => words.every(word => text.toLowerCase().includes(word))) : [];
  results.replaceChildren(...found.slice(0, MOST).map(({ kind, text, id, line }) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    const label = document.createElement("b");
    label.textContent = kind;
    link.href = "#" + id;
    link.append(label, " " + text);
    link.addEventListener("click", () => line === undefined || setTimeout(mark, 0, line));
    item.append(link);
    return item;
  }));
  if (words.length && found.length !== results.children.length || words.length && !found.length) {
    const rest = document.createElement("li");
    rest.textContent = found.length ? `and ${found.length - MOST} more` : "nothing found";
    results.append(rest);
  }
}

search.type = "search";
search.className = "search";
search.placeholder = search.ariaLabel = contents.dataset.find;
results.className = "results";
results.ariaLive = "polite";
search.addEventListener("input", find);
search.addEventListener("keydown", event => event.key === "Enter" && results.querySelector("a")?.click());
contents.prepend(search, results);

// Pointing at a figure shows the value of the nearest point; so do the arrow keys, where its box has the focus.
const NEAR = 30; // points of the figure
const tip = document.createElement("div");
const ring = document.createElementNS("http://www.w3.org/2000/svg", "circle");
const drawings = new Map();
tip.className = "tip";
tip.role = "status";
ring.setAttribute("r", 5);
ring.setAttribute("class", "ring");

// The value at a position: where two positions of the axis and their values are known.
function valueAt(position, [label, scale, start, low, stop, high]) {
  const share = (position - start) / (stop - start);
  if (scale === "log") return `${label.replace(/ \(log scale\)/, "")}: ${Number((low * (high / low) ** share).toPrecision(4)).toLocaleString("en")}`;
  const digits = Math.ceil(Math.log10(1000 / Math.abs(high - low))); // as many as positions tell
  const value = Math.round((low + share * (high - low)) * 10 ** digits) / 10 ** digits;
  return `${label}: ${value.toLocaleString("en", { maximumFractionDigits: Math.max(digits, 0) }).replace("-", "\u2212")}`;
}

// The points of a figure, curve by curve. The browser's own hints give way.
function readPoints(svg) {
  const curves = [...svg.querySelectorAll("[data-axes] [data-curve]")].map(curve => {
    const scales = JSON.parse(curve.closest("[data-axes]").dataset.axes);
    const label = curve.querySelector(":scope > title")?.textContent;
    const point = (x, y, words) => ({ x, y, words: words ?? [label, valueAt(x, scales.x), valueAt(y, scales.y)].join(" \u00b7 ") });
    const marks = [...curve.querySelectorAll("use")];
    if (marks.length) return marks.map(mark => point(+mark.getAttribute("x"), +mark.getAttribute("y"), mark.textContent || null));
    const path = curve.querySelector(":scope > path, :not(defs) > path")?.getAttribute("d") ?? "";
    return [...path.matchAll(/[ML]\s*(-?[\d.]+)[ ,]+(-?[\d.]+)/g)].map(([, x, y]) => point(+x, +y));
  });
  for (const title of svg.querySelectorAll("title")) {
    const hidden = document.createElementNS(svg.namespaceURI, "metadata");
    if (title.parentNode === svg) [hidden.id, hidden.textContent] = [title.id, title.textContent];
    title.replaceWith(hidden);
  }
  return curves.filter(points => points.length);
}

function pointsOf(drawing) {
  const svg = drawing.querySelector("svg");
  if (!drawings.has(drawing)) drawings.set(drawing, { svg, curves: readPoints(svg), curve: 0, index: -1 });
  return drawings.get(drawing);
}

function showPoint(figure, curve, index) {
  const point = figure.curves[curve][index];
  [figure.curve, figure.index] = [curve, index];
  ring.setAttribute("cx", point.x);
  ring.setAttribute("cy", point.y);
  figure.svg.append(ring);
  document.body.append(tip);
  tip.textContent = point.words;
  placeTip();
}

function placeTip() {
  if (!tip.isConnected) return;
  const { x, y } = new DOMPoint(ring.cx.baseVal.value, ring.cy.baseVal.value).matrixTransform(ring.getScreenCTM());
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  tip.style.left = `${Math.max(0, Math.min(x + 12, document.documentElement.clientWidth - width))}px`;
  tip.style.top = `${y > height + 12 ? y - height - 12 : y + 12}px`;
}

function hidePoint() {
  ring.remove();
  tip.remove();
}

function pointAt(event) {
  const figure = pointsOf(event.currentTarget);
  const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(figure.svg.getScreenCTM().inverse());
  let [best, distance] = [null, NEAR];
  figure.curves.forEach((points, curve) => points.forEach((point, index) => {
    const away = Math.hypot(point.x - x, point.y - y);
    if (away < distance) [best, distance] = [[curve, index], away];
  }));
  if (best) showPoint(figure, ...best);
  else hidePoint();
}

function stepPoint(event) {
  const figure = pointsOf(event.currentTarget);
  const along = { ArrowRight: 1, ArrowLeft: -1 }[event.key], across = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape") hidePoint();
  if (!(along || across) || !figure.curves.length) return;
  event.preventDefault();
  const number = figure.curves.length;
  let { curve, index } = figure;
  if (index < 0) return showPoint(figure, 0, 0);
  if (across || !figure.curves[curve][index + along]) {
    curve = (curve + (across ?? along) + number) % number;
    index = across ? Math.min(index, figure.curves[curve].length - 1) : along > 0 ? 0 : figure.curves[curve].length - 1;
  } else {
    index += along;
  }
  showPoint(figure, curve, index);
}

for (const drawing of document.querySelectorAll(".drawing")) {
  if (!drawing.querySelector("[data-curve]")) continue;
  drawing.ariaDescription = "The arrow keys show values";
  drawing.addEventListener("pointermove", pointAt);
  drawing.addEventListener("pointerdown", pointAt);
  drawing.addEventListener("pointerleave", event => event.pointerType === "mouse" && hidePoint());
  drawing.addEventListener("keydown", stepPoint);
  drawing.addEventListener("blur", hidePoint);
}
addEventListener("scroll", placeTip, { passive: true, capture: true });
