// The gateway answers GET /home/{user_id}. Without the user there is no page; without the rest there is a poorer one.
import { Counter } from "./metrics.js";
import { OptionalPart } from "./parts.js";
import { json, number, problem, serve } from "./service.js";
import { Unavailable, Upstream } from "./upstream.js";

/** Shown where nobody can say what this user would like. A constant is the one thing that is never down. */
const BESTSELLERS = [
  { id: "bestseller-1", name: "Green tea, 95" },
  { id: "bestseller-2", name: "Samarkand bread" },
];

const oldest = number("STALE_MAX_S", 60) * 1000;
const users = new Upstream("USERS_URL", 1000);
const reco = new OptionalPart("reco", "RECO_URL", oldest, BESTSELLERS);
const orders = new OptionalPart("orders", "ORDERS_URL", oldest);
const fallbacks = new Counter("fallback_total", "dependency", [reco.name, orders.name]);

serve([
  [/^\/home\/([^/]+)$/, home],
  [/^\/metrics$/, () => fallbacks.exposition()],
]);

/** `id` is the user's as it stands in the path, so it goes into other paths as it is. */
async function home([id], requestId) {
  let user, liked, placed;
  try {
    // Side by side: one after the other, three timeouts would add up to the page's.
    [user, liked, placed] = await Promise.all([
      users.get(`/users/${id}`, requestId),
      reco.of(id, `/recommendations/${id}`, requestId),
      orders.of(id, `/orders?user_id=${id}`, requestId),
    ]);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return problem(503, "users_unavailable", `Without users there is no home page: ${error.message}`);
  }
  if (user === null) return problem(404, "unknown_user", "There is no such user.");
  const sources = { [reco.name]: liked.source, [orders.name]: placed.source };
  const degraded = Object.keys(sources).filter((name) => sources[name] !== "fresh");
  degraded.forEach((name) => fallbacks.add(name));
  return json(200, {
    user,
    recommendations: liked.items,
    orders: placed.items,
    degraded,
    stale: Object.values(sources).includes("stale"),
  });
}
