// A service: its tasks and nodes, one task's contracts as they pass, rates, refusals, the audit log.
// What is shown is what the service tells of itself, where it is news; rates are what two tellings differ by.
import { sequence } from "./chart.js";
import { $, el } from "./draw.js";
import { follow, pause } from "./events.js";
import { ago, choose, chosen, list, moment, plot, size, table, verdict, views } from "./ops.js";
import { translate, w } from "./words.js";

const EVERY_MS = 2000, LIVE_MS = 500, SAMPLES = 150, KEPT = 2000;
const chart = sequence($("chart"), $("names"), $("rows"));
let status = null, isRefused = false, tasks = [], parked = [], samples = [], lost = null, view = "tasks", look = () => {};
let toldAt = 0, wrong = null, polls = false, path = "", again = () => {};
let live = { task: null, next: null, rows: [], began: null, missed: 0 }, held = false, seen = new Map();

// ---- Asking. ----

class Refused extends Error {}

async function ask(path, options) {
  const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(10000), ...options });
  if ((response.headers.get("content-type") || "").startsWith("text/plain") && response.ok) return response.text();
  return content(await response.json());
}

function content(answer) {
  if (answer.code === 401 || answer.code === 403) throw new Refused(answer.message);
  if (answer.code !== 0) throw new Error(answer.message);
  return answer.data;
}

function enter(isIn) {
  $("login").hidden = isIn;
  $("main").hidden = $("tabs").hidden = !isIn;
  if (!isIn && document.activeElement === document.body) $("token").focus();
}

// ---- What it measures. ----

// afrun_NAME{labels} value, as [name, {label: text}, value].
function measures(text) {
  return [...text.matchAll(/^afrun_(\w+?)(?:\{(.*)\})? (\S+)$/gm)].map(([, name, labels, value]) =>
    [name, Object.fromEntries([...(labels || "").matchAll(/(\w+)="([^"]*)"/g)].map(([, k, v]) => [k, v])), Number(value)]);
}

function measured(text) {
  const one = { at: performance.now(), refused: new Map(), requests: 0, times: new Map() };
  for (const [name, labels, value] of measures(text)) {
    if (name === "requests_total") {
      one.requests += value;
      if (labels.code !== "0") one.refused.set(labels.path + "\0" + labels.code, value);
    } else if (name === "request_duration_seconds_bucket") {
      if (!one.times.has(labels.path)) one.times.set(labels.path, []);
      one.times.get(labels.path).push([labels.le === "+Inf" ? Infinity : Number(labels.le), value]);
    } else if (!Object.keys(labels).length) one[name] = value;
  }
  return one;
}

function sample(one) {
  if (samples.at(-1) && one.requests < samples.at(-1).requests) samples.push(null); // it began anew
  samples.push(one);
  samples.splice(0, samples.length - SAMPLES);
}

const pairs = () => samples.map((now, i) => now && samples[i - 1] ? [samples[i - 1], now] : null).slice(1);
const rate = (of) => pairs().map((pair) => pair && Math.max(0, of(pair[1]) - of(pair[0])) / ((pair[1].at - pair[0].at) / 1000));

// Below which time so much of what was asked between two samples was answered.
function quantile(path, part) {
  return pairs().map((pair) => {
    if (!pair) return null;
    const old = new Map(pair[0].times.get(path) || []);
    const counts = (pair[1].times.get(path) || []).map(([le, n]) => [le, n - (old.get(le) || 0)]);
    const total = counts.at(-1)?.[1];
    if (!total) return null;
    const at = counts.findIndex(([, n]) => n >= part * total);
    return Number.isFinite(counts[at][0]) ? counts[at][0] : counts[at - 1]?.[0] ?? null;
  });
}

function drawRates() {
  const count = (n) => n < 10 ? n.toFixed(1) : String(Math.round(n)), ms = (s) => (s * 1000).toFixed(s < 0.01 ? 2 : 0) + " ms";
  const perSecond = (n) => w("{}/s", count(n)), number = (n) => String(n);
  const now = (name) => samples.map((one) => one && (one[name] ?? null));
  $("plots").replaceChildren(
    plot(w("pushed"), perSecond, rate((one) => one.contracts_pushed_total)),
    plot(w("handed out"), perSecond, rate((one) => one.contracts_handed_out_total)),
    plot(w("acknowledged"), perSecond, rate((one) => one.contracts_acknowledged_total)),
    plot(w("requests"), perSecond, rate((one) => one.requests)),
    plot(w("a push takes (median)"), ms, quantile("push", 0.5)), plot(w("a push takes (99 %)"), ms, quantile("push", 0.99)),
    plot(w("contracts that wait"), number, now("queue_contracts")), plot(w("polls that wait"), number, now("polls_parked")),
    plot(w("connections"), number, now("connections")));
  const latest = samples.at(-1);
  const rows = [...(latest?.refused || [])].sort((a, b) => b[1] - a[1]).map(([key, n]) => [...key.split("\0"), n]);
  $("refusals").replaceChildren(table(["Request", "Code", "Times"], rows.map(([path, code, n]) => [path, code === "-1" ? w("others") : code, n])));
  $("limits").replaceChildren(table(["Limit", "Of", "Used", "At most"],
    Object.entries(status?.quotas || {}).map(([name, q]) => [name, q.of ?? "", q.used ?? "", q.limit ?? q])));
}

// ---- Tasks and nodes. ----

const key = (one) => one.task + "\0" + one.node + "\0" + one.channel;

// How often each key is there.
function times(items, of) {
  const all = new Map();
  for (const one of items) all.set(of(one), (all.get(of(one)) ?? 0) + 1);
  return all;
}

function queues() {
  const polls = times(parked, (one) => key({ task: one.task_id, node: one.node_id, channel: one.channel })), all = [];
  for (const task of tasks) {
    const members = new Map(task.members.map((one) => [one.node_id, one])), told = new Set();
    const results = times(task.notes.filter((note) => note.kind === "result"), (note) => note.node_id);
    const dead = times(task.dead_letters, (one) => one.node_id + "\0" + one.channel);
    const add = (node, channel, queue) => {
      const one = { task: task.task_id, ended: task.ended, node, channel, role: members.get(node)?.role ?? "", progress: members.get(node)?.progress,
        length: queue.length || 0, leased: queue.leased || 0, oldest: queue.oldest_s, holder: queue.holder, results: results.get(node) ?? 0, dead: dead.get(node + "\0" + channel) ?? 0 };
      one.polls = polls.get(key(one)) || 0;
      told.add(node);
      all.push(one);
    };
    for (const queue of task.queues) add(queue.node_id, queue.channel, queue);
    for (const node of members.keys()) if (!told.has(node)) add(node, "", {});
    if (task.outbox !== undefined) add("→ " + w("the hub"), "", { length: task.outbox, oldest_s: task.outbox_oldest_s });
  }
  return all;
}

const sinceTold = () => (performance.now() - toldAt) / 1000;
const lease = (one) => one.leased ? (one.holder || "?") + " × " + one.leased : "";

const rows = list($("queues"), {
  key,
  text: (one) => [one.task, one.node, one.role, one.holder, one.channel].join("\n"),
  open: (one) => { choose({ task: one.task }); look("task", true); },
  row: (one) => ({
    kind: one.dead ? "bad" : one.ended ? "soft" : "",
    label: w("task {}, node {}: {} wait", one.task, one.node, one.length) + (one.oldest ? w(", the oldest {}", ago(one.oldest + sinceTold())) : "")
      + (one.leased ? w(", leased by {}", lease(one)) : "") + (one.dead ? w(", {} dead letters", one.dead) : ""),
    cells: [one.task, one.node + (one.channel && one.channel !== "federated" ? " (" + one.channel + ")" : ""), String(one.length),
      one.length ? ago(one.oldest + sinceTold()) : "", one.role, lease(one), one.polls ? String(one.polls) : "",
      one.progress === undefined ? "" : one.progress + " %", one.results ? String(one.results) : "", one.dead ? "✗ " + one.dead : ""],
  }),
});

// ---- One task. ----

function drawTask() {
  const name = chosen().task, task = tasks.find((one) => one.task_id === name);
  $("about").textContent = !name ? w("Choose a task") : name + (task?.ended ? " · " + w("ended {}", moment(task.ended)) : "");
  if (!task) return $("told").replaceChildren(...(name ? [el("p", {}, w("The service has no such task."))] : []));
  const notes = task.notes.map((note) => [moment(note.at), note.node_id, w(note.kind), note.text ?? "", note.url ?? (note.number || "")]);
  const dead = task.dead_letters.map((one) => [moment(one.at), one.node_id, one.sender_id ?? "", one.message_uuid, one.reason ?? ""]);
  return $("told").replaceChildren(
    el("h2", {}, w("Files")), el("p", {}, w("{} files, {}", task.files, size(task.file_bytes))),
    el("h2", {}, w("Told by nodes")), table(["When", "Node", "What", "Text", "Value"], notes),
    el("h2", {}, w("Dead letters")), table(["When", "Node", "From", "Contract", "Why"], dead));
}

// A contract as it passes, as rows of a chart.
function rowsOf(one) {
  if (one.what === "pushed") seen.set(one.uuid, { type: one.type || one.title, from: one.from });
  const known = seen.get(one.uuid), type = one.type || known?.type || one.title || "?";
  const t = (one.t - live.began) * 1e6, words = type + (one.bytes === undefined ? "" : " · " + size(one.bytes));
  if (one.what === "pushed")
    return one.to[0] === "*" ? [{ t, kind: "deliver", level: "quiet", party: one.from, text: words + " → *" }]
      : one.to.map((party) => ({ t, kind: "deliver", level: "quiet", from: one.from, party, event: words, mark: "in flight" }));
  if (one.what === "handed out") return [{ t, kind: "deliver", level: "plain", from: one.from ?? "?", party: one.to[0], event: words }];
  return [{ t, kind: "settle", level: one.what === "rejected" ? "bad" : "good", party: one.to[0], text: w(one.what) + ": " + type }];
}

function drawLive(told) {
  const isNew = live.next === null || told.next < live.next; // … again, where the service has come back
  if (isNew) live = { ...live, rows: [], began: null, missed: 0 };
  for (const one of told.contracts) {
    live.began ??= one.t;
    live.rows.push(...rowsOf(one));
  }
  if (!isNew && told.contracts.length && told.contracts[0].n > live.next) live.missed += told.contracts[0].n - live.next;
  live.next = told.next;
  if (live.rows.length > KEPT) live.rows.splice(0, live.rows.length - KEPT);
  if (seen.size > 4 * KEPT) seen = new Map([...seen].slice(-KEPT));
  const parties = new Set(tasks.find((one) => one.task_id === live.task)?.members.map((one) => one.node_id));
  for (const row of live.rows) for (const id of [row.from, row.party]) if (id) parties.add(id);
  $("passing").textContent = w("{} contracts have passed", live.next) + (live.missed ? w(", {} were too fast to be shown", live.missed) : "");
  if (held || !told.contracts.length && !isNew) return;
  chart.show({ parties: [...parties].map((id) => ({ id })), rows: live.rows });
  chart.filter();
  chart.select(live.rows.length - 1);
}

function hold() {
  held = !held;
  $("hold").setAttribute("aria-pressed", held);
}

// ---- The audit log. ----

function drawAudit(told) {
  const lines = told.lines.filter((line) => line.n !== undefined && line.what).reverse();
  $("lines").replaceChildren(told.is_kept ? table(["No.", "When", "Who", "From", "What", "Task", "Outcome", "Times"], lines.map((one) =>
    [one.n, one.time, one.who ?? "", one.from ?? "", one.what, one.task ?? "", one.outcome ? "✗ " + one.outcome : "✓", one.count ?? 1]))
    : el("p", {}, w("The service keeps none (--audit FILE).")));
}

// ---- Time. ----

// What is told, whether it was asked for or came by itself; metrics come last of what belongs together.
const TAKE = {
  status: (told) => {
    status = told;
    toldAt = performance.now();
  },
  tasks: (told) => {
    tasks = told.tasks.filter((one) => !one.task_id.startsWith("afrun:"))
      .map((one) => ({ members: [], queues: [], dead_letters: [], notes: [], files: 0, file_bytes: 0, ...one })); // a sidecar knows less
  },
  live: (told) => {
    parked = told.parked;
    if (told.task_id && told.task_id === live.task && view === "task") drawLive(told);
  },
  metrics: (text) => {
    sample(measured(text));
    draw();
  },
  audit: drawAudit,
};

function drawVerdict() {
  verdict("good", "✓ " + w("version {}, over {}, up {}; {} polls wait, {} connections", status.version, status.bus, ago(status.uptime_seconds + sinceTold()),
    status.parked, status.connections));
}

function draw() {
  isRefused = false;
  enter(true);
  lost = null;
  document.body.classList.remove("old");
  drawVerdict();
  rows.show(queues());
  drawTask();
  if (view === "rates") drawRates();
  $("logout").hidden = !document.body.dataset.signed;
}

async function tick() {
  try {
    const now = await ask("status"), names = ["tasks", "live", "metrics", ...(view === "audit" ? ["audit"] : [])];
    const answers = await Promise.all(names.map((name) => ask(name)));
    TAKE.status(now);
    names.forEach((name, i) => TAKE[name](answers[i]));
  } catch (error) {
    failed(error);
  }
}

function told(name, text) {
  polls = false;
  if (name === "status") wrong = null;
  try {
    if (name !== "metrics" || !wrong) TAKE[name](name === "metrics" ? text : content(JSON.parse(text)));
  } catch (error) {
    failed(wrong = error);
  }
}

function failed(error) {
  if (error instanceof Refused) {
    isRefused = true; // it is asked again once there is a token
    enter(false);
    verdict("", error.message);
    return;
  }
  lost ??= Date.now();
  if (samples.at(-1)) samples.push(null);
  document.body.classList.add("old");
  verdict("bad", "✗ " + w("The service has not answered for {}: {}", ago((Date.now() - lost) / 1000), error.message));
}

// Where nothing is news, time passes all the same.
function pass() {
  const last = samples.at(-1), now = performance.now();
  if (wrong) failed(wrong);
  if (!status || lost || polls || isRefused || document.hidden) return;
  if (last && now - last.at > 1.5 * EVERY_MS) sample({ ...last, at: now });
  drawVerdict();
  rows.redraw();
  if (view === "rates") drawRates();
}

// Another task, or view: it is followed from now on.
function attend() {
  const task = view === "task" && chosen().task;
  if (task && task !== live.task) {
    live = { task, next: null, rows: [], began: null, missed: 0 };
    chart.show({ parties: [], rows: [] });
    chart.filter();
    $("passing").textContent = "";
  }
  const next = JSON.stringify([task, view === "audit"]);
  if (next === path) return;
  path = next;
  if (status) draw();
  if (polls && status) tick();
  again();
}

// Which task's contracts are wanted, and from which one on.
const passing = () => view === "task" && live.task ? { task: live.task, ...(live.next === null ? {} : { after: live.next }) } : {};

// By polls, where events do not come through: a task's contracts more often than all.
async function poll() {
  polls = true;
  await tick();
  for (let i = LIVE_MS; polls && i < EVERY_MS && passing().task && !lost; i += LIVE_MS) {
    await pause(LIVE_MS);
    try {
      TAKE.live(await ask("live?" + new URLSearchParams(passing())));
    } catch (error) {
      failed(error);
    }
  }
}

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("wrong").textContent = "";
  try {
    await ask("login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token: $("token").value }) });
    document.body.dataset.signed = sessionStorage.signed = "yes";
    $("token").value = "";
    await tick();
    look(view, true);
  } catch (error) {
    $("wrong").textContent = error.message;
  }
});
$("logout").addEventListener("click", async () => {
  await ask("logout", { method: "POST" });
  delete document.body.dataset.signed;
  delete sessionStorage.signed;
  status = null;
  again();
  await tick();
});
$("hold").addEventListener("click", hold);
// Who goes through the rows, or points at one, has them stay.
$("chart").addEventListener("keydown", (event) => { if (!held && /^(j|k|Arrow.*|Page.*|Home|End)$/.test(event.key)) hold(); });
$("chart").addEventListener("pointerdown", () => { if (!held) hold(); });

translate();
if (sessionStorage.signed) document.body.dataset.signed = "yes";
look = views(["tasks", "task", "rates", "audit"], { "/": () => { look("tasks"); $("find").focus(); }, h: hold }, (name) => {
  view = name;
  attend();
});
window.addEventListener("hashchange", () => look(chosen().view || "tasks"));
again = follow({
  path: () => "events?" + new URLSearchParams({ ...passing(), ...(view === "audit" ? { audit: 1 } : {}) }),
  told, poll, failed, wants: () => !isRefused, every: EVERY_MS,
});
setInterval(pass, EVERY_MS);
