"""Somebody who reads a page from top to bottom, and does what it says in a copy of the project."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from tests.docs.markdown import Block, not_ours
from tests.process import ROOT, environment, free_port, wait_for

PORT = re.compile(r"\b8000\b")
TAKES_LONG = {"test", "bench", "faults"}
"""What `make` is only asked how it would do: CI runs `make test`, of which this is a part."""
BLOCK_WITHIN = 600  # seconds
STOPS_WITHIN = 60  # seconds
HAS = """\
from pathlib import Path
import requests

clinic = "http://localhost:8000"
admin = {"email": "admin@example.org", "password": "correct horse battery staple"}
requests.post(f"{clinic}/auth/register", json={**admin, "role": "ADMIN"})
pair = requests.post(f"{clinic}/auth/login", data={"username": admin["email"], "password": admin["password"]}).json()
token = {"Authorization": f"Bearer {pair['access_token']}"}
patients = []
if not Path("patients.csv").exists():
    Path("patients.csv").write_text("given_name,birth_date\\nJosé,1984-02-29\\n", encoding="utf-8")
"""
"""What a block of Python may take for granted."""


class Reader:
    """In a terminal, in the folder of the project; where a block starts a server, it goes on in another terminal."""

    def __init__(self, project: Path) -> None:
        self.project, self.port = project, free_port()
        self.server: subprocess.Popen[str] | None = None
        shutil.copytree(ROOT, project, ignore=not_ours)
        for path in [*project.rglob("*.py"), *project.rglob("*.md")]:  # so that several may read at once
            path.write_text(self.at_port(path.read_text(encoding="utf-8")), encoding="utf-8")
        make_environment(project / ".venv")

    def at_port(self, text: str) -> str:
        return PORT.sub(self.port, text)

    @property
    def settings(self) -> dict[str, str]:
        path = f"{self.project / '.venv' / 'shims'}{os.pathsep}{os.environ['PATH']}"
        return environment(PATH=path, PYTHONPATH="", PYTHONWARNINGS="", PIP_NO_INDEX="1")

    def follow(self, block: Block) -> None:
        if block.file is not None:
            write(block, self.project / block.file)
            return
        if block.language == "python":
            self.run(block, [".venv/bin/python", "-c", self.at_port(HAS + block.text)])
            return
        for serves, lines in groupby(self.at_port(block.text).splitlines(), is_a_server):
            if serves:
                for line in lines:
                    self.serve(line)
            else:
                self.run(block, ["bash", "-euo", "pipefail", "-c", "\n".join(map(hurried, lines))])

    def run(self, block: Block, command: list[str]) -> None:
        done = subprocess.run(
            command,
            cwd=self.project,
            env=self.settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BLOCK_WITHIN,
        )
        assert done.returncode == 0, f"{block} ended with {done.returncode}:\n{command[-1]}\n\n{done.stdout}"

    def serve(self, line: str) -> None:
        """Until another server is started, or the page ends."""
        self.stop()
        log = self.project / "server.log"
        with log.open("w") as output:
            self.server = subprocess.Popen(
                ["bash", "-c", line],
                cwd=self.project,
                env=self.settings,
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        wait_for(f"http://localhost:{self.port}/health/ready", self.server, log)

    def stop(self) -> None:
        if self.server is not None:
            os.killpg(self.server.pid, signal.SIGTERM)
            self.server.wait(STOPS_WITHIN)


def write(block: Block, file: Path) -> None:
    """A new file, or a change of one where a diff says so."""
    if block.language != "diff":
        assert not file.exists(), f"{block}: {block.file} is there already"
        file.write_text(block.text, encoding="utf-8")
        return
    lines, whole = block.text.splitlines(keepends=True), file.read_text(encoding="utf-8")
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    assert whole.count(old) == 1, f"{block}: {block.file} does not have this once:\n{old}"
    file.write_text(whole.replace(old, new), encoding="utf-8")


def is_a_server(line: str) -> bool:
    command = shlex.split(line.partition(" #")[0])
    serves = "serve" in command and "--help" not in command
    return command == ["make", "run"] or serves or any(word.endswith("uvicorn") for word in command[:1])


def hurried(line: str) -> str:
    goal = re.match(r"make (\w+)", line)
    return line.replace("make ", "make -n ", 1) if goal and goal[1] in TAKES_LONG else line


def make_environment(venv: Path) -> None:
    """One of its own that finds the packages of the one that runs this: nothing is installed, nor changed there."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    ours = next(Path(folder) for folder in sys.path if folder.endswith("site-packages"))
    theirs = venv / ours.relative_to(sys.prefix)
    (theirs / "of_the_tests.pth").write_text(f"{ours}\n")
    for script in Path(sys.executable).parent.iterdir():
        if not (venv / "bin" / script.name).exists() and not script.name.startswith("pip"):
            (venv / "bin" / script.name).symlink_to(script)
    (venv / "shims").mkdir()
    (venv / "shims" / "python").symlink_to(Path(sys.executable).resolve())
    pip = venv / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec {shlex.quote(str(venv / "bin" / "python"))} -m pip "$@"\n')
    pip.chmod(0o755)
    for stamp in ("program", "ready"):
        (venv / stamp).touch()


@contextmanager
def reading(project: Path) -> Iterator[Reader]:
    reader = Reader(project)
    try:
        reader.serve("make run")
        yield reader
    finally:
        reader.stop()
