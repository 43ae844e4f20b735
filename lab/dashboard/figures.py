"""Numbers as short words: rates, durations, sizes, ages. Each has a fixed place on the screen, so each stays short."""

from __future__ import annotations

from collections.abc import Iterable

from lab.dashboard.glyphs import SPARK


def rate(per_second: float) -> str:
    """`20/s`, `1.2k/s`, `0.4/s`; nothing at all is `0/s`."""
    return f"{count(per_second)}/s"


def count(number: float) -> str:
    if number >= 999_500:
        return f"{number / 1e6:.1f}M"
    if number >= 9_950:
        return f"{number / 1000:.0f}k"
    if number >= 999.5:
        return f"{number / 1000:.1f}k"
    if number >= 9.95 or number == int(number):
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 0.05 else "0"


def ms(value: float | None) -> str:
    """`0.4ms`, `12ms`, `1.5s`; None is empty."""
    if value is None:
        return ""
    if value < 9.95:
        return f"{value:.1f}ms"
    if value < 999.5:
        return f"{value:.0f}ms"
    if value < 99_950:
        return f"{value / 1000:.1f}s"
    return f"{value / 1000:.0f}s"


def size(number: float) -> str:
    """Bytes as `62M`."""
    for unit, factor in (("G", 1 << 30), ("M", 1 << 20), ("k", 1 << 10)):
        if number >= factor:
            return f"{number / factor:.0f}{unit}"
    return f"{number:.0f}"


def clock(seconds: float) -> str:
    """`02:41`, `1:02:41`."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


def age(seconds: float) -> str:
    """`0.8 s`, `12 s`, `4 min`."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def spark(values: Iterable[float], width: int, top: float) -> str:
    """The last `width` values as blocks on a fixed scale from 0 to `top`; anything above 0 shows."""
    recent = list(values)[-width:]
    blocks = "".join(
        SPARK[min(8, max(1, round(8 * value / top)))] if value > 0 and top > 0 else SPARK[1] for value in recent
    )
    return blocks.rjust(width)
