"""The program as processes: commands, and a server on a real port."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from sqlalchemy import URL

ROOT = Path(__file__).parent.parent
STARTS_WITHIN = 30  # seconds; the contract's figure is 2


def environment(**settings: str) -> dict[str, str]:
    """A clean one: only what a process needs, and these settings."""
    kept = ("PATH", "HOME", "LANG", "SYSTEMROOT", "TMPDIR", "XDG_RUNTIME_DIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error::ResourceWarning", "BCRYPT_ROUNDS": "4", **settings,
    }  # fmt: skip


def text_of(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def run(*command: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """`python -m …`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=120,
    )


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@contextmanager
def server(*arguments: str, cwd: Path, **settings: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a server that answers, and its process, which is stopped in the end."""
    port = free_port()
    command = [sys.executable, "-m", *(arguments or ("clinic_api", "serve")), "--port", port]
    with (cwd / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=cwd, env=environment(**settings), stdout=log, stderr=log, text=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/health/live", process, cwd / "server.log")
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(60)


def wait_for(address: str, process: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            httpx.get(address, timeout=5)
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return
