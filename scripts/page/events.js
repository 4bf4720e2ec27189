// Server-sent events, read by fetch: so an answer that is none is seen as what it is, and a comment, too, by which a stream that is kept
// back on its way is told from one that has nothing to say.
const FIRST_MS = 5000, QUIET_MS = 40000, POLLS_MS = 60000;

export const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// told(name, text) is given each event until the answer ends, heard() hears of each piece.
export async function events(response, told, heard = () => {}) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    text += value;
    let at = 0;
    for (let end; (end = text.indexOf("\n\n", at)) >= 0; at = end + 2) {
      const [head, ...lines] = text.slice(at, end).split("\n");
      if (head.startsWith("event: ")) told(head.slice(7), lines.map((line) => line.slice(6)).join("\n"));
    }
    text = text.slice(at);
  }
}

// Follows what path() goes on telling; where something in between breaks that, poll() asks for it each `every` ms, and after a minute it
// is tried again. failed(error) hears that nobody answers. Nothing is asked for while wants() says no, or nobody looks. Returns what
// begins anew where path() is another.
export function follow({ path, told, poll, failed, wants, every }) {
  let stop = null, polls = 0;

  // Whether it may be followed again at once; false: it is broken on its way.
  async function stream() {
    let heard = false, answered = false, timer = 0;
    const own = stop = new AbortController();
    const patience = (ms) => {
      clearTimeout(timer);
      timer = setTimeout(() => own.abort("silent"), ms);
    };
    patience(FIRST_MS);
    try {
      const response = await fetch(path(), { cache: "no-store", signal: own.signal });
      answered = true;
      if ([401, 403].includes(response.status)) {
        await poll(); // it says why
        return true;
      }
      if (!(response.headers.get("content-type") || "").startsWith("text/event-stream")) return false;
      await events(response, (name, text) => {
        heard = true;
        if (!own.signal.aborted) told(name, text);
      }, () => patience(QUIET_MS));
      return heard;
    } catch (error) {
      if (own.signal.aborted) return own.signal.reason !== "silent";
      if (!answered) failed(error);
      return heard || !answered;
    } finally {
      clearTimeout(timer);
    }
  }

  async function go() {
    for (;;) {
      if (!wants() || document.hidden) {
        await pause(every / 4);
      } else if (performance.now() < polls) {
        const begun = performance.now();
        await poll();
        await pause(Math.max(0, every - (performance.now() - begun)));
      } else if (!await stream()) {
        polls = performance.now() + POLLS_MS;
      } else if (!stop.signal.aborted) {
        await pause(every);
      }
    }
  }

  document.addEventListener("visibilitychange", () => { if (document.hidden) stop?.abort("hidden"); });
  go();
  return () => stop?.abort("another");
}
