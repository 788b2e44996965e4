"""What config the chart gives to the exporter, and which values it refuses."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from chart import CASES, CHART, VALUES, named, needs_helm, refusal, template, written
from msgspec import Struct
from msgspec.structs import fields

from exporter.config.models import Account, Polling, Privacy
from exporter.vendors import VENDORS
from exporter.wire.secret import Secret


@needs_helm
@pytest.mark.parametrize(
    "case", [case for case in CASES if "\nconfig:" in case.read_text()], ids=lambda case: case.name
)
def test_the_exporter_takes_the_config(case: Path, tmp_path: Path) -> None:
    config = written(case, tmp_path)
    values = {**VALUES, **yaml.safe_load(case.read_text())}
    given = yaml.safe_load(values["config"]) if isinstance(values["config"], str) else values["config"]
    assert config.server.listen.port == values["port"]
    assert str(config.server.state_dir) == "/var/lib/contact-center-exporter"
    assert (config.server.ha is not None) is bool(values["ha"].get("enabled"))
    assert [one.name for one in config.accounts] == [one["name"] for one in given["accounts"]]


@needs_helm
def test_long_ids_stay_what_they_are(tmp_path: Path) -> None:
    (account,) = written(named("podmonitor"), tmp_path).accounts
    assert account.options.queues == (123456000000012345, 123456000000067891)  # type: ignore[attr-defined]
    ids = json.dumps([{"options": {"queues": [123456000000012345]}}])
    assert "/config/accounts/0/options/queues/0" in refusal("--set-json", f"config.accounts={ids}")


def names(shape: type[Struct], *, secret: bool) -> Iterator[str]:
    """Yield the keys of a shape whose values are secrets, or those of the others."""
    for field in fields(shape):
        if (field.type is Secret or Secret in get_args(field.type)) is secret:
            yield field.name


PARTS = [shape for vendor in VENDORS.values() for shape in (vendor.Credentials, vendor.Options)]
SHAPES: tuple[type[Struct], ...] = (Account, Polling, Privacy, *PARTS)
SECRETS = sorted({name for shape in SHAPES for name in names(shape, secret=True)})
OTHERS = sorted(
    {name for shape in SHAPES for name in names(shape, secret=False)} | {f"{name}_file" for name in SECRETS}
)


@needs_helm
@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_gets_into_the_values(name: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f'accounts: [{{"{name}" : hunter2}}]')
    for told in (
        refusal("--set", f"config.accounts[0].credentials.{name}=hunter2"),
        refusal("--set", f"config.privacy.{name}=hunter2"),
        refusal("--set-file", f"config={tmp_path}/config.yaml"),
    ):
        assert name in told
        assert "hunter2" not in told


@needs_helm
def test_whatever_is_no_secret_may_be_in_the_values(tmp_path: Path) -> None:
    accounts = json.dumps([dict.fromkeys(OTHERS, 1)])
    (tmp_path / "config.yaml").write_text(f"accounts: {accounts}")
    assert template("--set-json", f"config.accounts={accounts}")
    assert template("--set-file", f"config={tmp_path}/config.yaml", "--set", "state.volume=persistent")


@needs_helm
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--set", "image.tag=latest"], "/image/tag"),
        (["--set", "replicas=2"], "'replicas' not allowed"),
        (["--set", "ha.replicas=2"], "'replicas' not allowed"),
        (["--set", "config.server.listen=:80"], "'server'"),
        (["--set", "monitor.basicAuth.password=hunter2"], "/monitor/basicAuth/password"),
        (["--set-string", "config=server: {}"], "leave `server` out"),
        (["--set-string", "config=just words"], "config: "),
        (["--values", "ci/default-values.yaml", "--set", "existingConfigMap=telephony"], "leave out one"),
        (["--values", "ci/sharded-values.yaml", "--set", "state.volume=memory"], "support-eu has a refresh token"),
        (["--values", "ci/sharded-values.yaml", "--set", "state.accessModes={ReadWriteOnce}"], "ReadWriteMany"),
        (["--values", "ci/ha-values.yaml", "--set", "state.existingClaim="], "ReadWriteMany"),
    ],
)
def test_values_that_cannot_work_are_refused(words: list[str], told: str) -> None:
    assert told in refusal(*(word.replace("ci/", f"{CHART}/ci/") for word in words))
