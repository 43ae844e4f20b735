import { Neighbour, Refusal, number, serve } from "./kit.js";

const users = new Neighbour("users", process.env.USERS_URL);
const orders = new Neighbour("orders", process.env.ORDERS_URL, number("TOTAL_TIMEOUT_MS", 8000) + number("HTTP_TIMEOUT_MS", 2000));
let places = number("BULKHEAD_ORDERS_MAX", 8);

const on = ({ status, headers, text }) => ({
  status,
  text,
  headers: Object.fromEntries(["content-type", "retry-after"].filter((name) => headers[name]).map((name) => [name, headers[name]])),
});

const routes = {
  "GET /users/*": async (id) => on(await users.call("GET", `/users/${id}`)),
  "POST /login": async (_, body) => on(await users.call("POST", "/sessions", body)),
  "POST /orders": async (_, body) => {
    if (places < 1) throw new Refusal(503, "busy", { "retry-after": "1" }); // at once: who has no place need not wait for it
    places--;
    try {
      return on(await orders.call("POST", "/orders", body));
    } finally {
      places++;
    }
  },
};
serve(routes, { "/users/*": "/users/{id}" }, [users, orders]);
