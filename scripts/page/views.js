// Views: tabs, of which one is in sight where there is little room; else all are, but of those at the side. And keys.
import { $ } from "./draw.js";

export const VIEWS = ["knobs", "check", "explore", "run", "held", "states", "source"].filter((name) => $(name));
const SIDE = VIEWS.filter((name) => $("tab-" + name).className === "of-side");
const isWide = matchMedia("(min-width:1100px)");
let view = "run", side = SIDE[0], focused = {}, changed = () => {};

export const viewed = () => view;

export function look(name) {
  view = VIEWS.includes(name) ? name : "run";
  if (SIDE.includes(view)) side = view;
  for (const one of VIEWS) {
    const chosen = one === (isWide.matches ? side : view);
    $(one).classList.toggle("shown", one === view);
    $(one).classList.toggle("at-side", one === side);
    $("tab-" + one).setAttribute("aria-selected", chosen);
    $("tab-" + one).tabIndex = chosen ? 0 : -1;
  }
}

export function goTo(name) {
  look(name);
  focused[name]().focus();
  changed();
}

// `focus`: what has the keys, of each view; `all`: keys; told() hears that another view is looked at.
export function views(focus, all, told) {
  focused = focus;
  changed = told;
  VIEWS.forEach((name, i) => { all[i + 1] = () => goTo(name); });
  all["?"] = () => $("help").showModal();
  all["/"] = () => { goTo("run"); $("search").focus(); };
  for (const name of VIEWS) $("tab-" + name).addEventListener("click", () => { look(name); told(); });
  isWide.addEventListener("change", () => look(view));
  $("help-open").addEventListener("click", all["?"]);
  document.querySelector("nav").addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key], these = isWide.matches ? SIDE : VIEWS;
    if (!by) return;
    look(these[(these.indexOf(isWide.matches ? side : view) + by + these.length) % these.length]);
    $("tab-" + view).focus();
  });
  const ofChart = ["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End", "Enter"];
  document.addEventListener("keydown", (event) => {
    const target = event.target, typing = target.matches("input,textarea,select");
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
    if (event.key === "Escape" && typing) {
      if (target === $("search")) {
        target.value = "";
        target.dispatchEvent(new Event("input"));
      }
      $("chart").focus();
    } else if (target === $("search") && event.key === "Enter") {
      $("chart").focus();
    } else if (!typing && Object.hasOwn(all, event.key) && (!ofChart.includes(event.key) || target === document.body)) { // a list has them itself
      event.preventDefault();
      all[event.key]();
    }
  });
}
