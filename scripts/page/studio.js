// The studio: knobs, runs, the cursor. All that is shown is asked of the program; what is chosen
// stands in the address, behind #.
import { ask, cancel } from "./ask.js";
import { sequence } from "./chart.js";
import * as check from "./check.js";
import * as explore from "./explore.js";
import * as flow from "./flow.js";
import { $, el, later, seconds } from "./draw.js";
import { chart, drawRun, filter, RUN_KEYS, startRun } from "./run.js";
import { goTo, look, viewed, views } from "./views.js";
import { translate, w } from "./words.js";

const SEEDS = 1000;
const SLOW_MS = 100; // what takes longer says that it is under way
const REST_MS = 800; // behind the last knob
const form = $("form"), bounds = $("bounds"), strip = $("strip");
const beside = sequence($("beside"), $("beside-names"), $("beside-rows"), "beside-row");
let answer = null, outcomes = new Map(), at = 1, sampled = null, wantedRow = null, wantedPath = null, about = {};
let isTrace = false; // what is shown is no run of this flow: a save changes nothing of it

const stopped = (error) => { if (error.name !== "AbortError") wrong(error.message); };

function wrong(error) {
  const told = error && (error.message === undefined ? error : (error.what ? error.what + ": " : "") + error.message
    + (error.line ? " (" + (error.file || "") + ":" + error.line + ")" : ""));
  $("wrong").textContent = told || "";
  if (told) verdict("bad", "✗ " + told);
  if (error?.line) flow.line(error.file, error.line);
}

// Field by field: to make the form's data lays the page out.
function knobs(without) {
  const given = {};
  for (const { name, value } of form.elements)
    if (name && value.trim() !== "" && name !== without) given[name] = value;
  return given;
}

// What bounds a check: its knobs, and the parties and arguments of runs.
function limits() {
  const given = Object.fromEntries([...new FormData(bounds)].filter(([, value]) => value.trim() !== ""));
  for (const name of ["parties", "arg"]) if (form.elements[name].value.trim() !== "") given[name] = form.elements[name].value;
  return given;
}

// ---- The address. ----

function address(more = {}) {
  const checked = Object.entries(limits()).filter(([name]) => bounds.elements[name]).map(([name, value]) => ["check." + name, value]);
  const state = { ...knobs(), ...Object.fromEntries(checked), row: chart.current() < 0 ? "" : chart.current(), view: viewed(), ...explore.state(), ...more };
  return String(new URLSearchParams(Object.entries(state).filter(([, value]) => value !== "")));
}

const remember = () => history.replaceState(null, "", "/#" + address());

function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  for (const field of form.elements)
    if (field.name && (state.has(field.name) || field.name !== "seed")) field.value = state.get(field.name) || "";
  for (const field of bounds.elements)
    if (field.type === "checkbox") field.checked = state.has("check." + field.name);
    else if (field.name) field.value = state.get("check." + field.name) || "";
  wantedRow = state.get("row") ? Number(state.get("row")) : null;
  wantedPath = state.has("path") ? { path: state.get("path"), at: state.has("at") ? Number(state.get("at")) : undefined } : null;
  if (!wantedPath) explore.leave();
  look(state.get("view"));
}

// ---- A run. ----

function verdict(kind, text) {
  $("verdict").className = kind;
  $("verdict").textContent = text;
}

function tellRun(run) {
  const bad = run.error !== undefined;
  const found = run.findings?.[0];
  verdict(bad ? "bad" : "good", (bad ? "✗ " : "✓ ") + w(run.outcome) + " · "
    + w("{} parties, {} done; {} messages, {} dropped; {} s", run.parties, run.done, run.messages, run.dropped,
      seconds(Math.round(run.virtual_s * 1e9))) + (found ? " · " + found.text : ""));
}

// Draws what was answered, with the cursor on a row.
function draw(told, row) {
  answer = told;
  drawRun(told.chart, row);
}

async function rerun() {
  isTrace = false;
  const asked = ask("run", knobs());
  explore.leave();
  wrong("");
  const slow = setTimeout(() => verdict("", w("running …")), SLOW_MS);
  let told;
  try {
    told = await asked;
  } catch (error) {
    return stopped(error);
  } finally {
    clearTimeout(slow);
  }
  later("mark", mark);
  if (!told.chart || told.chart.kind === "error") {
    $("fail").hidden = true;
    return wrong((told.chart || told.run || told).error);
  }
  tellRun(told.run);
  draw(told, wantedRow ?? Math.max(0, chart.current()));
  wantedRow = null;
  document.body.dataset.seed = told.run.seed;
  return undefined;
}

const roleOf = (id) => answer.chart.parties.find((one) => one.id === id)?.role;

// Where the row's doing is written: what was found there, else the handler that took its event.
function placeOf(i) {
  const row = chart.row(i);
  const found = row.level === "bad" && answer.run?.findings?.find((one) => one.line
    && (one.party === row.party || !row.party) && (row.kind !== "stuck" || one.kind === "stuck"));
  if (found) return found;
  const id = row.party ?? row.states?.[0]?.party;
  const before = row.kind === "start" ? row.states?.[0]?.state : chart.held(id, i - 1)?.state ?? chart.held(id, i)?.state;
  return flow.place(roleOf(id), before, row);
}

startRun((i) => {
  const { rows, parties } = answer.chart;
  explore.follow(rows[i]);
  const counts = new Map(), standing = new Set();
  for (const row of rows)
    for (const entry of row.states || []) {
      const key = roleOf(entry.party) + "\0" + entry.state;
      counts.set(key, (counts.get(key) || 0) + 1);
    }
  for (const one of parties) {
    const now = chart.held(one.id, i);
    if (now && (now.status === "active" || now.status === "down")) standing.add(one.role + "\0" + now.state);
  }
  flow.weigh(counts, standing);
  const place = placeOf(i);
  if (place) flow.line(place.file, place.line);
  later("address", remember);
}, (wanted) => {
  if (!$("beside").hidden) beside.filter({ ...wanted, party: beside.has(wanted.party) ? wanted.party : "" });
});

// ---- A thousand seeds. ----

const first = () => Math.max(1, Math.floor((Number(form.elements.seed.value) - 1) / SEEDS) * SEEDS + 1) || 1;

function mark() {
  const seed = Number(form.elements.seed.value);
  strip.querySelector(".now")?.classList.remove("now");
  $("seed-" + seed)?.classList.add("now");
  if ($("seed-" + seed)) point(seed);
}

function point(seed) {
  strip.querySelector(".at")?.classList.remove("at");
  const node = $("seed-" + seed);
  if (!node) return;
  at = seed;
  node.classList.add("at");
  strip.setAttribute("aria-activedescendant", node.id);
}

async function sample(force) {
  const asks = { ...knobs("seed"), seed: first() }, key = JSON.stringify(asks);
  if (key === sampled && !force) return mark();
  sampled = key;
  $("sample").textContent = w("running …");
  let told;
  try {
    told = await ask("runs", asks);
  } catch (error) {
    sampled = null;
    return stopped(error);
  }
  if (told.kind !== "runs") {
    strip.replaceChildren();
    $("ways").replaceChildren();
    $("sample").textContent = "";
    return;
  }
  const signs = { failed: "×", stuck: "■", until: "…" }, names = { ok: "ended well", until: "not over" };
  outcomes = new Map(told.failing.map((one) => [one.seed, one.outcome]));
  strip.replaceChildren(...Array.from({ length: told.runs }, (_, i) => {
    const seed = asks.seed + i, outcome = outcomes.get(seed) || "ok";
    const label = w("seed {}: {}", seed, w(names[outcome] || outcome));
    return el("i", { id: "seed-" + seed, role: "option", class: outcome, title: label, "aria-label": label, "aria-selected": "false" },
      signs[outcome] || "·");
  }));
  $("sample").textContent = w("{} of {} seeds failed", told.failed_runs, told.runs);
  $("ways").replaceChildren(...told.ways.slice(0, 10).map((way) => {
    const button = el("button", { type: "button" }, w("{} runs, from seed {}: {}", way.runs, way.lowest_seed, way.findings[0]?.text ?? ""));
    button.addEventListener("click", () => turn(way.lowest_seed));
    return el("li", {}, button);
  }));
  mark();
}

// One run is waited for: a thousand that are under way give place to it, and begin once a person turns no more. To end them costs that
// run its connection, and a processor that was at them.
let soon = 0;
function again(force, saved) {
  cancel("runs");
  sampled = null;
  if (wantedPath) takePath();
  else if (saved && explore.isOn()) explore.refresh().catch(stopped);
  else if (!saved || !isTrace) rerun();
  clearTimeout(soon);
  soon = setTimeout(() => sample(force), REST_MS);
}

function turn(seed) {
  form.elements.seed.value = Math.max(0, seed);
  wantedRow = 0;
  again();
}

// ---- A path, and checks. ----

function takePath() {
  const { path, at: behind } = wantedPath;
  wantedPath = null;
  wrong("");
  try {
    explore.show(JSON.parse(path), behind).catch(stopped);
  } catch {
    wrong(w("The address has no path that can be read."));
  }
}

function walk(words, name, kind) {
  isTrace = false;
  wrong("");
  if (name) look(name);
  explore.show(words, undefined, kind).then(remember).catch(stopped);
}

explore.start({ bounds: limits, address, wrong, stopped, remember, draw, select: (row) => chart.select(row), rows: chart.rows,
  file: () => about.file.split("/").pop(), upgrade: () => about.upgrade?.split("/").pop(),
  told: (told, behind, all) => verdict(told.wrong || told.rest === "stuck" ? "bad" : "", w("explored: step {} of {}", behind, all)
    + (told.wrong ? " ✗ " + told.wrong : told.rest === "stuck" ? " ✗ " + w("stuck") : "")) });
check.start({ bounds: limits, show: (words, kind) => walk(words, "", kind), cover: flow.cover, line: toPlace,
  explore: () => { goTo("explore"); $("next").querySelector("a")?.focus(); } });

// ---- A second run beside it. ----

function pin() {
  const on = $("beside").hidden;
  $("beside").hidden = !on;
  $("pin").setAttribute("aria-pressed", on);
  if (!on) return;
  beside.show(answer.chart);
  $("beside").setAttribute("aria-label", w("Beside it: {}", $("verdict").textContent));
  filter();
  beside.select(chart.current());
}

// ---- A trace that somebody has. ----

async function take(file) {
  if (!file) return;
  isTrace = true;
  explore.leave();
  wrong("");
  verdict("", w("reading {} …", file.name));
  try {
    const told = await ask("trace", {}, file, "run");
    if (told.kind !== "chart") return wrong(told.error);
    look("run");
    verdict([null, "ok", "until"].includes(told.outcome) ? "" : "bad", file.name + " · " + w(told.outcome ?? "no end") + (told.message ? " · " + told.message : ""));
    draw({ chart: told }, 0);
    const header = JSON.parse((await file.slice(0, 1 << 20).text()).split("\n", 1)[0]);
    if (header.schedule && header.flow === $("flow").textContent) walk(header.schedule);
  } catch (error) {
    stopped(error);
  }
}

document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});
$("trace").addEventListener("change", () => take($("trace").files[0]));

// ---- Views, and keys. ----

function toPlace(file, number) {
  look("source");
  flow.line(file, number);
  remember();
}

flow.whenWanted(toPlace);

function toLine() {
  const place = answer && chart.current() >= 0 && placeOf(chart.current());
  if (!place) return;
  look("source");
  flow.line(place.file, place.line);
  $("text").focus();
}

function nextFailing() {
  const now = Number(form.elements.seed.value), all = [...outcomes.keys()].sort((a, b) => a - b);
  const seed = all.find((one) => one > now) ?? all[0];
  if (seed !== undefined) turn(seed);
}

views({ knobs: () => form.elements.seed, check: () => $("check-go"), explore: () => $("next").querySelector("a") || $("explore-go"),
  run: () => $("chart"), held: () => $("parties"), states: () => $("picture"), source: () => $("text") }, { ...RUN_KEYS,
  Enter: toLine, e: nextFailing, s: () => { goTo("knobs"); strip.focus(); }, r: () => again(true),
  "[": () => turn(Number(form.elements.seed.value) - 1), "]": () => turn(Number(form.elements.seed.value) + 1),
  x: () => goTo("explore"), u: explore.back, c: () => goTo("check") }, remember);
chart.whenOpened(toLine);

strip.addEventListener("keydown", (event) => {
  const columns = getComputedStyle(strip).gridTemplateColumns.split(" ").length;
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  if (by) point($("seed-" + (at + by)) ? at + by : at);
  else if (event.key === "Enter" || event.key === " ") turn(at);
  else return;
  event.preventDefault();
  event.stopPropagation();
});

strip.addEventListener("click", (event) => {
  const node = event.target.closest("i");
  if (node) turn(Number(node.id.slice(5)));
});

form.addEventListener("input", () => again());
bounds.addEventListener("input", () => {
  remember();
  if (explore.isOn()) explore.refresh().catch(stopped);
});
for (const one of [form, bounds]) one.addEventListener("submit", (event) => event.preventDefault());
$("explore-go").addEventListener("click", () => walk([], "explore"));
$("pin").addEventListener("click", pin);

// ---- The flow, and its saves. ----

async function read() {
  try {
    const [states, picture] = await Promise.all([ask("states", {}), ask("picture", {})]);
    if (states.error) return wrong(states.error);
    $("flow").textContent = states.flow;
    document.title = states.flow + " – afrun studio";
    flow.show(states, picture);
  } catch (error) {
    stopped(error);
  }
  return undefined;
}

async function watch() {
  for (let seen = -1; ;) {
    try {
      const told = await (await fetch("/api/saves?seen=" + seen)).json();
      if (seen >= 0 && told.saves !== seen) {
        await read();
        again(true, true);
      }
      seen = told.saves;
      about = told;
    } catch {
      verdict("bad", w("The studio has ended."));
      await new Promise((resolve) => { setTimeout(resolve, 3000); });
    }
  }
}

translate();
recall();
remember();
await read();
again();
watch();
window.addEventListener("hashchange", () => { recall(); again(); });
