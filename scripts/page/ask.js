// What is asked of the program.
import { events } from "./events.js";

const asked = {};

// What was asked before under this name, and is not answered, is asked no more.
function begin(path, knobs, body, name) {
  asked[name]?.abort();
  const stop = asked[name] = new AbortController();
  return [fetch("/api/" + path + "?" + new URLSearchParams(knobs), { method: "POST", signal: stop.signal, body }), stop.signal];
}

export const cancel = (name) => asked[name]?.abort();

export async function ask(path, knobs = {}, body = undefined, name = path) {
  const [answer, signal] = begin(path, knobs, body, name), response = await answer;
  if (response.status === 503) { // too much at a time
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    signal.throwIfAborted();
    return ask(path, knobs, body, name);
  }
  const type = response.headers.get("content-type") || "";
  return type.startsWith("application/json") && path !== "export" ? response.json() : response.text();
}

// An answer that comes as events: progress() is given each, the last one is returned.
export async function follow(path, knobs, progress) {
  const [answer] = begin(path, knobs, undefined, path), response = await answer;
  if (!response.headers.get("content-type").startsWith("text/event-stream")) return response.json();
  let last = null;
  await events(response, (name, data) => { if (name === "progress") progress(JSON.parse(data)); else last = JSON.parse(data); });
  return last;
}
