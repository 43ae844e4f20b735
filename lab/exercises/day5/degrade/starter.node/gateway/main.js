// The gateway answers GET /home/{user_id}: a page that is put together from users, reco and orders.
import { json, problem, serve } from "./service.js";
import { Unavailable, Upstream } from "./upstream.js";

// A knob that waits for you: STALE_MAX_S.
const users = new Upstream("USERS_URL", 1000);
const reco = new Upstream("RECO_URL", 1000);
const orders = new Upstream("ORDERS_URL", 1000);

serve([
  [/^\/home\/([^/]+)$/, home],
  // TODO: GET /metrics. `new Counter("fallback_total", "dependency")` of metrics.js has an answer for it.
]);

/** `id` is the user's as it stands in the path, so it goes into other paths as it is. */
async function home([id], requestId) {
  // TODO: one of three is missing, and the whole page is. Which of them can the page do without, and how does it say so?
  // And must they really wait for each other?
  try {
    const user = await users.get(`/users/${id}`, requestId);
    const liked = await reco.get(`/recommendations/${id}`, requestId);
    const placed = await orders.get(`/orders?user_id=${id}`, requestId);
    if (user === null) return problem(404, "unknown_user", "There is no such user.");
    return json(200, {
      user,
      recommendations: liked?.items ?? [],
      orders: placed?.items ?? [],
      degraded: [],
      stale: false,
    });
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return problem(503, "upstream_unavailable", `Something is missing: ${error.message}`);
  }
}
