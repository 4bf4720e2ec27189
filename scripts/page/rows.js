// A list of very many rows, of which those in sight alone are elements.
//
//   const list = rows(box, into, { high, make, text, moved, open });
//   list.show(100000);
//   list.filter();                        // of what is typed; and draws
//
// `box` scrolls, and has the focus and the keys; `into`, within it, has the rows; what stands above that in the box is its head, which
// sticks. A row is a number: make(i, space) gives its element, above which so much is empty, text(i) what a search looks at; moved(i) is
// told of the row that is chosen, open(i) of Enter and of a double click.
//
// Where the box stands and how much it shows are known from what it told last: asking it makes it lay out the whole page.
import { later } from "./draw.js";

const PRINTED_MOST = 5000, AROUND = 5;

export function rows(box, into, { high = 24, make, text = () => "", moved = () => {}, open = () => {}, name = into.id }) {
  let count = 0, shown = null, chosen = -1, drawn = new Map(), waits = false, warms = 0, tops = null;
  let words = [], said = null, starts = null; // of each row; then of all in one text, and where each begins
  let room = 0, y = 0; // how much is in sight of the rows, and what is above that
  let isNew = false; // what is drawn was not seen yet: those around it wait for that
  box.setAttribute("role", "listbox");
  into.setAttribute("role", "presentation");
  into.classList.add("rows");
  box.tabIndex = 0;

  const kept = () => shown ? shown.length : count;
  const row = (k) => shown ? shown[k] : k;
  const page = () => Math.max(1, Math.floor(room / high) - 1);
  const top = (k) => tops ? tops[k + 1] - high : k * high;
  const total = () => tops ? tops[kept()] : kept() * high;

  function measure() {
    waits = false;
    room = box.clientHeight - into.offsetTop;
    y = box.scrollTop;
    if (box.clientWidth) draw();
  }

  function scroll(to) {
    box.scrollTop = to;
    y = Math.max(0, Math.min(to, total() - room));
  }

  // The first of so many of which this is not so.
  function first(many, isBefore) {
    let low = 0, up = many;
    while (low < up) {
      const middle = (low + up) >> 1;
      if (isBefore(middle)) low = middle + 1; else up = middle;
    }
    return low;
  }

  // Where a row stands among those that are kept, or where it would.
  const place = (i) => first(kept(), (k) => row(k) < i);
  // The row that is so far down.
  const under = (y) => tops ? first(kept(), (k) => tops[k + 1] <= y) : Math.max(0, Math.floor(y / high));

  function element(k) {
    const i = row(k), node = make(i, tops ? top(k) - tops[k] : 0);
    node.id = name + "-" + i;
    node.setAttribute("role", "option");
    node.setAttribute("aria-posinset", k + 1);
    node.setAttribute("aria-setsize", kept());
    node.style.top = top(k) + "px";
    node.style.height = high + "px";
    return node;
  }

  // The rows from one to before another are elements, and no others.
  function keep(from, to) {
    const now = new Map();
    for (let k = from; k < to; k++) now.set(k, drawn.get(k) || element(k));
    for (const [k, node] of drawn) if (!now.has(k)) node.remove();
    drawn = now;
    let here = into.firstChild;
    for (const [k, node] of now) {
      node.setAttribute("aria-selected", row(k) === chosen);
      if (node === here) here = here.nextSibling;
      else into.insertBefore(node, here);
    }
  }

  // What is in sight, and some rows around it, which are next.
  function draw(isPrinted) {
    const around = isNew ? 0 : AROUND;
    if (isPrinted) keep(0, Math.min(kept(), PRINTED_MOST));
    else keep(Math.max(0, under(y) - around), Math.min(kept(), under(y + room) + around + 1));
    const id = name + "-" + chosen;
    if ([...drawn.keys()].some((k) => row(k) === chosen)) box.setAttribute("aria-activedescendant", id);
    else box.removeAttribute("aria-activedescendant");
  }

  function redraw() {
    drawn = new Map();
    into.replaceChildren();
    into.style.height = total() + "px";
    y = Math.max(0, Math.min(y, total() - room));
    isNew = true;
    draw();
    later(name, () => { isNew = false; draw(); });
  }

  // So many other rows, which filter() draws.
  function show(n) {
    count = n;
    shown = tops = said = null;
    words = [];
    chosen = Math.min(chosen, n - 1);
    clearTimeout(warms);
    warms = setTimeout(warm, 50, 0);
  }

  // What a search looks at, made before somebody waits for it.
  function warm(from) {
    const to = Math.min(count, from + 4000);
    for (let i = from; i < to; i++) words[i] ??= text(i).toLowerCase();
    if (to < count) warms = setTimeout(warm, 0, to); else index();
  }

  function index() {
    if (said !== null) return;
    clearTimeout(warms);
    starts = new Uint32Array(count + 1);
    for (let i = 0; i < count; i++) starts[i + 1] = starts[i] + (words[i] ??= text(i).toLowerCase()).length + 1;
    said = words.join("\n");
    words = [];
  }

  function saying(wanted) {
    const found = [];
    index();
    for (let i = 0, at = 0; i < count && (at = said.indexOf(wanted, starts[i])) >= 0;) {
      while (starts[i + 1] <= at) i++;
      found.push(i++);
    }
    return found;
  }

  // Keeps the rows that say the words, in any case of letters, and that also() keeps; the others close up. space(i, before) is how much
  // is left empty between two that are kept. Returns how many are.
  function filter(typed = "", also = null, space = null) {
    shown = typed ? saying(typed.toLowerCase()) : also ? Array.from({ length: count }, (_, i) => i) : null;
    if (also) shown = shown.filter(also);
    tops = null;
    if (space) {
      const all = new Float64Array(kept() + 1);
      for (let k = 0; k < kept(); k++) all[k + 1] = all[k] + high + (k ? space(row(k), row(k - 1)) : 0);
      tops = all;
    }
    redraw();
    return kept();
  }

  // Goes to a row, which is brought in sight if it is kept.
  function select(i) {
    if (!count) return;
    chosen = Math.max(0, Math.min(count - 1, i));
    if (room <= 0) measure();
    const k = place(chosen);
    if (row(k) === chosen) {
      if (top(k) < y) scroll(top(k));
      else if (top(k) + high > y + room) scroll(top(k) + high - room);
    }
    draw();
    moved(chosen);
  }

  function step(by) {
    const all = kept();
    if (!all) return;
    const k = place(chosen), from = chosen >= 0 && row(k) === chosen ? k : by > 0 ? k - 1 : k;
    select(row(Math.max(0, Math.min(all - 1, from + by))));
  }

  const KEYS = {
    j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1), PageDown: () => step(page()),
    PageUp: () => step(-page()), Home: () => step(-count), End: () => step(count), Enter: () => chosen >= 0 && open(chosen),
  };

  box.addEventListener("keydown", (event) => {
    if (event.target !== box || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  const clicked = (event) => {
    const node = event.target.closest("[role=option]");
    return node && into.contains(node) ? Number(node.id.slice(name.length + 1)) : -1;
  };
  into.addEventListener("click", (event) => { if (clicked(event) >= 0) select(clicked(event)); });
  into.addEventListener("dblclick", (event) => { if (clicked(event) >= 0) open(clicked(event)); });
  box.addEventListener("scroll", () => {
    if (!waits) requestAnimationFrame(measure);
    waits = true;
  }, { passive: true });
  const observer = new ResizeObserver(measure);
  for (const node of [box, ...box.children]) if (node !== into) observer.observe(node);
  window.addEventListener("beforeprint", () => box.clientWidth && draw(true));
  window.addEventListener("afterprint", () => draw());
  return { show, filter, select, step, page, redraw, current: () => chosen, count: kept };
}
