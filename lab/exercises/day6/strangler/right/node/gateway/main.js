// The gateway in Node alone. In one thread no lock is needed, only patience: a switch waits until no write is under way.
import { Agent, createServer, request as send } from "node:http";
import { existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync, closeSync } from "node:fs";

const { SHOP_URL, USERS_URL, DATABASE_URL, HTTP_TIMEOUT_MS = "4000", HOST, PORT, SERVICE_NAME } = process.env;
const file = DATABASE_URL.replace("sqlite:///", "");
const agent = new Agent({ keepAlive: false });

let target = existsSync(file) ? readFileSync(file, "utf8") : "legacy";
let sound = false; // both sides are known to know the same
let mismatches = 0;

function ask(side, { method = "GET", path, body, headers = {} }) {
  return new Promise((resolve, reject) => {
    const { "x-request-id": id = "", "content-type": type = "application/json" } = headers;
    const said = { "X-Request-ID": id, "Content-Type": type, "Content-Length": body?.length ?? 0 };
    const signal = AbortSignal.timeout(Number(HTTP_TIMEOUT_MS));
    const asked = send(side + path, { method, headers: said, agent, signal }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const full = Buffer.concat(chunks);
        resolve({ status: answer.statusCode, type: answer.headers["content-type"], body: full });
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

const share = (of) => {
  const [, number] = /^percent:(\d{1,3})$/.exec(of) ?? [];
  return number !== undefined && Number(number) <= 100 ? Number(number) : undefined;
};
const sides = () => (target === "new" ? [USERS_URL, SHOP_URL] : [SHOP_URL, USERS_URL]);

// Writes that are under way, and a switch that lets no other begin.
const inside = new Set();
let switching = Promise.resolve();
let opened = Promise.resolve();

async function write(call) {
  for (let seen; seen !== opened; ) await (seen = opened);
  const writing = (async () => {
    const [decides] = sides();
    let answer;
    try {
      answer = await ask(decides, call);
    } catch (error) {
      sound = false;
      throw error;
    }
    if (answer.status >= 500) sound = false;
    if (answer.status < 400 && target !== "legacy") {
      const id = call.id || JSON.parse(answer.body).id;
      await copy(id).catch(() => (sound = false));
    }
    return answer;
  })();
  inside.add(writing);
  try {
    return await writing;
  } finally {
    inside.delete(writing);
  }
}

// Copies of one user follow each other, so the last one is of the last state.
const lines = new Map();

function copy(id) {
  const next = (lines.get(id) ?? Promise.resolve()).catch(() => {}).then(async () => {
    const [decides, follows] = sides();
    const now = await ask(decides, { path: `/users/${encodeURIComponent(id)}` });
    if (![200, 404].includes(now.status)) throw new Error(`${now.status} from who decides`);
    const [path, body] = now.status === 200 ? ["/moved", { user: JSON.parse(now.body) }] : ["/gone", { id }];
    const taken = await ask(follows, { method: "POST", path, body: Buffer.from(JSON.stringify(body)) });
    if (taken.status >= 300) throw new Error(`${taken.status} from who follows`);
  });
  lines.set(id, next);
  next.finally(() => lines.get(id) === next && lines.delete(id)).catch(() => {});
  return next;
}

async function everybody(side) {
  const found = new Map();
  for (let cursor = ""; cursor !== null; ) {
    const page = await ask(side, { path: `/users?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}` });
    if (page.status !== 200) throw new Error(`${page.status} instead of users`);
    const { items, next_cursor } = JSON.parse(page.body);
    for (const user of items) found.set(user.id, JSON.stringify(user, Object.keys(user).sort()));
    cursor = next_cursor;
  }
  return found;
}

async function equalize() {
  const [here, there] = await Promise.all(sides().map(everybody));
  for (const id of new Set([...here.keys(), ...there.keys()])) {
    if (here.get(id) !== there.get(id)) await copy(id);
  }
}

function turn(to) {
  const turning = switching.then(async () => {
    const learns = to !== "legacy" || target === "new";
    if (learns) await equalize();
    let open;
    opened = new Promise((resolve) => (open = resolve));
    try {
      if (learns) {
        await Promise.allSettled(inside);
        await equalize();
        sound = true;
      }
      const handle = openSync(`${file}.next`, "w");
      writeSync(handle, to);
      fsyncSync(handle);
      closeSync(handle);
      renameSync(`${file}.next`, file);
      target = to;
    } finally {
      open();
    }
  });
  switching = turning.catch(() => {});
  return turning;
}

setInterval(() => {
  if (sound || target === "legacy") return;
  switching = switching.then(async () => {
    if (sound || target === "legacy") return;
    sound = true; // whatever goes wrong from here on says otherwise
    await equalize().catch(() => (sound = false));
  });
}, 700).unref();

async function read(call) {
  if (target === "new" || (sound && Math.random() * 100 < (share(target) ?? 0))) {
    const isNew = target === "new";
    const answer = await ask(USERS_URL, call).catch(() => null);
    if (answer && answer.status < 500) return answer;
    const other = await ask(SHOP_URL, call);
    if (isNew && other.status !== 200) throw new Error("nobody knows");
    return other;
  }
  const shadow = target === "shadow";
  const answer = await ask(SHOP_URL, call);
  if (shadow) compare(call, answer);
  return answer;
}

async function compare(call, answer) {
  const alike = async (old) => {
    const other = await ask(USERS_URL, call);
    const plain = ({ body }) => JSON.stringify(Object.entries(JSON.parse(body)).sort());
    return other.status === old.status && (old.status !== 200 || plain(other) === plain(old));
  };
  try {
    if ((await alike(answer)) || (await alike(await ask(SHOP_URL, call)))) return;
  } catch {
    // no answer is another answer
  }
  mismatches += 1;
}

async function answered(call) {
  const [, user, rest] = /^\/users(\/[^?]*)?(\?.*)?$/.exec(call.path) ?? [];
  if (/^\/(healthz|readyz)$/.test(call.path)) return json(200, { status: "ready", checks: {} });
  if (call.path === "/metrics") {
    const text = `# TYPE shadow_mismatch_total counter\nshadow_mismatch_total ${mismatches}\n`;
    return { status: 200, type: "text/plain; version=0.0.4", body: text };
  }
  if (call.path === "/admin/routes" && call.method === "PUT") return routed(JSON.parse(call.body));
  if (!/^\/users([/?]|$)/.test(call.path)) return ask(SHOP_URL, call).catch(() => problem(503, "shop_unavailable"));
  try {
    if (call.method !== "GET") return await write({ ...call, id: decodeURIComponent(user?.slice(1) ?? "") });
    return await (user && !rest ? read(call) : ask(sides()[0], call));
  } catch {
    return problem(503, "users_unavailable");
  }
}

async function routed({ prefix, target: to }) {
  const known = ["legacy", "new", "shadow"].includes(to) || share(to) !== undefined;
  if (prefix !== "/users" || !known) return problem(422, "unknown_target");
  try {
    await turn(to);
  } catch {
    return problem(503, "not_copied");
  }
  return json(200, { prefix, target: to });
}

const json = (status, body) => ({ status, type: "application/json", body: JSON.stringify(body) });
const problem = (status, code) => ({
  status,
  type: "application/problem+json",
  body: JSON.stringify({ title: code, status, code }),
});

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { method, url: path, headers } = request;
  const answer = await answered({ method, path, headers, body: Buffer.concat(chunks) }).catch((error) => {
    console.error(error);
    return problem(500, "internal");
  });
  response.writeHead(answer.status, answer.type ? { "Content-Type": answer.type } : {});
  response.end(answer.body);
  console.log(JSON.stringify({ ts: new Date(), level: "info", service: SERVICE_NAME, msg: `${method} ${path}`, status: answer.status }));
});
server.listen(Number(PORT), HOST);
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
