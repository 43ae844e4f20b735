// The gateway answers GET /users/{id} by asking the users service, and tries again where that helps.
import { Budget } from "./budget.js";
import { GaveUp, Retrying } from "./retry.js";
import { mustEnv, number, problem, serve } from "./service.js";

const users = mustEnv("USERS_URL").replace(/\/+$/, "");
const retrying = new Retrying(
  {
    attempts: number("RETRY_ATTEMPTS", 4),
    base: number("RETRY_BASE_MS", 200),
    cap: number("RETRY_CAP_MS", 3000),
    perAttempt: number("HTTP_TIMEOUT_MS", 4000),
    total: number("TOTAL_TIMEOUT_MS", 8000),
  },
  new Budget(number("RETRY_BUDGET", 100)),
);

serve([[/^\/users\/([^/]+)$/, user]]);

async function user([id], requestId) {
  try {
    const answer = await retrying.get(`${users}/users/${id}`, { "X-Request-ID": requestId });
    return { status: answer.status, headers: kept(answer.headers), body: answer.body };
  } catch (error) {
    if (!(error instanceof GaveUp)) throw error;
    const answer = problem(503, "users_unavailable", `users cannot be reached: ${error.message}`);
    answer.headers["X-Should-Retry"] = "false"; // we have tried already: a caller that tries again multiplies
    return answer;
  }
}

// Of upstream's headers only those go on that still mean the same one hop further.
function kept(headers) {
  return Object.fromEntries(["content-type", "retry-after"].filter((name) => headers.has(name)).map((name) => [name, headers.get(name)]));
}
