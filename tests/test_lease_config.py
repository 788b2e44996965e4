from pathlib import Path

import pytest

from exporter.config import Config, ConfigError, Lease, Server
from exporter.plan import read
from exporter.shard import Shard

ACCOUNTS = """
accounts:
  - name: acme
    vendor: zendesk_talk
    credentials: {access_token: t}
    options: {base_url: https://acme.zendesk.com}
"""


def config(folder: Path, server: str) -> Config:
    file = folder / "config.yaml"
    file.write_text(f"server: {server}{ACCOUNTS}")
    return read(file, {})


def test_one_word_is_enough(tmp_path: Path) -> None:
    assert config(tmp_path, "{ha: kubernetes-lease}").server == Server(
        ha="kubernetes-lease", lease=Lease(name="contact-center-exporter", namespace=None, duration=15.0)
    )
    assert config(tmp_path, "{}").server.ha is None


def test_the_lease_may_be_another(tmp_path: Path) -> None:
    text = "{ha: kubernetes-lease, lease: {name: sales-2, namespace: telephony, duration: 1m}}"
    assert config(tmp_path, text).server.lease == Lease(name="sales-2", namespace="telephony", duration=60.0)


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ("{ha: consul}", 'server.ha: unknown value "consul"; write kubernetes-lease'),
        ("{lease: {name: sales}}", "server: lease has no effect; write ha: kubernetes-lease beside it"),
        ("{ha: kubernetes-lease, lease: {name: Sales}}", "server.lease.name: not a name in Kubernetes"),
        ("{ha: kubernetes-lease, lease: {name: sales-}}", "server.lease.name: not a name in Kubernetes"),
        ("{ha: kubernetes-lease, lease: {namespace: a.b}}", "server.lease.namespace: not a name in Kubernetes"),
        ("{ha: kubernetes-lease, lease: {duration: 9s}}", "server.lease.duration: out of bounds"),
        ("{ha: kubernetes-lease, lease: {duration: 11m}}", "server.lease.duration: out of bounds"),
    ],
)
def test_what_makes_no_sense_is_refused(server: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml:1: ") as wrong:
        config(tmp_path, server)
    assert told in str(wrong.value)


def test_each_shard_has_a_lease_of_its_own(tmp_path: Path) -> None:
    whole = config(tmp_path, "{ha: kubernetes-lease, lease: {name: sales}}")
    assert Shard(2, 5).of(whole).server == Server(ha="kubernetes-lease", lease=Lease(name="sales-2-of-5"))
    assert Shard().of(whole).server.lease.name == "sales"
    plain = config(tmp_path, "{}")
    assert Shard(2, 5).of(plain).server == plain.server
