// Trying again: few times, further and further apart, at random moments, only where it helps, never for long.
// All of it is safe because these are GETs; a POST needs an Idempotency-Key first.
import { setTimeout as sleep } from "node:timers/promises";
import { log } from "./service.js";

// Statuses of a trouble that is likely to pass. Any other answer would be the same the next time.
const PASSING = new Set([429, 502, 503, 504]);

/** No answer worth passing on; the message says why. */
export class GaveUp extends Error {}

/** GET requests by a policy `{attempts, base, cap, perAttempt, total}` (milliseconds), all of them on one budget. */
export class Retrying {
  constructor(policy, budget) {
    this.policy = policy;
    this.budget = budget;
  }

  /** The first answer that is no trouble, or else a last 429. Throws GaveUp. */
  async get(url, headers) {
    const { attempts, total } = this.policy;
    this.budget.earn();
    const giveUpAt = performance.now() + total;
    const deadline = AbortSignal.timeout(total);
    for (let attempt = 1; ; attempt++) {
      const { answer, trouble } = await this.#attempt(url, headers, deadline);
      if (!trouble) return answer;
      const pause = Math.max(this.#pause(attempt), retryAfter(answer));
      const inTime = performance.now() + pause < giveUpAt;
      if (!(worthRepeating(answer) && attempt < attempts && inTime && this.budget.spend())) {
        if (answer?.status === 429) return answer;
        throw new GaveUp(`${trouble}, attempt ${attempt}`);
      }
      log("info", trouble, { event: "retry", attempt, pause_ms: Math.round(pause), request_id: headers["X-Request-ID"] });
      await sleep(pause);
    }
  }

  // Anything up to a step that doubles ("full jitter"). The cap comes before the dice: the other way round everybody
  // who has reached it waits equally long, and all come back together.
  #pause(attempt) {
    return Math.random() * Math.min(this.policy.cap, this.policy.base * 2 ** (attempt - 1));
  }

  async #attempt(url, headers, deadline) {
    const signal = AbortSignal.any([deadline, AbortSignal.timeout(this.policy.perAttempt)]);
    try {
      const response = await fetch(url, { headers, signal });
      const body = Buffer.from(await response.arrayBuffer());
      const answer = { status: response.status, headers: response.headers, body };
      return { answer, trouble: answer.status >= 500 || PASSING.has(answer.status) ? `status ${answer.status}` : "" };
    } catch (error) {
      return { trouble: error.cause?.message ?? error.message };
    }
  }
}

// No answer at all (refused, reset, too late) is the classic case.
function worthRepeating(answer) {
  return !answer || (PASSING.has(answer.status) && answer.headers.get("x-should-retry") !== "false");
}

// Milliseconds that upstream asks us to stay away: given as seconds or as a date, 0 if it does not say.
function retryAfter(answer) {
  const text = answer?.headers.get("retry-after") ?? "";
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  return Math.max(0, Date.parse(text) - Date.now() || 0);
}
