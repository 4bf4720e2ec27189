// What each party holds at the cursor, and what of it the row has changed.
import { $, el, seconds } from "./draw.js";
import { w } from "./words.js";

const MOST = 60, LINES = 300;

// The leaves of a value, by path.
function leaves(value, path, into) {
  if (value !== null && typeof value === "object" && Object.keys(value).length && into.size < LINES)
    for (const key of Object.keys(value)) leaves(value[key], path ? path + "." + key : key, into);
  else into.set(path, JSON.stringify(value));
  return into;
}

// What is new, another, or gone between two values.
export function table(before, now) {
  const old = before === undefined ? null : leaves(before, "", new Map()), rows = [];
  for (const [path, value] of leaves(now ?? {}, "", new Map())) {
    const was = old?.get(path), sign = !old || was === value ? "" : was === undefined ? "+" : "~";
    const cell = el("td", {}, path ? path + " = " + value : value);
    if (sign === "~") cell.append(" ", el("del", {}, w("it was {}", was)));
    rows.push(el("tr", sign ? { class: "changed" } : {}, el("td", {}, sign), cell));
    old?.delete(path);
  }
  for (const [path, value] of old || [])
    if (path) rows.push(el("tr", { class: "changed" }, el("td", {}, "−"), el("td", {}, el("del", {}, path + " = " + value))));
  return el("table", {}, ...rows);
}

function card(chart, id, i, isOf, isOpen) {
  const now = chart.held(id, i), before = isOf ? chart.held(id, i - 1) : now;
  const node = el("details", { class: isOf ? "of" : "", "data-party": id });
  node.open = isOpen;
  node.append(el("summary", {}, el("b", {}, id), " ",
    now ? (now.state === null ? "" : "[" + now.state + "] ") + w(now.status) : w("new")));
  if (!now) return node;
  node.append(table(before?.data, now.data));
  const t = chart.row(i).t;
  for (const timer of now.timers)
    node.append(el("div", {}, w("{}: {}", w("timer") + " " + timer.timer,
      timer.due > t ? w("due in {} s", seconds(timer.due - t)) : w("due"))));
  for (const event of now.deferred)
    node.append(el("div", {}, w("{}: {}", w("deferred"), event.type + " " + w("from {}", event.from))));
  if (now.coming) node.append(el("div", {}, w("{}: {}", w("on the way to it"), now.coming)));
  return node;
}

// What an event has brought.
function eventCard(one) {
  const node = el("details", { class: "event", open: "" }, el("summary", {}, el("b", {}, one.event), " ", one.from + " → " + one.party));
  if (one.sent !== undefined) node.append(el("div", {}, w("sent at {} s", seconds(one.sent))));
  node.append(table(undefined, one.content));
  return node;
}

export function showParties(chart, parties, i, count) {
  const one = chart.row(i), of = new Set([one.party, ...(one.states || []).map((entry) => entry.party)]);
  $("moment").textContent = w("row {} of {}, {} s", i + 1, count, seconds(one.t));
  const order = [...parties.filter((party) => of.has(party.id)), ...parties.filter((party) => !of.has(party.id))];
  $("parties").replaceChildren(...(one.content === undefined ? [] : [eventCard(one)]), ...order.slice(0, MOST).map((party, k) =>
    card(chart, party.id, i, of.has(party.id), k < 8)),
  ...(order.length > MOST ? [el("p", {}, w("{} more parties", order.length - MOST))] : []));
}
