"""Reports with aiohttp: one loop for requests and jobs, SQLite underneath. A job with all its attempts is one visit of
a worker, which renews its lease as long as it lives."""

import asyncio
import json
import os
import sqlite3
import time
import uuid
from contextlib import closing, suppress

import aiohttp
from aiohttp import web

DATABASE = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
REPORT = os.environ["REPORT_URL"] + "/reports"
TIMEOUT = int(os.environ.get("HTTP_TIMEOUT_MS", "2000")) / 1000
ATTEMPTS = int(os.environ.get("RETRY_ATTEMPTS", "4"))
BASE = int(os.environ.get("RETRY_BASE_MS", "200")) / 1000
LEASE = float(os.environ.get("JOB_LEASE_S", "3"))
WORKERS = 3
ME = uuid.uuid4().hex


def sql(statement, *values):
    with closing(sqlite3.connect(DATABASE, timeout=8, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        return db.execute(statement, values).fetchall()


async def query(statement, *values):
    return await asyncio.to_thread(sql, statement, *values)


def problem(status, code):
    body = json.dumps({"title": code, "status": status, "code": code})
    return web.Response(status=status, text=body, content_type="application/problem+json")


def accepted(job):
    return web.json_response({"job_id": job}, status=202, headers={"Location": f"/jobs/{job}"})


async def order(request):
    try:
        user = (await request.json())["user_id"]
    except (ValueError, KeyError, TypeError):
        return problem(422, "invalid_request")
    job = str(uuid.uuid4())
    await query("INSERT INTO jobs (id, user, status, placed) VALUES (?, ?, 'queued', ?)", job, user, time.time())
    return accepted(job)


async def show(request):
    rows = await query("SELECT * FROM jobs WHERE id = ?", request.match_info["id"])
    if not rows:
        return problem(404, "unknown_job")
    job = rows[0]
    return web.json_response(
        {
            "status": job["status"],
            "attempts": job["attempts"],
            "result": json.loads(job["result"]) if job["result"] else None,
            "fallback": bool(job["fallback"]),
            "error": job["error"],
        }
    )


async def retry(request):
    job = request.match_info["id"]
    if not await query("SELECT 1 FROM jobs WHERE id = ?", job):
        return problem(404, "unknown_job")
    queued = await query(
        "UPDATE jobs SET status = 'queued', attempts = 0, error = NULL, owner = NULL, until = 0"
        " WHERE id = ? AND status = 'failed' RETURNING id",
        job,
    )
    return accepted(job) if queued else problem(409, "job_not_failed")


async def worker(session, number):
    owner = f"{ME}-{number}"
    while True:
        try:
            found = await query(
                "UPDATE jobs SET status = 'running', owner = ?, until = ? WHERE id = (SELECT id FROM jobs"
                " WHERE status = 'queued' OR status = 'running' AND until < ? ORDER BY placed LIMIT 1) RETURNING *",
                owner, time.time() + LEASE, time.time(),
            )  # fmt: skip
            if found:
                await visit(session, dict(found[0]), owner)
            else:
                await asyncio.sleep(0.1)
        except Exception as error:
            print(json.dumps({"level": "error", "service": "reports", "msg": repr(error)}), flush=True)
            await asyncio.sleep(0.5)


async def visit(session, job, owner):
    """All attempts that are left, with pauses between them."""
    beat = asyncio.create_task(heartbeat(job["id"], owner))
    try:
        error = job["error"] or "broken off"
        for attempt in range(job["attempts"] + 1, ATTEMPTS + 1):
            await query("UPDATE jobs SET attempts = ? WHERE id = ? AND owner = ?", attempt, job["id"], owner)
            try:
                report = await make(session, job)
            except Refused as refusal:
                error = str(refusal)
                break
            except Exception as trouble:
                error = f"{type(trouble).__name__}: {trouble}"
                await query("UPDATE jobs SET error = ? WHERE id = ? AND owner = ?", error, job["id"], owner)
                if attempt < ATTEMPTS:
                    await asyncio.sleep(BASE * 2 ** (attempt - 1))
            else:
                await end(job, owner, "succeeded", report, 0, None)
                return
        older = await query(
            "SELECT result FROM jobs WHERE user = ? AND status = 'succeeded' AND fallback = 0"
            " ORDER BY ended DESC LIMIT 1",
            job["user"],
        )
        if older:
            await end(job, owner, "succeeded", json.loads(older[0]["result"]), 1, error)
        else:
            await end(job, owner, "failed", None, 0, error)
    finally:
        beat.cancel()


async def heartbeat(job, owner):
    while True:
        await asyncio.sleep(LEASE / 3)
        with suppress(sqlite3.Error):
            await query("UPDATE jobs SET until = ? WHERE id = ? AND owner = ?", time.time() + LEASE, job, owner)


class Refused(Exception):
    pass


async def make(session, job):
    async with session.post(REPORT, json={"user_id": job["user"]}, headers={"Idempotency-Key": job["id"]}) as answer:
        if 400 <= answer.status < 500 and answer.status != 429:
            raise Refused(f"refused with {answer.status}")
        answer.raise_for_status()
        report = json.loads(await answer.read())
        if not isinstance(report, dict):
            raise ValueError("not a report")
        return report


async def end(job, owner, status, result, fallback, error):
    await query(
        "UPDATE jobs SET status = ?, result = ?, fallback = ?, error = coalesce(?, error), ended = ?"
        " WHERE id = ? AND owner = ? AND status = 'running'",
        status, json.dumps(result) if result else None, fallback, error, time.time(), job["id"], owner,
    )  # fmt: skip


async def background(_):
    sql("PRAGMA journal_mode=WAL")
    sql(
        "CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, user TEXT, status TEXT, placed REAL, ended REAL,"
        " attempts INTEGER DEFAULT 0, owner TEXT, until REAL DEFAULT 0, result TEXT, fallback INTEGER DEFAULT 0,"
        " error TEXT)"
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session:
        workers = [asyncio.create_task(worker(session, number)) for number in range(WORKERS)]
        yield
        for one in workers:
            one.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await query("UPDATE jobs SET status = 'queued' WHERE owner LIKE ? AND status = 'running'", f"{ME}%")


app = web.Application()
app.cleanup_ctx.append(background)
app.add_routes(
    [
        web.post("/reports", order),
        web.get("/jobs/{id}", show),
        web.post("/jobs/{id}/retry", retry),
        web.get("/healthz", lambda _: asyncio.sleep(0, web.json_response({"status": "alive"}))),
        web.get("/readyz", lambda _: asyncio.sleep(0, web.json_response({"status": "ready", "checks": {}}))),
    ]
)

if __name__ == "__main__":
    web.run_app(
        app, host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ["PORT"]), print=None, access_log=None
    )
