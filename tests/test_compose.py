"""compose.yaml belongs to what is here: nothing else tries it, for want of containers."""

import re
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
