from flask import Blueprint

from toolbox import Refused, page, paging, sent, string

from . import store


def routes(has_orders):
    views = Blueprint("users", __name__)

    @views.post("/users")
    def create():
        fields = sent()
        return store.add(string(fields, "email"), string(fields, "name")), 201

    @views.get("/users")
    def several():
        size, after = paging()
        return page(store.listed(size, after), size)

    @views.get("/users/<ident>")
    def show(ident):
        return store.find(ident)

    @views.patch("/users/<ident>")
    def change(ident):
        fields, present = sent(), store.find(ident)
        asked = {**present, **{name: string(fields, name) for name in ("email", "name") if name in fields}}
        return store.change(ident, asked["email"], asked["name"])

    @views.delete("/users/<ident>")
    def remove(ident):
        store.find(ident)
        if has_orders and has_orders(ident):
            raise Refused(409, "user_has_orders")
        store.remove(ident)
        return "", 204

    @views.put("/from-the-other-side")
    def take():
        store.replace(sent()["users"])
        return "", 204

    return views
