from flask import Blueprint, request

from toolbox import Refused, integer, page, paging, sent, string

from . import store


def routes(is_user, when_placed):
    views = Blueprint("orders", __name__)

    @views.post("/orders")
    def create():
        fields = sent()
        user, items = string(fields, "user_id"), fields.get("items")
        if not isinstance(items, list) or not 1 <= len(items) <= 50 or not all(isinstance(one, dict) for one in items):
            raise Refused(422, "no_items")
        items = [
            {"sku": string(one, "sku"), "qty": integer(one, "qty", 1), "price": integer(one, "price", 0)}
            for one in items
        ]
        if sum(one["qty"] * one["price"] for one in items) >= 2**63:
            raise Refused(422, "too_dear")
        if not is_user(user):
            raise Refused(422, "unknown_user")
        made = store.add(user, items)
        for tell in when_placed:
            tell(made["id"], user)
        return made, 201

    @views.get("/orders")
    def several():
        size, after = paging()
        return page(store.listed(request.args.get("user_id"), size, after), size)

    @views.get("/orders/<ident>")
    def show(ident):
        return store.find(ident)

    @views.patch("/orders/<ident>")
    def change(ident):
        asked = sent().get("status")
        store.find(ident)
        if asked != "cancelled":
            raise Refused(422, "no_such_status")
        return store.cancel(ident)

    @views.delete("/orders/<ident>")
    def remove(ident):
        store.remove(ident)
        return "", 204

    return views
