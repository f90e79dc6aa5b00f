"""The alerts and the dashboard: sound, and made of figures that are really told."""

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from tests.machines.programs import found
from tests.process import ROOT

RULES = ROOT / "deploy" / "prometheus"
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "clinic.json").read_text())
TARGETS = [target for panel in DASHBOARD["panels"] for target in panel["targets"]]
SHOWN = [target["expr"].replace("$__rate_interval", "5m") for target in TARGETS]
LABELS = {"job", "instance", "pid", "le", "method", "route", "status", "limit", "version", "python"}


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([found("promtool", "prometheus"), *arguments], cwd=RULES, capture_output=True, text=True)


@pytest.mark.parametrize(
    "command",
    [("check", "config", "prometheus.yml"), ("test", "rules", "clinic.test.yml")],
    ids=["the configuration is sound", "the alerts ring when they should"],
)
def test_promtool_agrees(command: tuple[str, ...]) -> None:
    done = promtool(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tested_to_ring_and_to_be_silent() -> None:
    alerts = set(re.findall(r"alert: (\w+)", (RULES / "clinic.rules.yml").read_text()))
    tests = (RULES / "clinic.test.yml").read_text()
    assert set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:", tests)) == alerts
    assert set(re.findall(r"alertname: (\w+) }", tests)) == alerts


def test_prometheus_can_read_each_expression_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"panel_{number}", "expr": expression} for number, expression in enumerate(SHOWN)]
    (tmp_path / "panels.json").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    checked = promtool("check", "rules", str(tmp_path / "panels.json"))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("text", [(RULES / "clinic.rules.yml").read_text(), "\n".join(SHOWN)], ids=["alerts", "panels"])
def test_only_figures_that_are_told_are_asked_for(text: str, client: TestClient) -> None:
    client.get("/health/live")
    families = list(text_string_to_metric_families(client.get("/metrics").text))
    told = {sample.name for family in families for sample in family.samples}
    told |= {f"{family.name}_total" for family in families if family.type == "counter"}  # some have no label yet
    assert set(re.findall(r"\b(?:clinic|process)_\w+", text)) <= told
    assert set(re.findall(r"(\w+)(?:=~|!~|!=|=)\"", text)) <= LABELS


def test_the_dashboard_asks_whichever_prometheus_is_chosen() -> None:
    variables = {variable["name"]: variable["type"] for variable in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource": "datasource", "job": "query"}
    sources = [each["datasource"] for each in (*DASHBOARD["panels"], *TARGETS)]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    assert all('job=~"$job"' in target["expr"] for target in TARGETS)


def test_the_panels_have_places_of_their_own() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        apart = [
            one[axis] + one[size] <= other[axis] or other[axis] + other[size] <= one[axis]
            for axis, size in ("xw", "yh")
        ]
        assert any(apart), (one, other)
