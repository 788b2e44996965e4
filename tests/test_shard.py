from collections import Counter
from pathlib import Path

import pytest

from exporter.plan import read
from exporter.shard import Shard

NAMES = [f"account-{number}" for number in range(2_000)]


def owner(name: str, count: int) -> int:
    (number,) = (number for number in range(count) if Shard(number, count).owns(name))
    return number


def test_every_account_has_one_owner_and_the_shares_are_even() -> None:
    shares = Counter(owner(name, 5) for name in NAMES)
    assert set(shares) == set(range(5))
    assert max(shares.values()) < 1.2 * min(shares.values())


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_a_new_replica_takes_its_share_and_nothing_else_moves(count: int) -> None:
    moved = [(owner(name, count), owner(name, count + 1)) for name in NAMES]
    went = [new for old, new in moved if old != new]
    assert set(went) == {count}
    assert len(went) == pytest.approx(len(NAMES) / (count + 1), rel=0.2)


def test_who_owns_what_never_changes_between_versions() -> None:
    assert [owner(name, 5) for name in NAMES[:12]] == OWNERS


OWNERS = [3, 1, 0, 3, 4, 0, 2, 4, 2, 3, 0, 4]


@pytest.mark.parametrize("text", ["5/5", "-1/5", "1", "1/0", "a/b", "1/5/9", "0/1001", "\u0662/\u0665", ""])
def test_what_names_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no shard"):
        Shard.read(text)


def test_the_first_is_number_nought() -> None:
    assert Shard.read("0/5") == Shard(0, 5)
    assert Shard.read("4/5") == Shard(4, 5)


def test_the_accounts_of_all_shards_are_those_of_the_config(tmp_path: Path) -> None:
    account = """
  - name: account-{}
    vendor: zendesk_talk
    credentials: {{access_token: t}}
    options: {{base_url: https://acme.zendesk.com}}"""
    file = tmp_path / "config.yaml"
    file.write_text("accounts:" + "".join(account.format(number) for number in range(20)))
    config = read(file, {})
    parts = [Shard(number, 3).of(config) for number in range(3)]
    assert sorted(one.name for part in parts for one in part.accounts) == sorted(a.name for a in config.accounts)
    assert Shard().of(config) is config
