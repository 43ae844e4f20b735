"""Friday: what a call costs when the other side is slow, flaky or dead, and what keeps that from spreading.

    gateway → orders → users        what a page cannot do without
    gateway → reco, report          what it can
    gateway → jobs → report         what need not be there at once

`calls/` holds the protections, each in a module of its own and each to be switched off by `WITHOUT`.
"""
