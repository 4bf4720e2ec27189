// Elements: text goes in as text, never as markup.
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== null) node.setAttribute(name, value);
  node.append(...children);
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
