// A run by itself, as `afrun chart --html` writes it: the run stands in the page, and nothing is asked of anybody.
import { $, seconds } from "./draw.js";
import { chart, drawRun, RUN_KEYS, startRun } from "./run.js";
import { look, viewed, views } from "./views.js";
import { translate, w } from "./words.js";

const run = JSON.parse($("told").textContent), counts = (name) => run.counts[name] ?? 0;
const isBad = run.outcome !== null && !["ok", "until", "interrupted"].includes(run.outcome);
const remember = () => history.replaceState(null, "", "#" + new URLSearchParams({ row: chart.current(), view: viewed() }));

function recall() {
  const state = new URLSearchParams(location.hash.slice(1)), row = Number(state.get("row"));
  look(state.get("view"));
  return row > 0 && row < run.rows.length ? row : 0;
}

translate();
$("flow").textContent = document.title = run.flow + (run.version === null ? "" : " " + w("version {}", run.version));
$("verdict").className = isBad ? "bad" : run.outcome === "ok" ? "good" : "";
$("verdict").textContent = [(isBad ? "✗ " : run.outcome === "ok" ? "✓ " : "") + (run.seed === null ? w(run.outcome ?? "no end") : w("seed {}: {}", run.seed, w(run.outcome ?? "no end"))),
  w("{} parties, {} done; {} messages, {} dropped; {} s", run.parties.length, counts("done"), counts("deliver"), counts("drop"), seconds(run.end_t)),
  ...(run.message ? [run.message] : []), ...(run.hidden ? [w("{} rows were left out", run.hidden)] : [])].join(" · ");
startRun(remember);
views({ run: () => $("chart"), held: () => $("parties") }, RUN_KEYS, remember);
drawRun(run, recall());
window.addEventListener("hashchange", () => chart.select(recall()));
