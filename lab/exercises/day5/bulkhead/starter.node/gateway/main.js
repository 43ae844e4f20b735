// The gateway answers GET /report and GET /users/{id}, each from a service behind it.
import { Full } from "./bulkhead.js";
import { json, problem, serve } from "./service.js";
import { Unavailable, Upstream } from "./upstream.js";

// Knobs that wait for you: BULKHEAD_REPORT_MAX, BULKHEAD_USERS_MAX, BULKHEAD_QUEUE_MS, MAX_INFLIGHT.
const reports = new Upstream("REPORT_URL", 8000);
const users = new Upstream("USERS_URL", 8000);
// TODO: which compartments does this process need, and which of them does a request pass through?

serve([
  [/^\/report$/, report],
  [/^\/users\/([^/]+)$/, user],
]);

async function report(_, requestId) {
  try {
    const figures = await reports.get("/report", requestId);
    if (figures === null) return problem(503, "report_unavailable", "The report service has no report.");
    return json(200, figures);
  } catch (error) {
    return refusal(error, "report_unavailable");
  }
}

async function user([id], requestId) {
  try {
    const found = await users.get(`/users/${id}`, requestId);
    if (found === null) return problem(404, "unknown_user", "There is no such user.");
    return json(200, found);
  } catch (error) {
    return refusal(error, "users_unavailable");
  }
}

/** What the client is told if there was no place, or no answer. */
function refusal(error, code) {
  if (error instanceof Unavailable) return problem(503, code, error.message);
  if (!(error instanceof Full)) throw error;
  const busy = problem(503, "busy", "Too much at once. Come back in a moment.");
  return { ...busy, headers: { ...busy.headers, "Retry-After": "1" } };
}
