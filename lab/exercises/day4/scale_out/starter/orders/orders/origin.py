"""The origin, which has the jobs. It takes a tenth of a second for each, however many it is asked for."""

from __future__ import annotations

from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from lab.chassis.ids import outgoing_headers
from lab.chassis.problems import Problem
from lab.chassis.tls import AUTHORITIES


class Job(BaseModel):
    id: str
    minutes: int


class Origin:
    """Any number of threads may ask at the same time."""

    def __init__(self, url: str, timeout: float) -> None:
        self._http = httpx.Client(base_url=f"{url}/rows/jobs", timeout=timeout, trust_env=False, verify=AUTHORITIES)

    def job(self, job_id: str) -> Job:
        """Raises Problem."""
        try:
            answer = self._http.get(f"/{quote(job_id, safe='')}", headers=outgoing_headers())
            return Job(id=job_id, minutes=answer.raise_for_status().json()["minutes"])
        except (httpx.HTTPError, ValidationError, ValueError, KeyError, TypeError) as error:
            raise Problem(503, "origin_unavailable", f"The origin cannot be asked just now: {error!r}.") from error

    def close(self) -> None:
        self._http.close()
