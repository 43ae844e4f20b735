// Asking the report service, which may be slow, gone, or lose its answer.

/** There is no report, and the message says why. `final`: asking again would not help. */
export class NoReport extends Error {
  constructor(why, final = false) {
    super(why);
    this.final = final;
  }
}

export class ReportClient {
  #url;
  #timeout;

  constructor(url, timeout) {
    this.#url = url.replace(/\/+$/, "");
    this.#timeout = timeout;
  }

  /** The report. Under one key there is only one, however often it is asked for. Throws NoReport. */
  async make(user, key) {
    let status, report;
    try {
      const answer = await fetch(`${this.#url}/reports`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": key },
        body: JSON.stringify({ user_id: user }),
        signal: AbortSignal.timeout(this.#timeout),
      });
      status = answer.status;
      report = answer.ok && (await answer.json());
    } catch (error) {
      throw new NoReport(error.name === "TimeoutError" ? "the report service does not answer in time" : error.message);
    }
    if (!report && status >= 300) {
      throw new NoReport(`the report service answered ${status}`, status >= 400 && status < 500 && status !== 429);
    }
    if (typeof report !== "object" || report === null || Array.isArray(report)) {
      throw new NoReport("the report service answered something that is no report");
    }
    return report;
  }
}
