// Users, wherever they are kept: the routes of customers, and two by which copies come in.
import { randomBytes } from "node:crypto";
import { Refused } from "./http.js";

export function people(users) {
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

  return [
    ["POST", /^\/users$/, (_, { body }) => {
      const fields = checked(body, true);
      free(fields.email);
      const id = `usr:${randomBytes(9).toString("base64")}`; // with + and / in it, now and then
      return [201, users.put({ id, ...fields, created_at: new Date().toISOString() })];
    }],
    ["GET", /^\/users$/, (_, { url }) => {
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
    ["POST", /^\/moved$/, (_, { body }) => [200, users.put(body.user)]],
    ["POST", /^\/gone$/, (_, { body }) => {
      users.remove(body.id);
      return [204];
    }],
  ];
}
