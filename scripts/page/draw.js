// Elements: text goes in as text, never as markup.
const TURNS = /[\u202a-\u202e\u2066-\u2069]/g; // they turn the way of writing: a name would look like another
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== null) node.setAttribute(name, value);
  node.append(...children.map((child) => typeof child === "string" ? child.replace(TURNS, (c) => "\\u{" + c.charCodeAt(0).toString(16) + "}") : child));
  return node;
}

export const el = (name, attributes = {}, ...children) =>
  fill(document.createElement(name), attributes, children);
export const svg = (name, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, name), attributes, children);
export const $ = (id) => document.getElementById(id);
export const seconds = (ns) => (ns / 1e9).toFixed(ns % 1e6 ? 6 : 3);

// Text that is cut where it would be longer than so many letters.
export const cut = (text, most) => text.length > most ? text.slice(0, most - 1) + "…" : text;

// The same in the middle: names often differ at their end alone.
export function squeeze(text, most) {
  const tail = Math.min(6, most >> 1);
  return text.length > most ? text.slice(0, most - tail - 1) + "…" + text.slice(-tail) : text;
}

// Does it once what is drawn now was seen, and nothing is more urgent; of what has one name, the last.
const waiting = new Map();
const whenIdle = window.requestIdleCallback ?? ((fn) => setTimeout(fn, 10)); // Safari has none
export function later(name, fn) {
  if (!waiting.has(name))
    requestAnimationFrame(() => whenIdle(() => {
      const last = waiting.get(name);
      waiting.delete(name);
      last();
    }, { timeout: 100 }));
  waiting.set(name, fn);
}
