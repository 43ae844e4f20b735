// The gateway answers GET /users/{id} by asking the users service, once.
import { log, mustEnv, number, problem, serve } from "./service.js";

// Knobs that wait for you: RETRY_ATTEMPTS, RETRY_BASE_MS, RETRY_CAP_MS, TOTAL_TIMEOUT_MS, RETRY_BUDGET.
const users = mustEnv("USERS_URL").replace(/\/+$/, "");
const timeout = number("HTTP_TIMEOUT_MS", 4000);

serve([[/^\/users\/([^/]+)$/, user]]);

async function user([id], requestId) {
  // TODO: one attempt is all a request gets here. Which troubles are worth another one, when, and how many?
  try {
    const headers = { "X-Request-ID": requestId };
    const answer = await fetch(`${users}/users/${id}`, { headers, signal: AbortSignal.timeout(timeout) });
    const body = Buffer.from(await answer.arrayBuffer());
    if (answer.status >= 500) return problem(503, "users_unavailable", `users answered ${answer.status}`);
    return { status: answer.status, headers: { "Content-Type": answer.headers.get("content-type") ?? "" }, body };
  } catch (error) {
    log("warning", "users cannot be reached", { reason: error.message, request_id: requestId });
    return problem(503, "users_unavailable", "users cannot be reached");
  }
}
