// The gateway answers GET /order-view/{id}, the head of a customer's order page, from two services behind it.
import { exposition } from "./metrics.js";
import { json, problem, serve } from "./service.js";
import { Upstream } from "./upstream.js";

const users = new Upstream("users", "USERS_URL");
const reco = new Upstream("reco", "RECO_URL");

serve([
  [/^\/metrics$/, exposition],
  [/^\/order-view\/([^/]+)$/, orderView],
]);

async function orderView([id], requestId) {
  const [user, liked] = await Promise.allSettled([
    users.get(`/users/${id}`, requestId),
    reco.get(`/recommendations/${id}`, requestId),
  ]);
  if (user.status === "fulfilled" && user.value === null) {
    return problem(404, "unknown_user", "There is no such user.");
  }
  return json(200, {
    user: user.value ?? null,
    recommendations: liked.value?.items ?? [],
    degraded: user.status === "rejected" || liked.status === "rejected",
  });
}
