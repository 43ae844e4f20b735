// Users in Node alone, over HTTP and over gRPC.
import { randomBytes } from "node:crypto";
import { Refused, serve } from "./http.js";
import { Kept } from "./kept.js";
import * as rpc from "./rpc.js";

const users = new Kept(process.env.DATABASE_URL.replace("sqlite:///", ""));

function checked({ email, name }, whole) {
  for (const value of [email, name]) {
    if (value === undefined && !whole) continue;
    if (typeof value !== "string" || !value.trim() || value.length > 300) throw new Refused(422, "bad_user");
  }
  return { ...(email !== undefined && { email }), ...(name !== undefined && { name }) };
}

function found(id) {
  const user = users.get(id);
  if (!user) throw new Refused(404, "unknown_user");
  return user;
}

function free(email, id) {
  if (email && users.some((user) => user.email === email && user.id !== id)) throw new Refused(409, "email_taken");
}

serve([
  ["POST", /^\/users$/, (_, { body }) => {
    const fields = checked(body, true);
    free(fields.email);
    const id = `usr:${randomBytes(9).toString("base64")}`; // with + and / in it, now and then
    return [201, users.put({ id, ...fields, created_at: new Date().toISOString() })];
  }],
  ["GET", /^\/users$/, (_, { url }) => {
    if (url.searchParams.has("ids")) {
      const ids = new Set(url.searchParams.get("ids").split(","));
      return [200, { items: [...ids].map((id) => users.get(id)).filter(Boolean).reverse() }];
    }
    const page = users.page(url.searchParams);
    if (!page) throw new Refused(400, "bad_page");
    return [200, page];
  }],
  ["GET", /^\/users\/([^/]+)$/, ([id]) => [200, found(id)]],
  ["PATCH", /^\/users\/([^/]+)$/, ([id], { body }) => {
    const [user, fields] = [found(id), checked(body, false)];
    free(fields.email, id);
    return [200, users.put({ ...user, ...fields })];
  }],
  ["DELETE", /^\/users\/([^/]+)$/, ([id]) => {
    users.remove(found(id).id);
    return [204];
  }],
]);

const text = (bytes) => decoder.decode(bytes);
const decoder = new TextDecoder();
const told = ({ id, email, name }) => rpc.encode([[1, id], [2, email], [3, name]]);
const asked = (message) => (rpc.decode(message).get(1) ?? []).map(text);

rpc.serve(process.env.GRPC_PORT, process.env.HOST, {
  "/users.v1.UserService/GetUser": (message) => {
    const id = asked(message).at(-1);
    if (!id) throw new rpc.Failed(rpc.status.INVALID_ARGUMENT);
    const user = users.get(id);
    if (!user) throw new rpc.Failed(rpc.status.NOT_FOUND);
    return told(user);
  },
  "/users.v1.UserService/BatchGetUsers": (message) => {
    const ids = asked(message);
    if (ids.length > 100) throw new rpc.Failed(rpc.status.INVALID_ARGUMENT);
    const found = [...new Set(ids)].map((id) => users.get(id)).filter(Boolean);
    return rpc.encode(found.map((user) => [1, told(user)]));
  },
  "/grpc.health.v1.Health/Check": (message) => {
    if (!["", "users.v1.UserService"].includes(asked(message).at(-1) ?? "")) throw new rpc.Failed(rpc.status.NOT_FOUND);
    return rpc.encode([[1, 1]]);
  },
});
