// A list of very many rows, of which those in sight alone are elements.
//
//   const list = rows(box, into, { high, make, text, moved, open });
//   list.show(100000);
//   list.filter();
//
// `box` scrolls, and has the focus and the keys; `into`, within it, has the rows; what stands above that in the box is its head, which
// sticks. A row is a number: make(i) gives its element, text(i) what a search looks at, moved(i) is told of the row that is chosen,
// open(i) of Enter and of a double click.
export function rows(box, into, { high = 24, make, text = () => "", moved = () => {}, open = () => {}, name = into.id }) {
  let count = 0, shown = null, chosen = -1, words = [], drawn = new Map(), waits = false, warms = 0;
  box.setAttribute("role", "listbox");
  into.setAttribute("role", "presentation");
  into.classList.add("rows");
  box.tabIndex = 0;

  const kept = () => shown ? shown.length : count;
  const row = (k) => shown ? shown[k] : k;
  const page = () => Math.max(1, Math.floor((box.clientHeight - into.offsetTop) / high) - 1);

  // Where a row stands among those that are kept, or where it would.
  function place(i) {
    let low = 0, up = kept();
    while (low < up) {
      const middle = (low + up) >> 1;
      if (row(middle) < i) low = middle + 1; else up = middle;
    }
    return low;
  }

  function element(k) {
    const i = row(k), node = make(i);
    node.id = name + "-" + i;
    node.setAttribute("role", "option");
    node.setAttribute("aria-posinset", k + 1);
    node.setAttribute("aria-setsize", kept());
    node.style.top = k * high + "px";
    node.style.height = high + "px";
    return node;
  }

  function draw() {
    waits = false;
    const first = Math.max(0, Math.floor(box.scrollTop / high) - 4), last = Math.min(kept(), first + Math.ceil(box.clientHeight / high) + 9);
    const now = new Map();
    for (let k = first; k < last; k++) now.set(k, drawn.get(k) || element(k));
    const came = now.size !== drawn.size || [...now.keys()].some((k) => !drawn.has(k));
    drawn = now;
    for (const [k, node] of now) node.setAttribute("aria-selected", row(k) === chosen);
    if (came) into.replaceChildren(...now.values());
    const id = name + "-" + chosen;
    if ([...now.keys()].some((k) => row(k) === chosen)) box.setAttribute("aria-activedescendant", id);
    else box.removeAttribute("aria-activedescendant");
  }

  function redraw() {
    drawn = new Map();
    into.replaceChildren();
    into.style.height = kept() * high + "px";
    draw();
  }

  // So many other rows, which filter() draws.
  function show(n) {
    count = n;
    shown = null;
    words = [];
    chosen = Math.min(chosen, n - 1);
    clearTimeout(warms);
    warms = setTimeout(warm, 50, 0);
  }

  // What a search looks at, made before somebody waits for it.
  function warm(from) {
    const to = Math.min(count, from + 4000);
    for (let i = from; i < to; i++) words[i] ??= text(i).toLowerCase();
    if (to < count) warms = setTimeout(warm, 0, to);
  }

  // Keeps the rows that say the words, in any case of letters, and that also() keeps; the others close up. Returns how many are left.
  function filter(typed = "", also) {
    const wanted = typed.toLowerCase();
    shown = null;
    if (wanted || also) {
      const left = [];
      for (let i = 0; i < count; i++)
        if ((!also || also(i)) && (!wanted || (words[i] ??= text(i).toLowerCase()).includes(wanted))) left.push(i);
      shown = left;
    }
    redraw();
    return kept();
  }

  // Goes to a row, which is brought in sight if it is kept.
  function select(i) {
    if (!count) return;
    chosen = Math.max(0, Math.min(count - 1, i));
    const k = place(chosen), room = box.clientHeight - into.offsetTop;
    if (row(k) === chosen) {
      if (k * high < box.scrollTop) box.scrollTop = k * high;
      else if (k * high + high > box.scrollTop + room) box.scrollTop = k * high + high - room;
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
  const under = (event) => {
    const node = event.target.closest("[role=option]");
    return node && into.contains(node) ? Number(node.id.slice(name.length + 1)) : -1;
  };
  into.addEventListener("click", (event) => { if (under(event) >= 0) select(under(event)); });
  into.addEventListener("dblclick", (event) => { if (under(event) >= 0) open(under(event)); });
  box.addEventListener("scroll", () => {
    if (!waits) requestAnimationFrame(draw);
    waits = true;
  }, { passive: true });
  new ResizeObserver(() => { if (box.clientWidth) draw(); }).observe(box);
  return { show, filter, select, step, page, redraw, current: () => chosen, count: kept };
}
