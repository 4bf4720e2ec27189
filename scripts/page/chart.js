// A run as a sequence chart. Its rows come from the program; here they are drawn.
//
//   const chart = sequence(box, names, into);    // elements: what scrolls; within it the parties' names, and the rows
//   chart.show(answer);                          // of `chart --json`
//   chart.filter({ text, party, type, fold, time });   // and draws; time: distances are in proportion to it
import { cut, el, seconds, squeeze, svg } from "./draw.js";
import { rows } from "./rows.js";
import { w } from "./words.js";

const HIGH = 44, TIME = 78, STRETCH = 3;

// "copy, late": each in the reader's words.
const marks = (one) => one.mark.split(", ").map((mark) => w(mark)).join(w(", "));

// The part that a state is in, or "".
const partOf = (state) => state && state.includes(".") ? state.slice(0, state.lastIndexOf(".")) : "";

function sentence(one) {
  const parts = [];
  if (one.event) parts.push(one.event);
  if (one.from) parts.push(one.from + " → " + one.party); else if (one.party) parts.push(one.party);
  if (one.mark) parts.push("(" + marks(one) + ")");
  if (one.text) parts.push(one.text);
  for (const entry of one.states || []) parts.push(entry.party + ": [" + entry.state + "]");
  return parts.join(" ");
}

export function sequence(box, names, into, name = "row") {
  let run = null, place = new Map(), onMove = () => {}, onOpen = () => {};
  let lane = 120, wide = 0, room = 0, history = new Map(), folds = false, loop = null, scale = 0, named = "";

  const list = rows(box, into, { high: HIGH, name, make: drawRow, text: (i) => sentence(run.rows[i]),
    moved: (i) => onMove(i), open: (i) => onOpen(i) });

  // What a party held after row i: the last that is told of it at or before that row.
  function held(party, i) {
    const all = history.get(party) || [];
    let low = 0, high = all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (all[middle].at <= i) low = middle + 1; else high = middle;
    }
    return low ? all[low - 1].one : null;
  }

  function show(chart) {
    run = chart;
    place = new Map(run.parties.map((party, i) => [party.id, i]));
    history = new Map();
    run.rows.forEach((one, i) => {
      for (const after of one.after || []) {
        if (!history.has(after.party)) history.set(after.party, []);
        history.get(after.party).push({ at: i, one: after });
      }
    });
    const ends = run.rows.map((one, i) => one.kind === "loop" ? i : -1).filter((i) => i >= 0);
    loop = ends.length ? [ends[0], ends[1] ?? run.rows.length] : null;
    const lasts = run.rows.length && run.rows.at(-1).t - run.rows[0].t;
    scale = lasts > 0 ? STRETCH * HIGH * run.rows.length / lasts : 0;
    measure();
    list.show(run.rows.length);
  }

  function measure() {
    const count = Math.max(1, run.parties.length), ids = JSON.stringify(run.parties);
    room ||= box.clientWidth; // which makes the page be laid out
    lane = Math.max(92, Math.min(220, (room - TIME - 8) / count));
    if (ids === named && wide === TIME + lane * count) return;
    named = ids;
    wide = TIME + lane * count;
    into.style.width = names.style.width = wide + "px";
    names.replaceChildren(...run.parties.map((party, i) => {
      const name = el("span", { title: party.id + (party.role ? " (" + party.role + ")" : "") },
        squeeze(party.id, Math.floor((lane - 6) / 7.6)));
      name.style.left = x(i) + "px";
      name.style.width = lane - 6 + "px";
      return name;
    }));
  }

  const x = (i) => TIME + lane * (i + 0.5);
  const at = (party) => x(place.get(party) ?? 0);

  // Whether a row is within a part of its party's, which is entered before it and left behind it.
  function isFolded(i) {
    const one = run.rows[i], part = one.party && partOf(held(one.party, i - 1)?.state);
    return part && one.level !== "bad" && one.level !== "fault" && part === partOf(held(one.party, i)?.state)
      && !(one.states || []).some((entry) => partOf(entry.state) !== part);
  }

  // Keeps the rows that say the words, are a party's, of a type, of no part that is folded; the others close up.
  function filter({ text = "", party = "", type = "", fold = false, time = false } = {}) {
    folds = fold;
    return list.filter(text, (party || type || fold) && ((i) => {
      const one = run.rows[i];
      return (!type || one.event === type || one.kind === type) && !(fold && isFolded(i))
        && (!party || one.party === party || one.from === party || (one.states || []).some((entry) => entry.party === party));
    }), time && ((i, before) => Math.max(0, (run.rows[i].t - run.rows[before].t) * scale - HIGH)));
  }

  function drawStates(picture, one) {
    const seen = new Map();
    for (const entry of one.states || []) seen.set(entry.party, entry.state);
    for (const [party, state] of seen) {
      const name = cut(folds && partOf(state) ? partOf(state) + " ▸" : state, Math.floor((lane - 14) / 6.2)), size = Math.min(lane - 4, name.length * 6.4 + 14);
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

  // The line of each party that is there yet, those that are alike as one path.
  function drawLives(picture, one, i, space) {
    const lives = { "": "", " down": "" };
    for (const [id, n] of place) {
      const status = held(id, i)?.status;
      if (one.party === id || !["done", "failed", "lost"].includes(status)) lives[status === "down" ? " down" : ""] += `M${x(n)} ${-space}V${HIGH}`;
    }
    for (const [how, d] of Object.entries(lives)) if (d) picture.append(svg("path", { class: "life" + how, d }));
  }

  function drawRow(i, space) {
    const one = run.rows[i];
    const node = el("div", { class: "l-" + one.level + (loop && i > loop[0] && i < loop[1] ? " in-loop" : ""), "aria-label": seconds(one.t) + " s " + sentence(one) });
    const picture = svg("svg", { width: wide, height: HIGH, "aria-hidden": "true" });
    drawLives(picture, one, i, space);
    if (one.from && one.party) drawArrow(picture, one);
    else if (one.party && one.text !== undefined) drawNote(picture, one);
    else if (one.text !== undefined) picture.append(svg("text", { x: TIME + 8, y: 18 }, cut("── " + one.text, Math.floor(wide / 6.2))));
    drawStates(picture, one);
    node.append(el("time", {}, seconds(one.t)), picture);
    if (space > 30) picture.append(svg("text", { class: "pause", x: 8, y: -space / 2 }, "↕ " + seconds(Math.round((space + HIGH) / scale))));
    return node;
  }

  // The next row that says what went wrong, behind the cursor; behind the last comes the first.
  function failure() {
    const bad = [];
    run?.rows.forEach((one, i) => { if (one.level === "bad") bad.push(i); });
    return bad.find((i) => i > list.current()) ?? bad[0] ?? -1;
  }

  new ResizeObserver(() => {
    if (box.clientWidth === room) return;
    room = box.clientWidth;
    if (!run || !room) return;
    measure();
    list.redraw();
  }).observe(box);

  return { show, filter, held, failure, select: list.select, step: list.step, page: list.page, current: list.current,
    rows: () => run?.rows ?? [], row: (i) => run.rows[i], has: (party) => place.has(party), isLoop: () => loop !== null,
    whenMoved: (fn) => { onMove = fn; }, whenOpened: (fn) => { onOpen = fn; } };
}
