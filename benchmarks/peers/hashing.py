"""Two usual ways to hash a password: in an `async def` endpoint, and in a `def` endpoint (anyio's 40 threads).

`python -m benchmarks.peers.hashing PORT loop|threads`
"""

import sys

import uvicorn
from argon2 import PasswordHasher
from fastapi import FastAPI
from pydantic import BaseModel, EmailStr

from benchmarks.ceiling import MEMORY_KIB, PARALLELISM, TIME_COST

app = FastAPI()
hasher = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=PARALLELISM)
accounts: dict[str, str] = {}


class Registration(BaseModel):
    email: EmailStr
    password: str


async def on_the_loop(body: Registration) -> dict[str, str]:
    accounts[body.email] = hasher.hash(body.password)
    return {"status": "created"}


def in_threads(body: Registration) -> dict[str, str]:
    accounts[body.email] = hasher.hash(body.password)
    return {"status": "created"}


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


if __name__ == "__main__":
    app.post("/auth/register")(on_the_loop if sys.argv[2] == "loop" else in_threads)
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
