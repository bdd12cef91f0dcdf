"""What deploy/ gives to operators names settings, metrics and packages that exist."""

import re
from typing import Any

import pytest
import yaml

from gateway.http.probe_paths import METRICS_PATH
from tests.kit.metric_names import metric_names
from tests.kit.source import PRODUCT, ROOT, tracked_files

DEPLOY = ROOT / "deploy"
ALERTS = (DEPLOY / "alerts.yml").read_text()
_SETTING, _METRIC = re.compile(r"GATEWAY_[A-Z_]*[A-Z]"), re.compile(r"\bdesk_([a-z_]+)")


def files() -> list[str]:
    return [path.name for path in tracked_files() if path.parent == DEPLOY]


def base_of(sample: str) -> str:
    """The metric that has this sample."""
    return re.sub(r"_(bucket|sum|count)$", "", sample)


@pytest.mark.parametrize("name", ["desk.env", "desk@.service", "Containerfile", "nginx.conf", "Caddyfile"])
def test_every_setting_that_is_named_exists(name: str) -> None:
    page = (ROOT / "docs/settings.md").read_text()
    named = set(_SETTING.findall((DEPLOY / name).read_text()))
    assert named
    unknown = {setting for setting in named if f"`{setting}`" not in page}
    assert not unknown, f"deploy/{name} names settings that docs/settings.md does not have: {unknown}"


def rules() -> list[dict[str, Any]]:
    """The alerts, as Prometheus reads them."""
    return [rule for group in yaml.safe_load(ALERTS)["groups"] for rule in group["rules"]]


def test_prometheus_finds_what_it_is_to_scrape_and_the_alerts_beside_its_configuration() -> None:
    configuration = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    (job,) = configuration["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("desk", METRICS_PATH)
    assert all((DEPLOY / name).is_file() for name in configuration["rule_files"])
    named = set(re.findall(r'job="(\w+)"', ALERTS))
    assert named == {job["job_name"]}


def test_every_alert_is_well_formed() -> None:
    for rule in rules():
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert re.fullmatch(r"Desk\w+", rule["alert"])
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
        assert rule["labels"]["severity"] in ("page", "ticket")
        without_texts = re.sub(r'"[^"]*"', "", rule["expr"])
        for opening, closing in ("()", "[]", "{}"):
            assert without_texts.count(opening) == without_texts.count(closing), rule["alert"]
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_every_alert_is_on_metrics_that_exist() -> None:
    expressions = [rule["expr"] for rule in rules()]
    assert len(expressions) > 10
    named = {base_of(sample) for each in expressions for sample in _METRIC.findall(each)}
    unknown = named - metric_names()
    assert not unknown, f"deploy/alerts.yml is on metrics that the desk does not have: {unknown}"


def test_every_alert_says_what_happened_and_how_urgent_it_is() -> None:
    alerts = ALERTS.split("- alert: ")[1:]
    silent = [each.split()[0] for each in alerts if "severity: " not in each or "summary: " not in each]
    assert not silent, f"give these alerts of deploy/alerts.yml a severity and a summary: {silent}"


def test_the_image_contains_every_package() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE))
    assert copied == set(PRODUCT), "copy exactly the packages of the desk in deploy/Containerfile"


def test_operations_explain_every_file() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    missing = [name for name in files() if f"../deploy/{name}" not in page]
    assert files()
    assert not missing, (
        f"say in docs/operations.md, Installing, what these files of deploy/ are for: {missing}"
    )
