"""The shop as modules: each has a public face, tables of its own and nobody else's, and is switched on by MODULES.

    users           who there is; tells the others by an event in the process
    orders          orders and the wallets they are paid from: what must hold together in one transaction is one module
    notifications   mails, when it hears of something
    reports         reads orders through their face

`app.py` puts them together. No module imports it, nor the inside of another: only the package itself, its face. The
modules are what Tuesday's services will be, and a seam is real when `orders` runs without `users`, told where they are
by USERS_URL.
"""
