// peer_messages.js PARTIES ROUNDS: the ring of floor_messages.c in Node: each message is encoded by JSON.stringify(), put into a
// heap by its time of arrival, taken out, decoded by JSON.parse(), and given to its party's function.
"use strict";
const [parties, rounds] = process.argv.slice(2).map(Number);
const AGGREGATOR = "d54a3af2-83e2-4da6-bc8d-2dc03634612c";
const THREE = ["6c8c2a1e-2a4e-4c9f-9a0e-0d6f6f1e0a11", "0b8f7b2a-7a8e-4f8e-8f64-2d1d5b1c4e22", "f2a9d3c4-5e6f-4a7b-8c9d-0e1f2a3b4c33"];
const heap = [];
let now = 0, sent = 0, delivered = 0, chance = 88172645;

const isBefore = (a, b) => a.due < b.due || (a.due === b.due && a.number < b.number);

function add(message) {
  let at = heap.length;
  for (let parent; at > 0 && isBefore(message, heap[parent = (at - 1) >> 2]); at = parent) heap[at] = heap[parent];
  heap[at] = message;
}

function take() {
  const first = heap[0], last = heap.pop(), count = heap.length;
  if (!count) return first;
  let at = 0;
  for (let child = 1; child < count; child = 4 * at + 1) {
    const end = Math.min(count, child + 4);
    let least = child;
    for (let i = child + 1; i < end; i++) if (isBefore(heap[i], heap[least])) least = i;
    if (!isBefore(heap[least], last)) break;
    heap[at] = heap[least];
    at = least;
  }
  heap[at] = last;
  return first;
}

function send(to, event) {
  chance ^= chance << 13;
  chance ^= chance >>> 17;
  chance ^= chance << 5;
  add({ due: now + 0.001 + (chance >>> 0) / 2 ** 32 * 0.009, number: ++sent, to, content: JSON.stringify(event) });
}

function party(me) {
  const sendOn = (round) => send((me + 1) % parties, { type: "sync", aggregator: AGGREGATOR, current_round: round, participants: [...THREE] });
  const handlers = {
    sync(event) {
      if (event.aggregator !== AGGREGATOR || event.participants.length !== 3) throw new Error("another");
      if (event.current_round < rounds) sendOn(event.current_round + 1);
    },
  };
  sendOn(1);
  return (event) => handlers[event.type](event);
}

const all = Array.from({ length: parties }, (_, me) => party(me));
while (heap.length) {
  const message = take();
  now = message.due;
  delivered++;
  try {
    all[message.to](JSON.parse(message.content));
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
console.log(delivered + " messages");
