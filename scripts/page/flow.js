// The flow: its states as the program draws them, and its lines.
import { $, el, later, svg } from "./draw.js";
import { w } from "./words.js";

const sheet = new CSSStyleSheet();
document.adoptedStyleSheets = [sheet];
let states = null, boxes = new Map(), wantLine = () => {};

export const whenWanted = (fn) => { wantLine = fn; };

function link(node, place, label) {
  if (!place.line) return;
  node.setAttribute("role", "link");
  node.setAttribute("tabindex", "0");
  node.setAttribute("aria-label", label + ", " + w("line {}", place.line));
  const go = () => wantLine(place.file, place.line);
  node.addEventListener("click", (event) => { event.stopPropagation(); go(); });
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    go();
  });
}

// The picture has its boxes, and their rows, in the order in which the answer lists them.
export function show(answer, picture) {
  states = answer;
  // The policy has no place for a style within a picture: it is taken out first.
  const plain = picture.replace(/<style>([^<]*)<\/style>/, (_, rules) => {
    sheet.replaceSync(rules);
    return "";
  }).replaceAll('style="--c:', 'data-c="');
  const root = document.importNode(new DOMParser().parseFromString(plain, "image/svg+xml").documentElement, true);
  for (const node of root.querySelectorAll("[data-c]")) node.style.setProperty("--c", node.dataset.c);
  root.setAttribute("role", "group");
  const groups = [...root.querySelectorAll("g.state")];
  boxes = new Map();
  for (const role of states.roles)
    for (const state of role.states) {
      const group = groups.shift();
      boxes.set(role.name + "\0" + state.name, { group, state });
      link(group, state, role.name + ": " + state.name);
      const rows = [...group.children].filter((node) => node.tagName === "g");
      state.rows.forEach((row, i) => link(rows[i], row, state.name + ": " + row.label));
    }
  $("picture").replaceChildren(root);
  $("file").replaceChildren(...states.files.map((file) => el("option", { value: file.name }, file.name)));
  $("file").hidden = states.files.length < 2;
  line();
}

// How often each state was entered; ●: a party stands there.
export function weigh(counts, standing) {
  for (const [key, { group }] of boxes) {
    const count = counts.get(key) || 0, rect = group.querySelector(".box");
    const weight = (standing.has(key) ? "● ×" : "×") + count;
    if (group.dataset.weight === weight) continue;
    group.dataset.weight = weight;
    group.querySelector(".weight")?.remove();
    group.classList.toggle("seen", count > 0);
    if (!count) continue;
    const right = Number(rect.getAttribute("x")) + Number(rect.getAttribute("width")) - 8;
    group.append(svg("text", { class: "weight", x: right, y: Number(rect.getAttribute("y")) - 5 },
      svg("title", {}, w("entered {} times", count)), weight));
  }
}

// Marks what a check has never come to.
export function cover(unreached) {
  for (const { group } of boxes.values()) {
    group.classList.remove("unreached");
    for (const node of group.querySelectorAll(".never")) node.remove();
  }
  for (const one of unreached) {
    const found = boxes.get(one.role + "\0" + one.state);
    if (!found) continue;
    const { group, state } = found, rect = group.querySelector(".box");
    const row = state.rows.findIndex((each) => each.name === one.event);
    const beside = row < 0 ? rect : [...group.children].filter((node) => node.tagName === "g")[row]?.querySelector("text");
    if (!one.event) group.classList.add("unreached");
    group.append(svg("text", { class: "never", x: Number(rect.getAttribute("x")) + Number(rect.getAttribute("width")) + 3,
      y: Number((beside || rect).getAttribute("y")) + (beside === rect ? 14 : 0) }, svg("title", {}, w("never reached: {}", one.what)), "∅"));
  }
}

// Where a row of a run is written: the handler of its state, else of every state, else the state.
export function place(role, state, row) {
  const known = states?.roles.find((one) => one.name === role);
  if (!known) return null;
  const names = { deliver: row.event, start: "enter", timeout: (row.text || "").replace(/^timer /, "") };
  const name = names[row.kind] ?? row.event;
  const all = [known.states.find((one) => one.name === state), known.states.find((one) => one.any)];
  for (const one of all) {
    const found = one?.rows.find((each) => each.name === name && each.line);
    if (found) return found;
  }
  return all[0]?.line ? all[0] : null;
}

// Shows a file, and a line of it.
export function line(file, number) {
  if (!states) return;
  const shown = states.files.find((one) => one.name === file) || states.files[0];
  if (!shown) return;
  $("file").value = shown.name;
  if ($("text").dataset.file !== shown.name || $("text").written !== shown.text) {
    $("text").dataset.file = shown.name;
    $("text").written = shown.text;
    $("text").replaceChildren(...shown.text.replace(/\n$/, "").split("\n").map((words) => el("div", {}, words)));
  }
  $("text").querySelector(".here")?.classList.remove("here");
  const node = number && $("text").children[number - 1];
  if (!node) return;
  node.classList.add("here");
  later("line", () => node.scrollIntoView({ block: "center" }));
  $("text").setAttribute("aria-label", shown.name + ", " + w("line {}", number) + ": " + node.textContent.trim());
}

$("file").addEventListener("change", () => line($("file").value));
