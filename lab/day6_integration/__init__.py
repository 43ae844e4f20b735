"""Saturday: Monday's monolith is moved out of, part by part, while its visitors go on.

    client ─▶ gateway ─▶ legacy                          the monolith, as it is
                 ├─────▶ users ─▶ redis, legacy          the new home of users
                 └─────▶ orders ─▶ users, legacy         the new home of orders
                            └┄ broker ┄▶ payments ─▶ legacy, notifications ─▶ mail

A gateway stands before the monolith and asks its route table, at every request, who answers. That table is all that a
move changes, and all that a way back changes. What the week has taught is what the new services are made of: events
and an outbox (Wednesday), a cache with the database behind it (Thursday), retries, breakers and fallbacks (Friday).
"""
