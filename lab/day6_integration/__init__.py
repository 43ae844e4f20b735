"""Saturday: Monday's monolith is moved out of, part by part, while its visitors go on.

    client ─▶ gateway ─▶ legacy                the monolith, as it is
                 └─────▶ users ─▶ legacy       the new home of users; the monolith keeps the record until orders moves

A gateway stands before the monolith and asks its route table, at every request, who answers. That table is all that a
move changes, and all that a way back changes.
"""
