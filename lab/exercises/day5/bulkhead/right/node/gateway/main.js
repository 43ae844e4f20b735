'use strict';
// The gateway on Node's standard library: a counter and a line of those who wait, one per compartment.

const http = require('node:http');

const number = (name, fallback) => Number(process.env[name] ?? fallback);
const PATIENCE = number('BULKHEAD_QUEUE_MS', 200);
const TIMEOUT = number('HTTP_TIMEOUT_MS', 8000);
const MAX_INFLIGHT = number('MAX_INFLIGHT', 32);

class Busy extends Error {}
class Down extends Error {}
class Unknown extends Error {}

class Compartment {
  #free;
  #line = [];

  constructor(places) {
    this.#free = places;
  }

  enter() {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const waiting = { resolve };
      waiting.timer = setTimeout(() => {
        this.#line.splice(this.#line.indexOf(waiting), 1);
        reject(new Busy());
      }, PATIENCE);
      this.#line.push(waiting);
    });
  }

  leave() {
    const next = this.#line.shift();
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    clearTimeout(next.timer);
    next.resolve(); // the place goes from hand to hand
  }
}

class Neighbour {
  constructor(name, url, places) {
    this.name = name;
    this.url = url;
    this.compartment = new Compartment(places);
  }

  async get(path) {
    await this.compartment.enter();
    try {
      const answer = await fetch(this.url + path, { signal: AbortSignal.timeout(TIMEOUT) });
      if (answer.status === 404) throw new Unknown();
      if (!answer.ok) throw new Down(`status ${answer.status}`);
      return await answer.json();
    } catch (error) {
      if (error instanceof Unknown) throw error;
      throw new Down(`${this.name}: ${error.message}`);
    } finally {
      this.compartment.leave();
    }
  }
}

const report = new Neighbour('report', process.env.REPORT_URL, number('BULKHEAD_REPORT_MAX', 4));
const users = new Neighbour('users', process.env.USERS_URL, number('BULKHEAD_USERS_MAX', 16));
let inFlight = 0;

function say(response, status, body, headers = {}) {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'Content-Type': type, ...headers });
  response.end(JSON.stringify(body));
}

const problem = (response, status, code, headers) => say(response, status, { title: code, status, code }, headers);
const busy = (response) => problem(response, 503, 'busy', { 'Retry-After': '1' });

async function work(neighbour, path, response) {
  if (inFlight >= MAX_INFLIGHT) return busy(response);
  inFlight += 1;
  try {
    say(response, 200, await neighbour.get(path));
  } catch (error) {
    if (error instanceof Busy) return busy(response);
    if (error instanceof Unknown && neighbour === users) return problem(response, 404, 'unknown_user');
    console.log(JSON.stringify({ ts: new Date(), level: 'warn', service: 'gateway', msg: error.message }));
    problem(response, 503, `${neighbour.name}_unavailable`);
  } finally {
    inFlight -= 1;
  }
}

const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://gateway');
  if (pathname === '/healthz' || pathname === '/readyz') return say(response, 200, { status: 'ready', checks: {} });
  if (pathname === '/report') return work(report, '/report', response);
  if (pathname.startsWith('/users/')) return work(users, pathname, response);
  problem(response, 404, 'not_found');
});

process.on('SIGTERM', () => server.close(() => process.exit(0)));
server.listen(Number(process.env.PORT), process.env.HOST);
