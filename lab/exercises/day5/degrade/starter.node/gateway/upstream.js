// Asking one service behind us, once, with a limit on the wait.
import { mustEnv, number } from "./service.js";

/** No answer that we can use: too late, cut off, 5xx, not what was agreed. */
export class Unavailable extends Error {}

/** Not a word about retries or fallbacks: what the lack of an answer means is for the caller to decide. */
export class Upstream {
  #url;
  #timeout;

  constructor(variable, timeout) {
    this.#url = mustEnv(variable).replace(/\/+$/, "");
    this.#timeout = number("HTTP_TIMEOUT_MS", timeout);
  }

  /** The object at `path`, null if upstream says that there is none (404). Throws Unavailable. */
  async get(path, requestId) {
    try {
      const signal = AbortSignal.timeout(this.#timeout); // of the whole answer, its last byte included
      const answer = await fetch(this.#url + path, { headers: { "X-Request-ID": requestId }, signal });
      const text = await answer.text();
      if (answer.status === 404) return null;
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const found = JSON.parse(text);
      if (typeof found !== "object" || found === null || Array.isArray(found)) throw new Error("not an object");
      return found;
    } catch (error) {
      throw new Unavailable(error.message, { cause: error });
    }
  }
}
