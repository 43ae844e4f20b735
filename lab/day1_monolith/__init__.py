"""Monday: one shop in two shapes, with the same API.

    monolith   one module: everything knows every table, and one transaction holds anything together
    modular    one process, too, but modules with a public face and tables of their own, and events between them

Both are deployed as one unit. What differs is what a change may touch, and what it takes to move a part out.
"""
