"""The rule file is one that Prometheus takes, and speaks only of what `/metrics` tells."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from farol.alerts.prometheus_rules import RULES, rules_file
from farol.i18n import LOCALES


@pytest.mark.parametrize("locale", LOCALES)
def test_the_file_is_yaml_with_every_rule(locale: str) -> None:
    whole = yaml.safe_load(rules_file(locale))
    assert whole.keys() == {"groups"}
    (group,) = whole["groups"]
    assert group.keys() == {"name", "rules"}
    assert [rule["alert"] for rule in group["rules"]] == [rule.alert for rule in RULES]
    for rule in group["rules"]:
        assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert re.fullmatch(r"\d+[mh]", rule["for"])
        assert all(rule["annotations"].values())
    assert "{{ $labels.task }}" in group["rules"][0]["annotations"]["summary"]


def test_texts_are_in_the_readers_language() -> None:
    assert "Drift severo" in rules_file("pt_BR")
    assert "Severe drift" in rules_file("en")


def test_prometheus_accepts_it(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:  # it cannot be installed without rights; the tests above read the file as YAML
        return
    file = tmp_path / "farol.rules.yml"
    file.write_text(rules_file("pt_BR"), encoding="utf-8")
    done = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(RULES)} rules found" in done.stdout
