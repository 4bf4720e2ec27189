// A node: its parties and what they wait for, one party, launches that wait, reloads. All is asked of the node's control socket.
import { sequence } from "./chart.js";
import { $, el } from "./draw.js";
import { follow } from "./events.js";
import { ago, choose, chosen, list, moment, size, table, verdict, views } from "./ops.js";
import { translate, w } from "./words.js";

const EVERY_MS = 1000, LOG_BYTES = 65536, LOG_LETTERS = 200000;
const RANK = new Map(["held", "broken", "lost contact", "slow", "failed", "paused", "waiting", "resting", "loading", "sending", "done"].map((name, i) => [name, i]));
const SIGNS = { held: "✗", broken: "✗", failed: "✗", "lost contact": "!", slow: "!", paused: "‖", done: "✓" };
const chart = sequence($("chart"), $("names"), $("rows"));
let toldAt = 0, polls = false, path, again = () => {};
let status = null, lost = null, view = "all", look = () => {}, log = { task: null, next: null, text: "" };

async function ask(question) {
  const response = await fetch("/api/ask", { method: "POST", body: JSON.stringify(question) });
  const answer = (response.headers.get("content-type") || "").startsWith("application/json") ? await response.json()
    : { error: { message: await response.text() } };
  return content(answer);
}

function content(answer) {
  if (answer.error) throw new Error((answer.error.what ? answer.error.what + ": " : "") + answer.error.message);
  return answer;
}

// ---- All parties. ----

const sinceTold = () => (performance.now() - toldAt) / 1000;
const since = (one) => ago(status.now + sinceTold() - one.since);
// What is left until its timer fires has become less since it was told.
const left = (timer) => ago(timer.in_s - sinceTold());
const waits = (one) => one.waits_for?.timer ? one.waits?.replace(/( in )\d+ (?:s|min|h)(?=;|$)/, (_, words) => words + left(one.waits_for.timer)) : one.waits;
const reason = (one) => one.error ?? waits(one) ?? "";

const all = list($("parties-list"), {
  key: (one) => one.task,
  text: (one) => [one.task, one.status, w(one.status), one.flow, one.role, one.state, reason(one)].join("\n"),
  open: (one) => { choose({ task: one.task }); look("one", true); },
  row: (one) => ({
    kind: ["held", "broken", "failed"].includes(one.status) ? "bad" : ["slow", "lost contact"].includes(one.status) ? "fault" : "",
    label: w("task {}: {} since {}", one.task, w(one.status), since(one)) + (one.state ? w(", in state {}", one.state) : "") + (reason(one) ? ": " + reason(one) : ""),
    cells: [(SIGNS[one.status] || "·") + " " + w(one.status), one.task, since(one), one.state ?? "", (one.flow ?? "?") + " " + one.version, one.role ?? "", reason(one),
      one.queue + one.deferred ? one.queue + "+" + one.deferred : "", one.unsent ? String(one.unsent) : "", one.dead_letters ? "✗ " + one.dead_letters : ""],
  }),
});

function drawAll() {
  all.show([...status.parties].sort((a, b) => RANK.get(a.status) - RANK.get(b.status) || a.since - b.since || (a.task < b.task ? -1 : 1)));
}

// ---- Actions: each is confirmed, and the node's audit log has it. ----

function confirm(title, text, yes, sends) {
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  $("yes").textContent = yes;
  $("send-form").hidden = !sends;
  $("confirm").returnValue = "";
  $("confirm").showModal();
  (sends ? $("event") : $("no")).focus(); // what changes something is not what Enter does
  return new Promise((resolve) => {
    $("confirm").addEventListener("close", () => resolve($("confirm").returnValue === "yes"), { once: true });
  });
}

async function act(title, text, yes, question) {
  const sends = question.cmd === "send";
  if (!await confirm(title, text, yes, sends)) return null;
  if (sends) Object.assign(question, { event: $("event").value, fields: $("fields").value });
  try {
    const answer = await ask(question);
    tell("good", "✓ " + w("{}: done", title));
    await tick();
    return answer;
  } catch (error) {
    tell("bad", "✗ " + error.message);
    return null;
  }
}

// What came of an action stays a while.
let toldUntil = 0;
function tell(kind, text) {
  verdict(kind, text);
  toldUntil = Date.now() + 8000;
}

const party = () => status?.parties.find((one) => one.task === chosen().task);

const DEEDS = [
  ["retry", "Retry", "Its event is given to it again, in the flow's version that stands in the folder.", (one) => ["held", "broken"].includes(one.status)],
  ["pause", "Pause", "It takes nothing, whatever comes or is due, until it goes on.", (one) => one.waits_for && !one.paused],
  ["resume", "Resume", "It goes on with what has come meanwhile.", (one) => one.paused],
  ["send", "Send an event", "It is given the event as from outside; its handler sees no sender.", (one) => one.waits_for],
  ["again", "Dead letters again", "What it could not read is handed out again.", (one) => one.waits_for || one.status === "broken"],
  ["stop", "Stop", "It ends; the others of its task are told that it failed. This cannot be undone.", (one) => !["done", "failed"].includes(one.status)],
];

function button(words, go, attributes = {}) {
  const node = el("button", { type: "button", ...attributes }, words);
  node.addEventListener("click", go);
  return node;
}

function drawDeeds(one) {
  const possible = DEEDS.filter(([, , , when]) => when(one)), names = possible.map(([name]) => name).join(" ");
  if ($("deeds").dataset.of === one.task + " " + names) return; // they keep the focus
  $("deeds").dataset.of = one.task + " " + names;
  $("deeds").replaceChildren(...possible.map(([cmd, words, text]) =>
    button(w(words), () => act(w(words) + ": " + one.task, w(text), w(words), { cmd, task: one.task }), { id: "do-" + cmd })));
}

// ---- One party. ----

function drawOne() {
  const one = party();
  for (const node of $("one").children) if (node !== $("about")) node.hidden = !one;
  $("about").textContent = one ? one.task : chosen().task ? w("The node has no such party.") : w("Choose a party");
  if (!one) return;
  drawDeeds(one);
  $("waits").textContent = (SIGNS[one.status] || "·") + " " + w(one.status) + " · " + since(one) + (reason(one) ? " · " + reason(one) : "");
  const facts = [["Flow", (one.flow ?? "?") + " " + one.version + ", " + (one.file ?? "?")], ["Role", one.role], ["State", one.state]];
  if (one.progress >= 0) facts.push(["Progress", one.progress + " %"]);
  const { silent, timer, call } = one.waits_for ?? {};
  if (silent?.length) facts.push(["Nothing has come from", silent.join(", ")]);
  if (timer) facts.push(["Timer", w("{} fires in {}", timer.name, left(timer))]);
  if (call) facts.push(["Its handler waits for", call]);
  if (one.queue !== undefined) facts.push(["Events that wait", String(one.queue)], ["Deferred", String(one.deferred)], ["Unsent", String(one.unsent)],
    ["Dead letters", [one.dead_letters, ...(one.rejected || [])].join(" · ")], ["Data", size(one.data_bytes)]);
  if (one.result) facts.push(["Result", w("{}, {}", one.result.type, size(one.result.bytes))]);
  if (one.wants?.length) facts.push(["Grants it wants", one.wants.join(" ")], ["Not granted", one.not_granted.join(" ") || "–"]);
  if (one.worker) facts.push(["Worker", w("process {}, began again {} times", one.worker, one.worker_restarts)]);
  $("facts").replaceChildren(table(null, facts.map(([name, value]) => [w(name), value ?? ""])));
  if ($("data").dataset.task !== one.task) {
    $("data").hidden = true;
    $("data").textContent = "";
  }
  if ($("read").dataset.task !== one.task) {
    $("read").dataset.task = one.task;
    readJournal();
  }
}

// What it went through: where it stood, and for how long.
function drawTimeline(told, task) {
  const stands = [];
  for (const row of told.rows)
    for (const entry of row.states || [])
      if (entry.party === status.node && stands.at(-1)?.state !== entry.state) stands.push({ state: entry.state, t: row.t });
  const last = told.rows.at(-1)?.t ?? 0;
  $("timeline").replaceChildren(...stands.slice(-200).map((one, i, shown) => {
    const next = shown[i + 1]?.t, took = (next ?? last) - one.t;
    const words = one.state + " · " + (next === undefined ? w("since {} s", (one.t / 1e9).toFixed(3)) : w("{} s", (took / 1e9).toFixed(3)));
    const node = el("span", { title: words }, words);
    node.style.flexGrow = 1 + 20 * took / Math.max(1, last);
    return node;
  }));
  $("timeline").dataset.task = task;
}

async function readJournal() {
  const task = chosen().task;
  $("read").textContent = w("reading …");
  try {
    const told = await ask({ cmd: "trace", task });
    if (chosen().task !== task) return;
    const known = new Set(told.parties.map((one) => one.id));
    for (const row of told.rows) for (const id of [row.from, row.party]) if (id && !known.has(id)) known.add(id);
    chart.show({ ...told, parties: [...known].map((id) => told.parties.find((one) => one.id === id) || { id }) });
    chart.filter();
    chart.select(told.rows.length - 1);
    drawTimeline(told, task);
    $("read").textContent = w("{} rows", told.rows.length);
  } catch (error) {
    $("read").textContent = error.message;
  }
}

async function unlock() {
  const task = chosen().task;
  const told = await act(w("Show the data") + ": " + task, w("What the party keeps is shown here; secrets stay hashes."), w("Show the data"), { cmd: "data", task });
  if (!told) return;
  $("data").dataset.task = task;
  $("data").textContent = JSON.stringify(told.data, null, 2);
  $("data").hidden = false;
}

async function readLog() {
  const task = chosen().task;
  if (!party()) return;
  takeLog(await ask({ cmd: "log", task, from: log.next ?? -LOG_BYTES }), task);
}

function takeLog(told, task) {
  if (log.next !== null && told.next < log.next) log.text = ""; // it was begun anew
  log.next = told.next;
  if (told.text === "" && $("log-text").dataset.task === task) return;
  log.text = (log.text + told.text).slice(-LOG_LETTERS);
  const box = $("log"), isAtEnd = box.scrollTop + box.clientHeight > box.scrollHeight - 30;
  $("log-text").dataset.task = task;
  $("log-text").textContent = log.text;
  if (isAtEnd) box.scrollTop = box.scrollHeight;
}

// ---- Launches. ----

const VERDICTS = { fine: "✓ nothing was found", bounded: "✓ nothing was found as far as it came", violation: "✗ something was found", none: "! there is no verdict" };

function drawLaunches() {
  const told = JSON.stringify([status.asked, status.refused]);
  if ($("asked").dataset.told === told) return; // what has the focus keeps it
  $("asked").dataset.told = told;
  $("asked").replaceChildren(...status.asked.map((one) => {
    const facts = [["Wanted by", one.from === null ? w("the operator") : one.from || w("not known")], ["Flow", one.name + " " + one.version + ", " + one.flow],
      ["Role", one.role], ["Peers", one.peers.join(" ")], ["Arguments", one.args.join(" ") || "–"], ["Signed by", one.signer ?? w("nobody was asked for")],
      ["Grants it wants", one.wants.join(" ") || "–"], ["Not granted", one.not_granted.join(" ") || "–"], ["Files", one.files.map((file) => file.name + " · " + size(file.bytes) + " · " + file.sha256.slice(0, 16)).join("\n")],
      ["Check", (one.verdict === null ? w("under way …") : w(VERDICTS[one.verdict])) + (one.verdict_text ? ": " + one.verdict_text : "") + " (" + one.sizes + ")"],
      ["Since", moment(one.asked)]];
    return el("div", { class: "card" }, el("h3", {}, one.task), table(null, facts.map(([name, value]) => [w(name), value])), el("div", { class: "bar" },
      button(w("Launch"), () => act(w("Launch") + ": " + one.task, w("What is shown is launched: if its files are others by now, nothing is."), w("Launch"),
        { cmd: "approve", task: one.task }), { "aria-label": w("Launch") + ": " + one.task }),
      button(w("Refuse"), () => act(w("Refuse") + ": " + one.task, w("The launch goes, and is not made."), w("Refuse"),
        { cmd: "approve", task: one.task, refuse: true }), { "aria-label": w("Refuse") + ": " + one.task })));
  }), ...(status.asked.length ? [] : [el("p", {}, w("nothing"))]));
  $("refused").replaceChildren(table(["When", "Task", "Flow", "Why"], status.refused.map((one) => [moment(one.at), one.task, one.flow ?? "", one.why])));
}

// ---- Flows: what a reload would do, then done. ----

function leaves(value, path, into) {
  if (value !== null && typeof value === "object" && Object.keys(value).length)
    for (const key of Object.keys(value)) leaves(value[key], path ? path + "." + key : key, into);
  else into.set(path, JSON.stringify(value));
  return into;
}

function difference(one) {
  const old = leaves(one.data, "", new Map()), rows = [];
  for (const [path, value] of leaves(one.new_data, "", new Map())) {
    const was = old.get(path);
    old.delete(path);
    if (was !== value) rows.push([was === undefined ? "+" : "~", path, was ?? "", value]);
  }
  for (const [path, was] of old) if (path) rows.push(["−", path, was, ""]);
  return rows;
}

async function dryRun(cmd, file) {
  const words = cmd === "reload" ? w("Reload") : w("Roll back");
  try {
    const told = await ask({ cmd, flow: file, dry_run: true });
    const go = button(w("{} now", words), () => act(words + ": " + file, w("All of its parties on this node are moved, or none."), words, { cmd, flow: file }), { id: "move" });
    $("diff").replaceChildren(el("h2", {}, w("{} would bring {} parties to version {}", words, told.parties.length, told.version)), go,
      ...told.parties.map((one) => el("div", { class: "card" }, el("h3", {}, one.task + " (" + one.role + ")"),
        el("p", {}, w("version {} → {}", one.version, told.version) + " · " + (one.state === one.new_state ? one.state ?? "–" : (one.state ?? "–") + " → " + (one.new_state ?? "–"))),
        table(["", "Data", "Before", "After"], difference(one), "Its data stay as they are."))));
    go.focus();
  } catch (error) {
    $("diff").replaceChildren(el("h2", {}, w("{} is refused: nothing would be changed", words)), el("p", { class: "bad" }, error.message));
  }
}

function drawFlows() {
  const files = new Map();
  for (const one of status.parties) {
    if (one.file && !files.has(one.file)) files.set(one.file, []);
    files.get(one.file)?.push(one);
  }
  const told = JSON.stringify([[...files].map(([file, of]) => [file, of.map((one) => [one.version, one.status])]), status.not_taken]);
  if ($("files").dataset.told === told) return;
  $("files").dataset.told = told;
  $("files").replaceChildren(...[...files].map(([file, of]) => el("div", { class: "card" }, el("h3", {}, file),
    el("p", {}, w("{} parties; versions {}", of.length, [...new Set(of.map((one) => one.version))].join(", "))), el("div", { class: "bar" },
      button(w("What would a reload do?"), () => dryRun("reload", file), { "aria-label": w("What would a reload do?") + " " + file }),
      button(w("What would a roll back do?"), () => dryRun("rollback", file), { "aria-label": w("What would a roll back do?") + " " + file })))),
  ...(files.size ? [] : [el("p", {}, w("nothing"))]));
  $("not-taken").replaceChildren(table(["When", "File", "Why"], status.not_taken.map((one) => [moment(one.at), one.file, one.why])));
}

// ---- Time. ----

function drawVerdict() {
  if (Date.now() < toldUntil) return;
  const trouble = status.store ?? status.bus_older ?? status.launches_wrong;
  const bad = status.parties.filter((one) => ["held", "broken"].includes(one.status)).length;
  verdict(trouble || bad ? "bad" : "good", trouble ? "✗ " + trouble : (bad ? "✗ " : "✓ ") + w("{} parties, {} held or broken, {} launches wait; over {}, up {}",
    status.parties.length, bad, status.asked.length, status.bus, ago(status.now + sinceTold() - status.began)));
}

function draw(told) {
  status = told;
  toldAt = performance.now();
  lost = null;
  document.body.classList.remove("old");
  $("node").textContent = status.node;
  document.title = status.node + " – afrun node";
  drawVerdict();
  drawAll();
  drawOne();
  drawLaunches();
  drawFlows();
}

async function tick() {
  try {
    draw(await ask({ cmd: "status" }));
    if (view === "one") await readLog();
  } catch (error) {
    failed(error);
  }
}

function told(name, text) {
  const answer = JSON.parse(text);
  polls = false;
  try {
    if (name === "status") draw(content(answer));
    else if (!answer.error) takeLog(answer, log.task);
  } catch (error) {
    failed(error);
  }
}

function failed(error) {
  lost ??= [Date.now(), error];
  document.body.classList.add("old");
  verdict("bad", "✗ " + w("The node has not answered for {}: {}", ago((Date.now() - lost[0]) / 1000), lost[1].message));
}

// Where nothing is news, time passes all the same.
function pass() {
  if (polls || document.hidden) return;
  if (lost) failed(lost[1]);
  else if (status) {
    drawVerdict();
    all.redraw();
    drawOne();
  }
}

// Another party's log is wanted, or none.
function attend() {
  const task = view === "one" ? chosen().task : undefined;
  if (task && log.task !== task) log = { task, next: null, text: "" };
  if (status) drawOne();
  if (task === path) return;
  path = task;
  if (polls && status) tick();
  again();
}

translate();
$("again").addEventListener("click", readJournal);
$("unlock").addEventListener("click", unlock);
look = views(["all", "one", "launches", "flows"], { "/": () => { look("all"); $("find").focus(); } }, (name) => {
  view = name;
  attend();
});
window.addEventListener("hashchange", () => look(chosen().view || "all"));
again = follow({
  path: () => "/api/events" + (path ? "?" + new URLSearchParams({ task: path, from: log.next ?? -LOG_BYTES }) : ""),
  told, failed, wants: () => true, every: EVERY_MS,
  poll: () => {
    polls = true;
    return tick();
  },
});
setInterval(pass, EVERY_MS);
