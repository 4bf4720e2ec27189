// All interleavings within bounds: how far it is, what was found, what is never reached.
import { cancel, follow } from "./ask.js";
import { $, el } from "./draw.js";
import { w } from "./words.js";

let host = null, runs = false;

export const start = (given) => { host = given; };

function tell(kind, text) {
  $("progress").className = kind;
  $("progress").textContent = text;
}

const number = (n) => n.toLocaleString("en");

function progress(now) {
  tell("", w(now.ending ? "is a way left to the end? {} states left, depth {}, {} s" : "{} states, depth {}, {} s", number(now.states), now.depth,
    (now.elapsed_ms / 1000).toFixed(1)));
}

function verdict(answer) {
  const count = answer.violations.length;
  const found = count ? w("violations: {}", count) : w("no violation");
  return (count ? "✗ " : answer.exhaustive ? "✓ " : "… ") + (answer.exhaustive ? w("exhaustive: {}", found) : w("not exhaustive ({}): {}", answer.bound, found))
    + " · " + w("{} states, depth {}, {} s", number(answer.states), answer.depth, (answer.elapsed_ms / 1000).toFixed(2));
}

// A violation in words, beside its chart.
function explain(one) {
  const lines = [el("p", { class: "bad" }, "✗ " + one.text)];
  for (const need of one.needs || [])
    lines.push(el("p", {}, w("it needs: {}", need.text) + (need.believed ? " " + w("(believed)") : "")));
  lines.push(...one.at_end.map((party) => el("p", { class: "soft" }, party.party + ": " + w(party.status)
    + (party.waits_for?.state ? " [" + party.waits_for.state + "]" : "")
    + (party.waits_for?.events?.length ? ", " + w("waits for {}", party.waits_for.events.join(", ")) : ""))));
  const on = el("button", { type: "button", id: "from-here" }, w("Explore from here"));
  on.addEventListener("click", () => host.explore());
  $("why").replaceChildren(...lines, on);
}

function choose(one, button) {
  for (const other of $("found").querySelectorAll("button")) other.setAttribute("aria-pressed", other === button);
  explain(one);
  host.show(one.run, one.kind);
}

function list(answer) {
  $("found").replaceChildren(...answer.violations.map((one) => {
    const button = el("button", { type: "button", "aria-pressed": "false" }, one.kind + ": " + one.text + " · " + w("steps: {}", one.length));
    button.addEventListener("click", () => choose(one, button));
    return el("li", {}, button);
  }));
  $("unreached").replaceChildren(...answer.unreached.map((one) => {
    const button = el("button", { type: "button" }, w("never reached: {}", one.what));
    button.addEventListener("click", () => host.line(one.file, one.line));
    return el("li", {}, button);
  }));
  host.cover(answer.unreached);
}

async function run() {
  if (runs) return cancel("check");
  runs = true;
  $("check-go").textContent = w("Cancel");
  $("why").replaceChildren();
  $("found").replaceChildren();
  $("unreached").replaceChildren();
  tell("", w("running …"));
  try {
    const answer = await follow("check", host.bounds(), progress);
    if (answer?.kind !== "check") {
      tell("bad", "✗ " + (answer?.error?.message ?? w("it has told nothing")));
    } else {
      tell(answer.violations.length ? "bad" : "good", verdict(answer));
      list(answer);
    }
  } catch (error) {
    tell("", error.name === "AbortError" ? w("cancelled") : error.message);
  }
  runs = false;
  $("check-go").textContent = w("Check");
  return undefined;
}

$("check-go").addEventListener("click", run);
