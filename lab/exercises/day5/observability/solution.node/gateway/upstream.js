// Asking one service behind us, once, with a limit on the wait.
import { Dependency, requestId } from "./telemetry.js";

/** No answer that we can use: too late, cut off, 5xx, not what was agreed. */
export class Unavailable extends Error {}

/** One service behind us, by its `name`. Every call passes the request's id on and says how it ended. */
export class Upstream {
  #url;
  #timeout;

  /** `patience`: how many times HTTP_TIMEOUT_MS an answer may take. */
  constructor(name, variable, patience = 1) {
    if (!process.env[variable]) throw new Error(`${variable} is not set`);
    this.name = name;
    this.seen = new Dependency(name);
    this.#url = process.env[variable].replace(/\/+$/, "");
    this.#timeout = patience * Number(process.env.HTTP_TIMEOUT_MS || 2000);
  }

  /** `{status, found}`: status and JSON object of an answer below 500. Throws Unavailable. */
  async ask(method, path, body) {
    try {
      const answer = await this.#fetch(method, path, body, { "X-Request-ID": requestId() });
      this.seen.answered(); // a 4xx, too: a healthy service with bad news
      return answer;
    } catch (error) {
      this.seen.failed(error.message);
      throw error;
    }
  }

  async #fetch(method, path, body, headers) {
    const json = body && JSON.stringify(body);
    let status, text;
    try {
      const signal = AbortSignal.timeout(this.#timeout); // of the whole answer, its last byte included
      const more = json ? { ...headers, "Content-Type": "application/json" } : headers;
      const answer = await fetch(this.#url + path, { method, headers: more, body: json, signal });
      [status, text] = [answer.status, await answer.text()];
    } catch (error) {
      throw new Unavailable(error.name === "TimeoutError" ? "no answer in time" : `no answer (${error.cause?.code ?? error.name})`);
    }
    if (status >= 500) throw new Unavailable(`status ${status}`);
    return { status, found: object(text) };
  }
}

function object(text) {
  try {
    const found = JSON.parse(text);
    if (typeof found === "object" && found !== null && !Array.isArray(found)) return found;
  } catch {
    // told below, without the text: nobody needs to read it in our log
  }
  throw new Unavailable("an answer that cannot be read");
}
