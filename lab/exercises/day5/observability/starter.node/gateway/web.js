// A server of routes, and errors that are answers.
import { createServer, STATUS_CODES } from "node:http";

/** An error that the client is told of, as application/problem+json. `code` is for programs, `detail` for people. */
export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

const LONGEST = 1 << 20;

/**
 * Answer on HOST:PORT until SIGTERM or SIGINT. `routes` are `[method, "/users/{id}", handler]`; a handler gets what stands
 * in the place of `{id}`, still encoded, and the JSON object that was sent, and returns `[status, body]`.
 */
export function serve(routes) {
  const all = routes.map(([method, route, work]) => ({ method, route, work, pattern: patternOf(route) }));
  const server = createServer(async (request, response) => {
    // TODO: every request passes here, and what became of it is known here. Where does its id live meanwhile?
    const { status, type, text } = await answered(all, request);
    response.writeHead(status, { "Content-Type": type }).end(text);
  });
  server.listen(Number(process.env.PORT || 8000), process.env.HOST || "127.0.0.1");
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.once(signal, () => {
      server.close(() => process.exit(0)); // what is under way is finished, idle connections are closed
      setTimeout(() => process.exit(0), 3000).unref();
    });
  }
}

const patternOf = (route) => new RegExp(`^${route.replace(/\{\w+\}/g, "([^/]+)")}$`);

async function answered(routes, request) {
  const path = request.url.split("?", 1)[0];
  try {
    const here = routes.filter(({ pattern }) => pattern.test(path));
    const chosen = here.find(({ method }) => method === request.method);
    if (!chosen) throw here.length ? new Problem(405, "method_not_allowed", "Not so.") : new Problem(404, "not_found", "Not here.");
    const [status, body] = await chosen.work(chosen.pattern.exec(path)[1], await sent(request));
    return { status, type: "application/json", text: JSON.stringify(body) };
  } catch (error) {
    if (!(error instanceof Problem)) console.log("error:", error);
    const { status, code, message } = error instanceof Problem ? error : new Problem(500, "internal_error", "The log knows more.");
    const body = { title: STATUS_CODES[status], status, code, detail: message };
    return { status, type: "application/problem+json", text: JSON.stringify(body) };
  }
}

/** The JSON object of a POST. */
async function sent(request) {
  if (request.method !== "POST") return undefined;
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > LONGEST) throw new Problem(413, "too_large", "That is too much.");
    chunks.push(chunk);
  }
  try {
    const body = JSON.parse(Buffer.concat(chunks).toString());
    if (typeof body === "object" && body !== null && !Array.isArray(body)) return body;
  } catch {
    // told below
  }
  throw new Problem(422, "invalid_request", "The body is no JSON object.");
}

/** These fields of what was sent, each of them a text. */
export function texts(body, ...names) {
  for (const name of names) {
    if (typeof body[name] !== "string") throw new Problem(422, "invalid_request", `${name} has to be a text.`);
  }
  return Object.fromEntries(names.map((name) => [name, body[name]]));
}
