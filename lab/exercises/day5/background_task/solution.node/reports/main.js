// Reports has reports made in the background: what was promised with a 202 is done, whoever dies meanwhile.
import { ReportClient } from "./client.js";
import { Queue } from "./queue.js";
import { json, mustEnv, number, object, problem, serve } from "./service.js";
import { Store } from "./store.js";
import { Worker } from "./worker.js";

const queue = new Queue(new Store(mustEnv("DATABASE_URL")), {
  attempts: number("RETRY_ATTEMPTS", 4),
  base: number("RETRY_BASE_MS", 200),
  lease: number("JOB_LEASE_S", 3) * 1000,
});
const worker = new Worker(queue, new ReportClient(mustEnv("REPORT_URL"), number("HTTP_TIMEOUT_MS", 2000)));
worker.start();

const routes = [
  [/^\/reports$/, order, "POST"],
  [/^\/jobs\/([\w-]+)$/, show],
  [/^\/jobs\/([\w-]+)\/retry$/, retry, "POST"],
];
serve(routes, () => worker.stop());

function order(_, requestId, { text }) {
  const user = object(text)?.user_id;
  if (typeof user !== "string" || !user) return problem(422, "invalid_request", "user_id says whose report it is.");
  return accepted(queue.add(user));
}

function show([id]) {
  const job = queue.find(id);
  if (!job) return problem(404, "unknown_job", `There is no job ${id}.`);
  const { status, attempts, result, fallback, error } = job;
  return json(200, { status, attempts, result, fallback, error });
}

function retry([id]) {
  const job = queue.find(id);
  if (!job) return problem(404, "unknown_job", `There is no job ${id}.`);
  return queue.again(id) ? accepted(id) : problem(409, "job_not_failed", `Job ${id} is ${job.status}.`);
}

const accepted = (id) => json(202, { job_id: id }, { Location: `/jobs/${id}` });
