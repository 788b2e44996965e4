"""compose.yaml belongs to what is here: nothing else tries it, for want of containers."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import __version__
from exporter.arguments import parser

ROOT = Path(__file__).parent.parent
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]

every_service = pytest.mark.parametrize("name", SERVICES)


@every_service
def test_an_image_has_a_version(name: str) -> None:
    assert re.search(r":v?\d+\.\d+\.\d+$", SERVICES[name]["image"])


@every_service
def test_what_is_mounted_is_there_and_cannot_be_written(name: str) -> None:
    for mount in SERVICES[name].get("volumes", ()):
        source, _, mode = mount.split(":")
        assert mode == "ro"
        assert (ROOT / source).exists(), source


@every_service
def test_only_this_machine_reaches_a_port(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", ["exporter", "simulator"])
def test_our_own_containers_run_a_command_of_this_version(name: str) -> None:
    service = SERVICES[name]
    assert service["image"] == f"contact-center-exporter:{__version__}"
    assert service["build"]["args"] == {"VERSION": __version__}
    assert parser().parse_args(service["command"]).command == service["command"][0]


@pytest.mark.needs("compose-spec")
def test_compose_itself_understands_the_file() -> None:
    """By the parser that is in docker compose, its schema included."""
    read = subprocess.run(["compose-spec", ROOT / "compose.yaml"], capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    assert yaml.safe_load(read.stdout)["services"].keys() == SERVICES.keys()


@pytest.mark.needs("prometheus-alertmanager")
def test_alertmanager_knows_the_words_that_it_is_given() -> None:
    """What comes after a known word is not looked at: --version ends it before anything is opened."""
    for flag in SERVICES["alertmanager"]["command"]:
        told = subprocess.run(
            ["prometheus-alertmanager", flag, "--version"], capture_output=True, text=True, check=False
        )
        assert told.returncode == 0, told.stderr


def test_each_program_finds_its_files_where_they_are_mounted() -> None:
    mounts = {name: [mount.split(":")[1] for mount in one.get("volumes", ())] for name, one in SERVICES.items()}
    assert "/etc/prometheus" in mounts["prometheus"]  # the image's own command reads prometheus.yml there
    assert f"--config.file={mounts['alertmanager'][0]}" in SERVICES["alertmanager"]["command"]
    python, script = SERVICES["webhook"]["entrypoint"]
    assert mounts["webhook"] == [script]
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f'"{python}"' in dockerfile
    boards = yaml.safe_load((ROOT / "grafana/provisioning/dashboards/boards.yaml").read_text())["providers"][0]
    assert mounts["grafana"] == ["/etc/grafana/provisioning", boards["options"]["path"]]
    assert mounts["exporter"] == ["/etc/contact-center-exporter/config.yaml"]


def test_all_but_grafana_share_one_loopback_and_grafana_finds_prometheus_by_its_name() -> None:
    shared = {name for name, one in SERVICES.items() if one.get("network_mode") == "service:prometheus"}
    assert shared == SERVICES.keys() - {"prometheus", "grafana"}
    source = yaml.safe_load((ROOT / "grafana/provisioning/datasources/prometheus.yaml").read_text())
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    published = [port.rsplit(":", 1)[1] for port in SERVICES["prometheus"]["ports"]]
    assert published == ["9090", "9093", SERVICES["exporter"]["command"][-1].rsplit(":", 1)[1]]
