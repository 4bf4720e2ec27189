// What the pages of a service and of a node share: views, keys, lists, small plots, how long ago.
import { $, el, svg } from "./draw.js";
import { rows } from "./rows.js";
import { w } from "./words.js";

export function ago(s) {
  if (s < 0) s = 0;
  return s < 120 ? w("{} s", Math.round(s)) : s < 7200 ? w("{} min", Math.round(s / 60))
    : s < 172800 ? w("{} h", Math.round(s / 3600)) : w("{} d", Math.round(s / 86400));
}

export const size = (bytes) => bytes < 1000 ? bytes + " B" : bytes < 1e6 ? (bytes / 1e3).toFixed(1) + " kB"
  : bytes < 1e9 ? (bytes / 1e6).toFixed(1) + " MB" : (bytes / 1e9).toFixed(1) + " GB";

export const moment = (s) => new Date(s * 1000).toISOString().slice(0, 19).replace("T", " ") + " UTC";

export function verdict(kind, text) {
  $("verdict").className = kind;
  if ($("verdict").textContent !== text) $("verdict").textContent = text;
}

// ---- The address: what is chosen, behind #. ----

export const chosen = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

export function choose(changes) {
  const all = { ...chosen(), ...changes };
  for (const name of Object.keys(all)) if (all[name] === "" || all[name] === null) delete all[name];
  history.replaceState(null, "", location.pathname + "#" + new URLSearchParams(all)); // without the token
}

// ---- Views. ----

// Tabs; `changed` is told of the one that is looked at. Returns how to look at another.
export function views(names, keys, changed) {
  const tabs = $("tabs");
  const look = (name, focus) => {
    for (const one of names) {
      $(one).hidden = one !== name;
      $("tab-" + one).setAttribute("aria-selected", one === name);
      $("tab-" + one).tabIndex = one === name ? 0 : -1;
    }
    choose({ view: name });
    changed(name);
    if (focus) ($(name).querySelector("[role=listbox],[tabindex='0']") || $("tab-" + name)).focus();
  };
  const at = () => names.findIndex((name) => !$(name).hidden);
  for (const name of names) $("tab-" + name).addEventListener("click", () => look(name));
  tabs.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    look(names[(at() + by + names.length) % names.length]);
    $("tab-" + names[at()]).focus();
  });
  const all = { "?": () => $("help").showModal(), ...keys };
  names.forEach((name, i) => { all[i + 1] = () => look(name, true); });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input,textarea,select");
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && event.target.type === "search") {
      event.target.value = "";
      event.target.dispatchEvent(new Event("input", { bubbles: true }));
      event.target.closest("section").querySelector("[role=listbox]").focus();
    }
    if (typing || !Object.hasOwn(all, event.key)) return;
    event.preventDefault();
    all[event.key]();
  });
  $("help-open").addEventListener("click", all["?"]);
  look(names.includes(chosen().view) ? chosen().view : names[0]);
  return look;
}

// ---- Lists of what comes anew again and again. ----

// `row` makes { label, cells, kind } of an item: cells are texts, or nodes. Items are told apart by `key`: the one that is chosen
// stays so wherever it stands. `text` is what a search looks at, typed into #find, beside which #found tells how many are left. `open` is
// called with what Enter, or a double click, wants to see.
export function list(box, { row, key, text, open = () => {}, moved = () => {} }) {
  const into = el("div");
  let items = [], at = null;
  box.replaceChildren(into);
  box.classList.add("list");
  const make = (i) => {
    const { label, cells, kind } = row(items[i]);
    return el("div", { class: kind || "", "aria-label": label }, ...cells.map((cell) =>
      el("span", { title: typeof cell === "string" ? cell : null }, cell ?? "")));
  };
  const all = rows(box, into, { high: 30, name: box.id, make, text: (i) => text(items[i]), open: (i) => open(items[i]), moved: (i) => {
    if (at !== (at = key(items[i]))) moved(items[i]);
  } });
  const choose = (k) => {
    const i = items.findIndex((item) => key(item) === k);
    at = k;
    if (i >= 0 && i !== all.current()) all.select(i);
  };
  const filter = () => {
    const kept = all.filter($("find").value);
    $("found").textContent = kept === items.length ? w("{} rows", kept) : w("{} of {} rows", kept, items.length);
  };
  $("find").addEventListener("input", filter);
  return { choose, redraw: all.redraw, show: (told) => {
    items = told;
    all.show(items.length);
    filter();
    choose(at);
  } };
}

// ---- Tables, and plots. ----

// Without a head the first of each row is its head.
export function table(head, rows, none = "nothing") {
  if (!rows.length) return el("p", {}, w(none));
  const cell = (text, k) => el(head || k ? "td" : "th", head || k ? {} : { scope: "row" }, typeof text === "object" ? text : String(text));
  return el("table", { class: "told" },
    ...(head ? [el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, w(text)))))] : []),
    el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map(cell)))));
}


// A line through numbers, the last of which are told; those that are not known are left out.
export function plot(name, unit, numbers) {
  const known = numbers.filter((n) => n !== null), most = Math.max(...known, 1e-9), last = known.at(-1);
  const told = last === undefined ? "–" : unit(last);
  const points = numbers.map((n, i) => n === null ? null : [i / Math.max(1, numbers.length - 1) * 200, 38 - n / most * 34]);
  let path = "";
  points.forEach((point, i) => { if (point) path += (points[i - 1] ? "L" : "M") + point.map((n) => n.toFixed(1)).join(" "); });
  const picture = svg("svg", { viewBox: "0 0 200 40", role: "img", "aria-label": name + ": " + told, preserveAspectRatio: "none" },
    svg("path", { class: "line", d: path }));
  return el("figure", {}, el("figcaption", {}, name, " ", el("b", {}, told)), picture,
    el("small", {}, known.length ? w("at most {}", unit(Math.max(...known))) : ""));
}
