// The run that is shown: its chart, what is searched in it, the cursor.
import { sequence } from "./chart.js";
import { $, el, later } from "./draw.js";
import { showParties } from "./party.js";
import { look } from "./views.js";
import { w } from "./words.js";

export const chart = sequence($("chart"), $("names"), $("rows"));
let drawnRun = null, isNew = false, whenFiltered = () => {};

// moved(i) hears of the cursor, filtered() of what rows are wanted.
export function startRun(moved, filtered = () => {}) {
  whenFiltered = filtered;
  const tell = (i) => {
    showParties(chart, drawnRun.parties, i, drawnRun.rows.length);
    moved(i);
  };
  chart.whenMoved((i) => {
    if (isNew) later("moved", () => tell(chart.current())); // the picture comes first
    else tell(i);
  });
}

function options(select, all, values) {
  const kept = select.value, had = [...select.options].slice(1).map((one) => one.value);
  if (had.length && had.join("\n") === values.join("\n")) return;
  select.replaceChildren(el("option", { value: "" }, all), ...values.map((value) => el("option", { value }, value)));
  select.value = values.includes(kept) ? kept : "";
}

// Draws a run, with the cursor on a row.
export function drawRun(run, row) {
  drawnRun = run;
  chart.show(run);
  options($("party"), w("all parties"), run.parties.map((one) => one.id));
  options($("type"), w("all types"), [...new Set(run.rows.flatMap((one) => one.event || []))].sort());
  $("fold").parentElement.hidden = !run.rows.some((one) => (one.states || []).some((entry) => entry.state.includes(".")));
  filter();
  $("fail").hidden = chart.failure() < 0;
  if (!run.rows.length) { // nor is there a row at which parties hold anything
    $("parties").replaceChildren();
    $("moment").textContent = "";
  }
  isNew = true;
  chart.select(Math.min(row, run.rows.length - 1));
  isNew = false;
}

export function filter() {
  if (!drawnRun) return;
  const wanted = { text: $("search").value, party: $("party").value, type: $("type").value, fold: $("fold").checked, time: $("time").checked };
  const all = drawnRun.rows.length, kept = chart.filter(wanted);
  whenFiltered(wanted);
  const count = kept === all ? w("{} rows", all) : w("{} of {} rows", kept, all);
  if ($("count").textContent !== count) $("count").textContent = count;
}

function toFailure() {
  const i = chart.failure();
  if (i < 0) return;
  $("search").value = $("party").value = $("type").value = "";
  $("fold").checked = false;
  look("run");
  filter();
  chart.select(i);
  $("chart").focus();
}

// Keys of a run, wherever they are typed.
export const RUN_KEYS = {
  j: () => chart.step(1), k: () => chart.step(-1), ArrowDown: () => chart.step(1), ArrowUp: () => chart.step(-1),
  PageDown: () => chart.step(chart.page()), PageUp: () => chart.step(-chart.page()), Home: () => chart.step(-1e9), End: () => chart.step(1e9),
  f: toFailure, t: () => $("time").click(),
};

for (const id of ["search", "party", "type", "fold", "time"]) $(id).addEventListener("input", filter);
$("fail").addEventListener("click", toFailure);
