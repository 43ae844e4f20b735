// The kit of both services: a server, figures, lines, and neighbours that are asked with care. No package.
import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import http from "node:http";

const current = new AsyncLocalStorage();
const number = (name, fallback) => Number(process.env[name] || fallback);
export { number };

// -- lines and figures

export function say(level, msg, more = {}) {
  const line = { ts: new Date().toISOString(), level, service: process.env.SERVICE_NAME, msg, request_id: current.getStore(), ...more };
  process.stdout.write(JSON.stringify(line) + "\n");
}

const figures = new Map();
export const count = (series, by = 1) => figures.set(series, (figures.get(series) ?? 0) + by);
export const gauge = (series, value) => figures.set(series, value);
const EDGES = [0.05, 0.1, 0.25, 0.5, 1, 2.5];

function lasted(labels, seconds) {
  const name = "http_request_duration_seconds";
  for (const edge of EDGES) count(`${name}_bucket{${labels},le="${edge}"}`, seconds <= edge ? 1 : 0);
  count(`${name}_bucket{${labels},le="+Inf"}`);
  count(`${name}_count{${labels}}`);
  count(`${name}_sum{${labels}}`, seconds);
}

const exposition = () => [...figures].map(([series, value]) => `${series} ${value}`).sort().join("\n") + "\n";

// -- answers

export class Refusal extends Error {
  constructor(status, code, headers = {}) {
    super(code);
    Object.assign(this, { status, code, headers });
  }
}

const type = (name) => ({ "content-type": name });
export const json = (status, body, headers = {}) => ({ status, headers: { ...type("application/json"), ...headers }, text: JSON.stringify(body) });

async function bodyOf(request) {
  let text = "";
  for await (const piece of request) text += piece;
  try {
    const body = JSON.parse(text);
    if (body && typeof body === "object") return body;
  } catch {}
  throw new Refusal(400, "invalid_request");
}

/** `routes`: { "POST /orders": (part, body) => answer }; a `*` at the end of a path stands for one part of it. */
export function serve(routes, names, neighbours) {
  const own = {
    "GET /healthz": () => json(200, { status: "alive" }),
    "GET /metrics": () => ({ status: 200, headers: type("text/plain; version=0.0.4"), text: exposition() }),
    "GET /readyz": () => {
      const checks = Object.fromEntries(neighbours.map((one) => [one.name, one.last]));
      return json(200, { status: neighbours.every((one) => one.last === "ok") ? "ready" : "degraded", checks });
    },
  };
  async function answer(request) {
    const [path] = request.url.split("?");
    const parts = path.split("/");
    const exact = own[`${request.method} ${path}`];
    if (exact) return { route: "", ...exact() };
    const key = routes[`${request.method} ${path}`] ? path : parts.length === 3 ? `/${parts[1]}/*` : "";
    const work = routes[`${request.method} ${key}`];
    const route = work ? (names[key] ?? key) : "elsewhere";
    try {
      if (!work) throw new Refusal(404, "not_found");
      return { route, ...(await work(parts[2], request.method === "POST" ? await bodyOf(request) : undefined)) };
    } catch (error) {
      if (!(error instanceof Refusal)) say("error", "bug", { stack: error.stack });
      const { status, code, headers } = error instanceof Refusal ? error : new Refusal(500, "internal_error");
      return { route, status, headers: { ...type("application/problem+json"), ...headers }, text: JSON.stringify({ status, code }) };
    }
  }
  const server = http.createServer((request, response) =>
    current.run(request.headers["x-request-id"] || randomUUID(), async () => {
      const began = process.hrtime.bigint();
      const { route, status, headers, text } = await answer(request);
      response.writeHead(status, { ...headers, "x-request-id": current.getStore() });
      response.end(text);
      if (!route) return;
      const labels = `method="${request.method}",route="${route}"`;
      count(`http_requests_total{${labels},status="${status}"}`);
      lasted(labels, Number(process.hrtime.bigint() - began) / 1e9);
      say("info", `${request.method} ${route}`, { status });
    }),
  );
  server.listen(number("PORT", 8000), process.env.HOST || "127.0.0.1");
  process.once("SIGTERM", () => server.close(() => process.exit(0)));
}

// -- neighbours

/** One call with a limit over all of it: { status, headers, text }, or an error with `kind`. */
function exchange(url, method, body, ms) {
  return new Promise((resolve, reject) => {
    const fail = (kind) => reject(Object.assign(new Error(kind), { kind }));
    const headers = { "x-request-id": current.getStore(), ...(body && type("application/json")) };
    const request = http.request(url, { method, headers, agent }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece) => (text += piece));
      response.on("error", () => fail("broken"));
      response.on("close", () => (response.complete ? resolve({ status: response.statusCode, headers: response.headers, text }) : fail("broken")));
    });
    const timer = setTimeout(() => (fail("timeout"), request.destroy()), ms);
    request.on("error", (error) => fail(error.code === "ECONNREFUSED" ? "refused" : "broken"));
    request.on("close", () => clearTimeout(timer));
    request.end(body && JSON.stringify(body));
  });
}
const agent = new http.Agent({ keepAlive: false });

const isObject = (text) => {
  try {
    const found = JSON.parse(text);
    return typeof found === "object" && found !== null && !Array.isArray(found);
  } catch {
    return false;
  }
};

const asksToWait = (headers) => (/^\d+$/.test(headers?.["retry-after"] ?? "") ? 1000 * headers["retry-after"] : 0);

export class Neighbour {
  last = "ok";
  #bad = 0;
  #shutUntil = 0;
  #mode = 0; // as breaker_state has it
  #epoch = 0;
  #busy = false;

  constructor(name, url, patience) {
    Object.assign(this, { name, url, each: patience ?? number("HTTP_TIMEOUT_MS", 2000), all: patience ?? number("TOTAL_TIMEOUT_MS", 8000) });
    this.#turn(0);
    count(`retries_total{dependency="${name}"}`, 0);
  }

  #turn(mode) {
    this.#mode = mode;
    this.#epoch++;
    this.#busy = false;
    if (mode === 1) this.#shutUntil = performance.now() + number("BREAKER_RESET_MS", 2000);
    if (mode === 0) this.#bad = 0;
    gauge(`breaker_state{name="${this.name}"}`, mode);
  }

  #mayCall() {
    if (this.#mode === 1 && performance.now() >= this.#shutUntil) this.#turn(2);
    if (this.#mode === 1 || (this.#mode === 2 && this.#busy)) throw this.#gone();
    this.#busy = true;
    return this.#epoch;
  }

  #gone() {
    return new Refusal(503, `${this.name}_unavailable`);
  }

  #learn(epoch, failed) {
    if (epoch !== this.#epoch) return;
    this.#bad = failed ? this.#bad + 1 : 0;
    if (failed && (this.#mode === 2 || this.#bad >= number("BREAKER_FAILURES", 5))) this.#turn(1);
    else if (!failed && this.#mode === 2) this.#turn(0);
  }

  /** An answer below 500. Throws a Refusal. */
  async call(method, path, body, tries = method === "GET" ? number("RETRY_ATTEMPTS", 4) : 1) {
    const end = performance.now() + this.all;
    for (let pause = number("RETRY_BASE_MS", 200); ; pause *= 2) {
      const { answer, kind } = await this.#once(method, path, body, end);
      if (!kind && answer.status !== 429) return answer;
      const wait = Math.max(Math.random() * Math.min(pause, number("RETRY_CAP_MS", 3000)), asksToWait(answer?.headers));
      const passing = !answer || [429, 502, 503, 504].includes(answer.status);
      if (--tries < 1 || !passing || performance.now() + wait >= end) {
        if (answer?.status === 429) return answer;
        throw this.#gone();
      }
      count(`retries_total{dependency="${this.name}"}`);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  async #once(method, path, body, end) {
    const epoch = this.#mayCall();
    let answer;
    let kind = "";
    try {
      answer = await exchange(this.url + path, method, body, Math.min(this.each, end - performance.now()));
      if (answer.status >= 500) kind = "5xx";
      else if (answer.status < 300 && !isObject(answer.text)) [kind, answer] = ["broken"];
    } catch (error) {
      kind = error.kind ?? "broken";
    }
    this.#learn(epoch, kind !== "");
    this.last = kind || "ok";
    count(`dependency_requests_total{dependency="${this.name}",outcome="${kind ? "error" : "ok"}",how="${kind || "well"}"}`);
    if (kind) say("warn", `${this.name} failed`, { dependency: this.name, how: kind });
    return { answer, kind };
  }
}
