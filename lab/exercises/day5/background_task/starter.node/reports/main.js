// Reports has reports made, which takes long. So far the client waits for it.
import { randomUUID } from "node:crypto";
import { NoReport, ReportClient } from "./client.js";
import { json, mustEnv, number, object, problem, serve } from "./service.js";
import { Store } from "./store.js";

// Knobs that wait for you: RETRY_ATTEMPTS, RETRY_BASE_MS, JOB_LEASE_S.
const store = new Store(mustEnv("DATABASE_URL"));
const client = new ReportClient(mustEnv("REPORT_URL"), number("HTTP_TIMEOUT_MS", 2000));

serve([
  [/^\/reports$/, order, "POST"],
  [/^\/jobs\/([\w-]+)$/, show],
  // TODO: POST /jobs/{id}/retry
]);

async function order(_, requestId, { text }) {
  const user = object(text)?.user_id;
  if (typeof user !== "string" || !user) return problem(422, "invalid_request", "user_id says whose report it is.");
  const id = randomUUID();
  const job = { status: "succeeded", attempts: 1, result: null, fallback: false, error: null };
  try {
    job.result = await client.make(user, id); // TODO: not while the client waits
  } catch (error) {
    if (!(error instanceof NoReport)) throw error;
    job.status = "failed";
    job.error = error.message;
  }
  store.add("jobs", id, job);
  return json(202, { job_id: id }, { Location: `/jobs/${id}` });
}

function show([id]) {
  const job = store.get("jobs", id);
  return job ? json(200, job) : problem(404, "unknown_job", `There is no job ${id}.`);
}
