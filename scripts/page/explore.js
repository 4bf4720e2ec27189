// A path through all that can happen: its steps, those that are possible behind it, each a link to the longer path.
import { ask } from "./ask.js";
import { $, cut, el } from "./draw.js";
import { table } from "./party.js";
import { w } from "./words.js";

const MOVED_MOST = 12;
const WORDS = { deliver: 5, drop: 5, duplicate: 5, timeout: 3, early: 3 };
let host = null, steps = null, at = 0, loop = -1, told = null, drawn = "", possible = [], doomed = null;

export const start = (given) => { host = given; };
export const isOn = () => steps !== null;
export function leave() {
  steps = null;
  drawn = "";
}

// A schedule is a flat list of words.
function split(words) {
  const found = [];
  loop = -1;
  for (let i = 0; i < words.length;) {
    if (words[i] === "loop") {
      loop = found.length;
      i++;
      continue;
    }
    const count = WORDS[words[i]] || 2;
    found.push(words.slice(i, i + count));
    i += count;
  }
  return found;
}

const upTo = (count) => steps.slice(0, count).flat();
const whole = () => loop < 0 ? upTo(steps.length) : [...upTo(loop), "loop", ...steps.slice(loop).flat()];

// What the address says of it.
export const state = () => steps === null ? {} : { path: JSON.stringify(whole()), ...(at < steps.length ? { at } : {}) };

const SENTENCES = {
  deliver: "{} gets {} from {}", drop: "{} does not get {} from {}: it is lost", duplicate: "{} gets a copy of {} from {}",
  timeout: "{}: time passes until {} fires", early: "{}: {} fires early", crash: "{} crashes", return: "{} comes back", lose: "{} vanishes",
  reload: "{} goes on with the second version", recall: "{} takes up {} from {}",
};

function sentence(kind, party, event, from, timer) {
  const text = SENTENCES[kind];
  return kind === "timeout" || kind === "early" ? w(text, party, timer || "after") : w(text, party, event ?? w("what it has deferred"), from ?? "?");
}

const named = ([kind, party, a, b]) => kind in WORDS && WORDS[kind] === 3 ? sentence(kind, party, null, null, a)
  : kind === "recall" ? w("{} takes up what it has deferred", party) : sentence(kind, party, b, a);

// ---- Drawing. ----

function drawPath() {
  const crumb = (k, text) => {
    const button = el("button", { type: "button", class: k > at ? "ahead" : "", ...(k === at ? { "aria-current": "step" } : {}) }, text);
    button.addEventListener("click", () => go(k));
    return el("li", {}, ...(loop >= 0 && k === loop + 1 ? ["↻ "] : []), button);
  };
  $("path").replaceChildren(crumb(0, w("the start")), ...steps.map((step, i) => crumb(i + 1, named(step))));
  $("path").querySelector("[aria-current]").scrollIntoView({ block: "nearest" });
}

function content(event) {
  const { type, ...fields } = event;
  return cut(JSON.stringify(fields), 90);
}

function drawNext() {
  const rest = { moves: "steps that can come next: {}", ended: "The run has ended here.", stuck: "Stuck: nothing can happen any more.",
    broken: "Nothing is explored behind this." };
  $("rest").textContent = w(rest[told.rest], told.steps.length) + (told.wrong ? " ✗ " + told.wrong : "");
  possible = told.steps;
  $("next").replaceChildren(...possible.map((one) => {
    const taken = steps[at]?.join("\0") === one.words.join("\0");
    const link = el("a", { href: "#" + host.address({ path: JSON.stringify([...upTo(at), ...one.words]), at: "", view: "explore" }) },
      sentence(one.kind, one.party, one.event, one.from, one.timer));
    return el("li", { class: "k-" + one.kind }, link, ...(taken ? [" ← ", w("the path's next step")] : []),
      ...(one.content ? [el("div", { class: "soft" }, content(one.content))] : []),
      ...(one.wrong ? [el("div", { class: "bad" }, "✗ " + one.wrong)] : []));
  }));
}

// The chart's row behind which the path stands.
function rowOf(marks, rows) {
  const line = at < steps.length ? marks[marks.length - steps.length + at] : Infinity;
  let row = 0;
  rows.forEach((one, i) => { if ((one.line ?? 0) <= line && (one.line || line === Infinity)) row = i; });
  return row;
}

// ---- A second version. ----

// What it makes of each party that can be reloaded where the path stands: each is, by itself, behind the path.
async function move(known) {
  const all = known.steps.filter((one) => one.kind === "reload").slice(0, MOVED_MOST), nodes = [];
  for (const one of all) {
    const answer = await ask("explore", host.bounds(), JSON.stringify([...upTo(at), ...one.words]), "move");
    const rows = answer.chart?.rows ?? [], after = rows.flatMap((row) => row.after || []).filter((each) => each.party === one.party);
    const refused = rows.findLast((row) => row.party === one.party && row.level === "bad" && row.kind !== "stuck");
    const was = after.at(-2), is = after.at(-1);
    nodes.push(el("details", { open: "" }, el("summary", {}, el("b", {}, one.party), " ", ...(is ? [`[${was?.state ?? "?"}] → [${is.state}]`] : [])),
      ...(one.wrong || refused ? [el("div", { class: "bad" }, "✗ " + (refused?.text ?? one.wrong))] : is ? [table(was?.data ?? {}, is.data)] : [])));
  }
  $("moved").replaceChildren(...(nodes.length ? [el("h2", {}, w("What {} makes of each", host.upgrade() ?? "")), ...nodes] : []));
}

// ---- Asking. ----

let marks = [];

async function draw() {
  const bounds = host.bounds(), key = JSON.stringify([whole(), bounds]);
  let known = null;
  if (key !== drawn) {
    const answer = await ask("explore", bounds, JSON.stringify(whole()), "run");
    if (!answer.chart || answer.run.kind !== "explore") {
      drawn = "";
      return host.wrong(answer.run?.error ?? answer.error);
    }
    drawn = key;
    known = answer.run;
    marks = answer.run.marks;
    if (answer.run.rest === "moves") // that the path ends here is no mistake
      answer.chart.rows = answer.chart.rows.filter((one) => one.kind !== "stuck");
    host.draw(answer, rowOf(marks, answer.chart.rows));
  }
  if (!known || at < steps.length) known = await ask("steps", bounds, JSON.stringify(upTo(at)));
  if (known.kind !== "explore") return host.wrong(known.error);
  told = known;
  drawPath();
  drawNext();
  host.told(told, at, steps.length);
  return move(known);
}

// Shows a path, standing behind so many steps of it; kind: of what a check has found by it.
export async function show(words, behind, kind) {
  steps = split(words);
  doomed = kind === "doomed" ? JSON.stringify(whole()) : null;
  at = Math.min(behind ?? steps.length, steps.length);
  await draw();
}

export const refresh = () => { drawn = ""; return draw(); };

async function go(k) {
  at = k;
  host.select(rowOf(marks, host.rows()));
  host.remember();
  await draw().catch(host.stopped);
}

export const back = () => { if (steps && at > 0) go(at - 1); };

// The chart's cursor is at this row.
export function follow(row) {
  if (!steps || !marks.length) return;
  const starts = marks.length - steps.length, line = row.line ?? Infinity;
  const k = marks.slice(starts).filter((mark) => mark < line).length;
  if (k === at || line === Infinity) return;
  at = k;
  draw().catch(host.stopped);
}

// ---- Taking it away. ----

function save(name, type, text) {
  const link = el("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// A text of Lua.
const quoted = (text) => '"' + [...text].map((c) => c === '"' || c === "\\" ? "\\" + c
  : c < " " || c === "\x7f" ? "\\" + String(c.charCodeAt(0)).padStart(3, "0") : c).join("") + '"';

// What goes wrong on a path does so again when it is followed; that no way is left behind it only a check can tell.
function test(file, knobs, upgrade) {
  const lines = [], isChecked = doomed !== null && doomed === JSON.stringify(whole());
  for (const [name, text] of Object.entries(knobs)) {
    if (name === "parties")
      lines.push("parties = { " + text.split(",").map((one) => one.split("=")).map(([role, n]) => `[${quoted(role.trim())}] = ${Number(n)}`).join(", ") + " }");
    if (name === "arg")
      lines.push("args = { " + text.split("\n").filter((one) => one.includes("=")).map((one) => {
        const [key, value] = [one.slice(0, one.indexOf("=")), one.slice(one.indexOf("=") + 1)];
        return `[${quoted(key)}] = ${/^(true|false|-?\d+(\.\d+)?)$/.test(value) ? value : quoted(value)}`;
      }).join(", ") + " }");
    if (name === "fifo") lines.push("fifo = true");
    else if (isChecked && name !== "parties" && name !== "arg") lines.push(name + " = " + (/^\d+$/.test(text) ? text : quoted(text)));
  }
  if (!isChecked && ["drop", "duplicate", "crash", "lose"].some((name) => Number(knobs[name]) > 0)) lines.push("allow_fail = true");
  if (upgrade) lines.push("upgrade = " + quoted(upgrade));
  if (!isChecked)
    lines.push("schedule = {\n" + steps.map((step, i) => "    " + [...(i === loop ? ["loop"] : []), ...step].map(quoted).join(", ") + ",").join("\n") + "\n  }");
  const about = isChecked ? "What afrun studio has found: it fails as long as no way is left to the end."
    : "A path that afrun studio has explored: it fails as long as anything goes wrong on it.";
  return `-- ${about}\nlocal t = require "af.test"\n\nt.${isChecked ? "check" : "run"}(${quoted(file)}, {\n${lines.map((line) => `  ${line},\n`).join("")}})\n`;
}

$("export-trace").addEventListener("click", async () => {
  if (steps) save("explored.jsonl", "application/jsonl", await ask("export", host.bounds(), JSON.stringify(whole())));
});
$("export-test").addEventListener("click", () => {
  if (steps) save("explored_test.lua", "text/x-lua", test(host.file(), host.bounds(), host.upgrade()));
});
$("next").addEventListener("keydown", (event) => {
  const links = [...$("next").querySelectorAll("a")], by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  links[Math.max(0, Math.min(links.length - 1, links.indexOf(event.target) + by))]?.focus();
});
