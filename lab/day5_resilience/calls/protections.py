"""Which protections are on. All of them, unless somebody wants to see what happens without."""

from __future__ import annotations

from dataclasses import dataclass, fields

from lab.chassis.settings import SettingsError


@dataclass(frozen=True, kw_only=True)
class Protections:
    retry_budget: bool = True
    breaker: bool = True
    bulkhead: bool = True
    jitter: bool = True
    shedding: bool = True
    fallback: bool = True
    idempotency: bool = True

    @classmethod
    def without(cls, names: str) -> Protections:
        """All but these (`retry-budget,breaker`). Raises SettingsError for one that there is not."""
        off = {name.strip().replace("-", "_") for name in names.split(",") if name.strip()}
        if unknown := off - {field.name for field in fields(cls)}:
            raise SettingsError(f"WITHOUT has no protection {', '.join(sorted(unknown))}")
        return cls(**dict.fromkeys(off, False))
