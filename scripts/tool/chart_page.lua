--- The page's own style and script. Both are fixed texts: what a trace says reaches the script
--- only through the document, and goes back only as text.

local page = {}

page.style = [[
*{box-sizing:border-box}
html,body{height:100%;margin:0}
body.af{display:grid;grid-template:auto 1fr/220px 1fr 320px;color:var(--ink);font-size:13px}
.bar{grid-column:1/-1;display:flex;flex-wrap:wrap;gap:6px 14px;align-items:center;
padding:8px 14px;border-bottom:1px solid var(--line);background:var(--box)}
.bar h1{font-size:15px;margin:0;overflow-wrap:anywhere}
.bar p{margin:0;color:var(--soft);flex:1 1 300px;overflow-wrap:anywhere}
.badge{padding:1px 10px;border-radius:9px;color:var(--bg);background:var(--bad);font-weight:600}
.badge.ok{background:var(--good)}
button{font:inherit;color:inherit;background:var(--bg);border:1px solid var(--line);
border-radius:5px;padding:2px 9px;cursor:pointer}
button:hover{border-color:var(--soft)}
:focus-visible{outline:2px solid var(--t0);outline-offset:-2px}
.zoom{display:flex;gap:4px}
.zoom output{min-width:4.5em;text-align:center;align-self:center}
.side{overflow:auto;padding:10px 12px}
.filters{border-right:1px solid var(--line)}
.panel{border-left:1px solid var(--line)}
fieldset{border:0;margin:0 0 14px;padding:0}
legend{font-weight:600;padding:0;margin-bottom:4px;display:flex;gap:6px;align-items:center;
width:100%}
legend span{flex:1}
legend button{font-size:11px;font-weight:400;padding:0 6px}
.filters label{display:flex;gap:6px;align-items:center;padding:1px 0;overflow-wrap:anywhere}
.filters label span{min-width:0}
.swatch{flex:none;width:10px;height:10px;border-radius:3px;background:var(--c,var(--soft))}
.scroll{overflow:auto;position:relative;cursor:grab}
.scroll.drag{cursor:grabbing;user-select:none}
.names{position:sticky;top:0;z-index:1;background:var(--bg);border-bottom:1px solid var(--rule);
padding-top:6px;width:max-content;min-width:100%}
.names svg,.rows svg{display:block}
.panel h2{font-size:13px;margin:0 0 6px}
.panel pre{font:12px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;margin:0;
white-space:pre-wrap;overflow-wrap:anywhere}
.hint{color:var(--soft);line-height:1.6}
kbd{font:11px ui-monospace,Menlo,Consolas,monospace;border:1px solid var(--line);border-radius:3px;
padding:0 4px}
@media (max-width:900px){body.af{grid-template:auto 1fr minmax(90px,26%)/1fr}
.filters{display:none}.panel{border-left:0;border-top:1px solid var(--line)}}
@media print{body.af{display:block}.side,.zoom{display:none}.scroll{overflow:visible}}
]]

page.script = [[
"use strict";
(function () {
  const $ = (selector) => document.querySelector(selector);
  const scroll = $(".scroll"), names = $(".names svg"), rows = $(".rows svg");
  const heading = $("#what"), details = $("#details"), shownZoom = $(".zoom output");
  const hint = details.nextElementSibling;

  // Rows stand last to first in the document; here they stand in the order of time.
  const list = Array.from(rows.querySelectorAll(".row")).reverse().map((node) => {
    const title = node.querySelector("title"), words = title ? title.textContent : "";
    if (title) title.remove();
    return { node, words, party: node.dataset.party, from: node.dataset.from,
             type: node.dataset.type };
  });
  const byNode = new Map(list.map((row) => [row.node, row]));

  let selected = null, pinned = false;
  function show(row) {
    if (selected) selected.node.classList.remove("sel");
    selected = row;
    if (row) row.node.classList.add("sel");
    const words = row ? row.words : "", end = words.indexOf("\n");
    heading.textContent = end < 0 ? words : words.slice(0, end);
    details.textContent = end < 0 ? "" : words.slice(end + 1);
    hint.hidden = row !== null;
  }
  function rowAt(event) {
    const node = event.target.closest ? event.target.closest(".row") : null;
    return node ? byNode.get(node) || null : null;
  }
  rows.addEventListener("pointerover", (event) => {
    const row = rowAt(event);
    if (row && row.words && !pinned) show(row);
  });

  let zoom = 1;
  function setZoom(next, x, y) {
    next = Math.min(4, Math.max(0.1, next));
    const left = (scroll.scrollLeft + x) / zoom * next - x;
    const top = (scroll.scrollTop + y) / zoom * next - y;
    zoom = next;
    for (const picture of [names, rows]) {
      const box = picture.viewBox.baseVal;
      picture.setAttribute("width", box.width * zoom);
      picture.setAttribute("height", box.height * zoom);
    }
    scroll.scrollLeft = left;
    scroll.scrollTop = top;
    shownZoom.textContent = Math.round(zoom * 100) + " %";
  }
  const middle = (factor) =>
    setZoom(zoom * factor, scroll.clientWidth / 2, scroll.clientHeight / 2);
  const actions = {
    "in": () => middle(1.25),
    "out": () => middle(0.8),
    "reset": () => setZoom(1, 0, 0),
    "fit": () => setZoom(scroll.clientWidth / rows.viewBox.baseVal.width, 0, 0),
  };
  for (const button of document.querySelectorAll("[data-zoom]"))
    button.addEventListener("click", actions[button.dataset.zoom]);
  scroll.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = scroll.getBoundingClientRect();
    const factor = Math.exp(-event.deltaY / 400);
    setZoom(zoom * factor, event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  let drag = null;
  scroll.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    drag = { x: event.clientX, y: event.clientY, left: scroll.scrollLeft, top: scroll.scrollTop,
             moved: false };
  });
  window.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
    if (!drag.moved && Math.abs(dx) + Math.abs(dy) > 5) {
      drag.moved = true;
      scroll.classList.add("drag");
    }
    if (drag.moved) scroll.scrollTo(drag.left - dx, drag.top - dy);
  });
  window.addEventListener("pointerup", (event) => {
    if (drag && !drag.moved && scroll.contains(event.target)) {
      const row = rowAt(event);
      pinned = row !== null && row.words !== "" && !(pinned && row === selected);
      if (row || selected) show(pinned ? row : null);
    }
    drag = null;
    scroll.classList.remove("drag");
  });

  function reveal(row) {
    const box = row.node.getBoundingClientRect(), port = scroll.getBoundingClientRect();
    const top = port.top + names.getBoundingClientRect().height + 16;
    if (box.bottom < top || box.top < top && box.height < port.height - 120)
      scroll.scrollTop -= top - box.top;
    else if (box.bottom > port.bottom - 16) scroll.scrollTop += box.bottom - port.bottom + 16;
    if (box.right < port.left + 16) scroll.scrollLeft -= port.left + 16 - box.right;
    else if (box.left > port.right - 16) scroll.scrollLeft += box.left - port.right + 16;
  }
  function skipped(row) {
    const classes = row.node.classList;
    return classes.contains("off") || classes.contains("bare") || !row.words
      || row.node.dataset.kind === "start";
  }
  function step(by) {
    let at = selected ? list.indexOf(selected) + by : by > 0 ? 0 : list.length - 1;
    while (list[at] && skipped(list[at])) at += by;
    if (!list[at]) return;
    pinned = true;
    show(list[at]);
    reveal(list[at]);
  }
  const keys = {
    "ArrowDown": () => step(1), "ArrowUp": () => step(-1),
    "+": actions["in"], "=": actions["in"], "-": actions["out"], "0": actions["reset"],
    "Escape": () => { pinned = false; show(null); },
  };
  scroll.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });

  const boxes = Array.from(document.querySelectorAll(".filters input"));
  const lanes = Array.from(document.querySelectorAll(".lane,.name"));
  function filter() {
    const off = { party: new Set(), type: new Set() };
    for (const box of boxes) if (!box.checked) off[box.name].add(box.value);
    for (const row of list) {
      row.node.classList.toggle("off", off.party.has(row.party) || off.party.has(row.from));
      row.node.classList.toggle("bare", off.type.has(row.type));
    }
    for (const lane of lanes) lane.classList.toggle("faded", off.party.has(lane.dataset.party));
  }
  $(".filters").addEventListener("change", filter);
  for (const button of document.querySelectorAll("[data-check]")) {
    button.addEventListener("click", () => {
      for (const box of button.closest("fieldset").querySelectorAll("input"))
        box.checked = button.dataset.check === "all";
      filter();
    });
  }
  filter();
  const ratio = scroll.clientWidth / rows.viewBox.baseVal.width;
  if (ratio < 1) setZoom(Math.max(0.6, ratio), 0, 0);
})();
]]

return page
