// A run as a sequence chart. Its rows come from the program; here they are drawn.
import { $, cut, el, seconds, squeeze, svg } from "./draw.js";
import { rows } from "./rows.js";
import { w } from "./words.js";

const HIGH = 44, TIME = 78;
const box = $("chart"), names = $("names");
let run = null, place = new Map(), onMove = () => {}, onOpen = () => {};
let lane = 120, wide = 0, history = new Map();

const list = rows(box, $("rows"), { high: HIGH, name: "row", make: drawRow, text: (i) => sentence(run.rows[i]),
  moved: (i) => onMove(i), open: (i) => onOpen(i) });

export const { current, select, step, page } = list;
export const row = (i) => run.rows[i];
export const whenOpened = (fn) => { onOpen = fn; };
export const whenMoved = (fn) => { onMove = fn; };

// What a party held after row i: the last that is told of it at or before that row.
export function held(party, i) {
  const all = history.get(party) || [];
  let low = 0, high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (all[middle].at <= i) low = middle + 1; else high = middle;
  }
  return low ? all[low - 1].one : null;
}

function sentence(one) {
  const parts = [];
  if (one.event) parts.push(one.event);
  if (one.from) parts.push(one.from + " → " + one.party); else if (one.party) parts.push(one.party);
  if (one.mark) parts.push("(" + marks(one) + ")");
  if (one.text) parts.push(one.text);
  for (const entry of one.states || []) parts.push(entry.party + ": [" + entry.state + "]");
  return parts.join(" ");
}

export function show(chart) {
  run = chart;
  place = new Map(run.parties.map((party, i) => [party.id, i]));
  history = new Map();
  run.rows.forEach((one, i) => {
    for (const after of one.after || []) {
      if (!history.has(after.party)) history.set(after.party, []);
      history.get(after.party).push({ at: i, one: after });
    }
  });
  measure();
  list.show(run.rows.length);
}

function measure() {
  const count = Math.max(1, run.parties.length);
  lane = Math.max(92, Math.min(220, (box.clientWidth - TIME - 8) / count));
  wide = TIME + lane * count;
  $("rows").style.width = names.style.width = wide + "px";
  names.replaceChildren(...run.parties.map((party, i) => {
    const name = el("span", { title: party.id + (party.role ? " (" + party.role + ")" : "") },
      squeeze(party.id, Math.floor((lane - 6) / 7.6)));
    name.style.left = x(i) + "px";
    name.style.width = lane - 6 + "px";
    return name;
  }));
}

// "copy, late": each in the reader's words.
const marks = (one) => one.mark.split(", ").map((mark) => w(mark)).join(w(", "));

const x = (i) => TIME + lane * (i + 0.5);
const at = (party) => x(place.get(party) ?? 0);

// Keeps the rows that say the words, are a party's, of a type; the others close up.
export const filter = (text, party, type) => list.filter(text, (party || type) && ((i) => {
  const one = run.rows[i];
  return (!type || one.event === type || one.kind === type)
    && (!party || one.party === party || one.from === party || (one.states || []).some((entry) => entry.party === party));
}));

function drawStates(picture, one) {
  const seen = new Map();
  for (const entry of one.states || []) seen.set(entry.party, entry.state);
  for (const [party, state] of seen) {
    const name = cut(state, Math.floor((lane - 14) / 6.2)), size = Math.min(lane - 4, name.length * 6.4 + 14);
    picture.append(svg("rect", { class: "in", x: at(party) - size / 2, y: 26, width: size, height: 16, rx: 8 }),
      svg("text", { x: at(party), y: 38, "text-anchor": "middle" }, name));
  }
}

function drawArrow(picture, one) {
  const from = at(one.from), to = at(one.party), side = from <= to ? 1 : -1;
  const label = one.event + (one.mark ? " (" + marks(one) + ")" : "");
  const room = Math.abs(to - from) - 14;
  if (from === to) {
    picture.append(svg("path", { class: "arrow", d: `M${from} 10h22v10h-16` }));
  } else {
    picture.append(svg("path", { class: "arrow", d: `M${from} 18H${to - side * 7}` }));
  }
  const tip = from === to ? from + 1 : to - side;
  const way = from === to ? 7 : -7 * side;
  picture.append(svg("path", { class: "tip", d: `M${tip} ${from === to ? 20 : 18}l${way} -4v8z` }),
    svg("text", { x: from === to ? from + 26 : (from + to) / 2, y: 13, "text-anchor": from === to ? "start" : "middle" },
      cut(label, Math.max(12, Math.floor(room / 6)))));
}

function drawNote(picture, one) {
  const here = at(one.party), right = wide - here >= here - TIME, room = right ? wide - here : here - TIME;
  const letter = one.level === "bad" ? 7.2 : 6.2; // that is bold
  picture.append(svg("circle", { class: "tip", cx: here, cy: 14, r: 3 }),
    svg("text", { x: here + (right ? 9 : -9), y: 18, "text-anchor": right ? "start" : "end" },
      (one.level === "bad" ? "✗ " : one.level === "good" ? "✓ " : "") + cut(one.text, Math.floor(room / letter) - 3)),
    svg("title", {}, one.text));
}

function drawRow(i) {
  const one = run.rows[i];
  const node = el("div", { class: "l-" + one.level, "aria-label": seconds(one.t) + " s " + sentence(one) });
  const picture = svg("svg", { width: wide, height: HIGH, "aria-hidden": "true" });
  for (const [id, n] of place) {
    const status = held(id, i)?.status;
    const life = status === "down" ? "down" : ["done", "failed", "lost"].includes(status) && one.party !== id ? "gone" : "";
    picture.append(svg("line", { class: "life " + life, x1: x(n), x2: x(n), y1: 0, y2: HIGH }));
  }
  if (one.from && one.party) drawArrow(picture, one);
  else if (one.party && one.text !== undefined) drawNote(picture, one);
  else if (one.text !== undefined) picture.append(svg("text", { x: TIME + 8, y: 18 }, cut("── " + one.text, Math.floor(wide / 6.2))));
  drawStates(picture, one);
  node.append(el("time", {}, seconds(one.t)), picture);
  return node;
}

// The next row that says what went wrong, behind the cursor; behind the last comes the first.
export function failure() {
  const bad = [];
  run?.rows.forEach((one, i) => { if (one.level === "bad") bad.push(i); });
  return bad.find((i) => i > current()) ?? bad[0] ?? -1;
}

new ResizeObserver(() => {
  if (!run || !box.clientWidth) return;
  measure();
  list.redraw();
}).observe(box);
