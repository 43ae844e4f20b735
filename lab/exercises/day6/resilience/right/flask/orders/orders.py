"""orders on Flask's threads."""

import json
import os
import uuid
from urllib.parse import quote

from flask import Flask, request
from prometheus_client import Counter

from common import Neighbour, Unavailable, problem, run, watch

app = Flask(__name__)
users = Neighbour("users", os.environ["USERS_URL"])
reco = Neighbour("reco", os.environ["RECO_URL"])
without = Counter("fallback_total", "Orders without it", ["dependency"])
watch(app, users, reco)


@app.post("/orders")
def order():
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not isinstance(body.get("user_id"), str):
        return problem(400, "invalid_request")
    ident = quote(body["user_id"], safe="")
    status, _, _ = users.call("GET", f"/users/{ident}")
    if status == 404:
        return problem(422, "unknown_user")
    if status != 200:
        raise Unavailable("users")
    liked = recommended(ident)
    if liked is None:
        without.labels("reco").inc()
    placed = {"id": str(uuid.uuid4()), "user_id": body["user_id"], "item": body.get("item")}
    return placed | {"recommendations": liked or [], "degraded": ["reco"] if liked is None else []}, 201


def recommended(ident):
    try:
        status, _, text = reco.call("GET", f"/recommendations/{ident}", tries=1)
    except Unavailable:
        return None
    items = json.loads(text).get("items") if status == 200 else None
    return items if isinstance(items, list) else None


if __name__ == "__main__":
    run(app)
