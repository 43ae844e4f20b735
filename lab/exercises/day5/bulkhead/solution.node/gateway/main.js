// The gateway answers GET /report and GET /users/{id}, each from a service behind it.
import { Bulkhead, Full } from "./bulkhead.js";
import { json, number, problem, serve } from "./service.js";
import { Unavailable, Upstream } from "./upstream.js";

const reports = new Upstream("REPORT_URL", 8000);
const users = new Upstream("USERS_URL", 8000);
// One compartment for each service behind us, and around both the hull: what this process can hold at all. Whoever is over
// that is turned away at once, before anything is done for it. /healthz passes through none of them.
const patience = number("BULKHEAD_QUEUE_MS", 200);
const hull = new Bulkhead(number("MAX_INFLIGHT", 32));
const reportPlaces = new Bulkhead(number("BULKHEAD_REPORT_MAX", 4), patience);
const usersPlaces = new Bulkhead(number("BULKHEAD_USERS_MAX", 16), patience);

serve([
  [/^\/report$/, report],
  [/^\/users\/([^/]+)$/, user],
]);

async function report(_, requestId) {
  try {
    const figures = await within(reportPlaces, () => reports.get("/report", requestId));
    if (figures === null) return problem(503, "report_unavailable", "The report service has no report.");
    return json(200, figures);
  } catch (error) {
    return refusal(error, "report_unavailable");
  }
}

async function user([id], requestId) {
  try {
    const found = await within(usersPlaces, () => users.get(`/users/${id}`, requestId));
    if (found === null) return problem(404, "unknown_user", "There is no such user.");
    return json(200, found);
  } catch (error) {
    return refusal(error, "users_unavailable");
  }
}

function within(places, work) {
  return hull.within(() => places.within(work));
}

/** What the client is told if there was no place, or no answer. */
function refusal(error, code) {
  if (error instanceof Unavailable) return problem(503, code, error.message);
  if (!(error instanceof Full)) throw error;
  const busy = problem(503, "busy", "Too much at once. Come back in a moment.");
  return { ...busy, headers: { ...busy.headers, "Retry-After": "1" } };
}
