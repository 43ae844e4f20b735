// What this process says of itself: a line for each thing that happens, figures for how often and how long, and the id that
// ties together what belongs to one request. It speaks of methods, routes and outcomes, never of what was sent.
import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { basename } from "node:path";

const service = basename(process.cwd());
const requests = new AsyncLocalStorage();

/** The id of the request that is being worked on; whatever it awaits has the same, so requests do not mix. */
export const requestId = () => requests.getStore();

export function log(level, msg, more = {}) {
  const id = requestId();
  const line = { ts: new Date().toISOString(), level, service, msg, ...(id && { request_id: id }), ...more };
  console.log(JSON.stringify(line));
}

/** A counter by labels. */
class Counter {
  #name;
  #counts = new Map();

  constructor(name) {
    this.#name = name;
  }

  add(labels, amount = 1) {
    const key = series(labels);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + amount);
  }

  lines() {
    return [`# TYPE ${this.#name} counter`, ...[...this.#counts].map(([key, count]) => `${this.#name}{${key}} ${count}`)];
  }
}

/** How long something takes, by labels. A bucket counts all that took at most so long, so each holds those before it. */
class Histogram {
  #name;
  #bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
  #seen = new Map();

  constructor(name) {
    this.#name = name;
  }

  observe(labels, seconds) {
    const key = series(labels);
    const seen = this.#seen.get(key) ?? { buckets: this.#bounds.map(() => 0), sum: 0, count: 0 };
    seen.buckets = seen.buckets.map((count, place) => count + (seconds <= this.#bounds[place] ? 1 : 0));
    seen.sum += seconds;
    seen.count += 1;
    this.#seen.set(key, seen);
  }

  lines() {
    return [
      `# TYPE ${this.#name} histogram`,
      ...[...this.#seen].flatMap(([key, { buckets, sum, count }]) => [
        ...buckets.map((count, place) => `${this.#name}_bucket{${key},le="${this.#bounds[place]}"} ${count}`),
        `${this.#name}_bucket{${key},le="+Inf"} ${count}`,
        `${this.#name}_sum{${key}} ${sum}`,
        `${this.#name}_count{${key}} ${count}`,
      ]),
    ];
  }
}

const series = (labels) =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(",");

const answers = new Counter("http_requests_total");
const seconds = new Histogram("http_request_duration_seconds");
const calls = new Counter("dependency_requests_total");

/** All of it in Prometheus' text format. */
export const exposition = () => [answers, seconds, calls].flatMap((one) => one.lines()).join("\n") + "\n";

/** How the calls to one service behind us end. `/readyz` tells of the last one, and so calls nobody itself. */
export class Dependency {
  constructor(name) {
    this.name = name;
    this.trouble = "";
    for (const outcome of ["ok", "error"]) calls.add({ dependency: name, outcome }, 0); // a rate needs a first value
  }

  answered() {
    this.trouble = "";
    calls.add({ dependency: this.name, outcome: "ok" });
  }

  failed(reason) {
    this.trouble = reason;
    calls.add({ dependency: this.name, outcome: "error" });
    log("warn", `${this.name} does not answer`, { dependency: this.name, reason });
  }
}

/** Degraded is still 200: taken out of traffic for its neighbour's sake, it could not answer anything. */
export function readiness(...dependencies) {
  const checks = Object.fromEntries(dependencies.map(({ name, trouble }) => [name, trouble || "ok"]));
  return [200, { status: dependencies.some(({ trouble }) => trouble) ? "degraded" : "ready", checks }];
}

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const QUIET = new Set(["/healthz", "/readyz", "/metrics"]); // asked every few seconds by machines: no news, no traffic

/** Around every request: takes its id in, counts it and writes its line. `work` is told the id, and what it returns has the
 * `route` and the `status`; of paths that we do not have there is no end, so they share a route. */
export function exchange(request, work) {
  const id = /^[\x21-\x7e]{1,128}$/.test(request.headers["x-request-id"] ?? "") ? request.headers["x-request-id"] : `gen-${randomUUID()}`;
  return requests.run(id, async () => {
    const began = performance.now();
    const { route = "unmatched", status } = await work(id);
    if (QUIET.has(route)) return;
    const took = (performance.now() - began) / 1000;
    const method = METHODS.has(request.method) ? request.method : "OTHER";
    answers.add({ method, route, status });
    seconds.observe({ method, route }, took);
    log("info", `${method} ${route} ${status}`, { method, route, status, ms: Math.round(took * 1000) });
  });
}
