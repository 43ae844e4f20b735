// Calling one service behind us: retry would come outside, then breaker, then timeout, then the call.
import { Breaker } from "./breaker.js";
import { reporter } from "./metrics.js";
import { mustEnv, number } from "./service.js";

/** One upstream with a breaker of its own: what happens to one says nothing about another. */
export class Upstream {
  #url;
  #timeout = number("HTTP_TIMEOUT_MS", 1500);
  #breaker;

  constructor(name, variable) {
    this.#url = mustEnv(variable).replace(/\/+$/, "");
    this.#breaker = new Breaker({
      failures: number("BREAKER_FAILURES", 5),
      reset: number("BREAKER_RESET_MS", 2000),
      probes: number("BREAKER_HALF_OPEN_MAX", 1),
      onChange: reporter(name),
    });
  }

  /** The object at `path`, null if there is none. Throws if upstream is unavailable. */
  get(path, requestId) {
    return this.#breaker.call(() => this.#fetch(path, requestId));
  }

  // The timeout is in here, inside the breaker: a hang must reach it as a failure.
  async #fetch(path, requestId) {
    const headers = { "X-Request-ID": requestId };
    const answer = await fetch(this.#url + path, { headers, signal: AbortSignal.timeout(this.#timeout) });
    const text = await answer.text();
    if (answer.status >= 500) throw new Error(`status ${answer.status}`);
    if (answer.status >= 400) return null; // an answer: upstream lives and has looked
    return JSON.parse(text);
  }
}
