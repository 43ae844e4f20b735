import { randomUUID } from "node:crypto";
import { Neighbour, Refusal, count, json, serve } from "./kit.js";

const users = new Neighbour("users", process.env.USERS_URL);
const reco = new Neighbour("reco", process.env.RECO_URL);

async function liked(id) {
  try {
    const { status, text } = await reco.call("GET", `/recommendations/${id}`, undefined, 1);
    const { items } = status === 200 ? JSON.parse(text) : {};
    if (Array.isArray(items)) return { recommendations: items, degraded: [] };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  count('fallback_total{dependency="reco"}');
  return { recommendations: [], degraded: ["reco"] };
}

const routes = {
  "POST /orders": async (_, { user_id, item }) => {
    const id = encodeURIComponent(user_id);
    const { status } = await users.call("GET", `/users/${id}`);
    if (status === 404) throw new Refusal(422, "unknown_user");
    if (status !== 200) throw new Refusal(503, "users_unavailable");
    return json(201, { id: randomUUID(), user_id, item, ...(await liked(id)) });
  },
};
serve(routes, {}, [users, reco]);
