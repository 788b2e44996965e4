import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from exporter.wire.auth import Basic, Bearer, TokenGrant
from exporter.wire.secret import Secret

TEXT = "CANARY-s3cret"
SECRET = Secret(lambda: TEXT, "file /run/secrets/zendesk")


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "{!r}".format,
        "{!s}".format,
        "{!a}".format,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r}",
        lambda secret: str([secret, {"key": secret}, (secret,)]),
        lambda secret: repr(Bearer(secret)),
        lambda secret: repr(Basic("me", secret)),
        lambda secret: repr(TokenGrant("https://x", "me", secret, refresh_token=secret)),
        lambda secret: str(vars(Bearer)) + str(dir(secret)),
        lambda secret: logging.LogRecord("x", 1, "x", 1, "%s", (secret,), None).getMessage(),
    ],
)
def test_a_secret_masks_itself(show: Callable[[Secret], str]) -> None:
    assert TEXT not in show(SECRET)


def test_a_secret_prints_as_stars() -> None:
    assert str(SECRET) == repr(SECRET) == f"{SECRET}" == "Secret(***)"


def test_a_traceback_with_all_its_variables_does_not_tell_a_secret() -> None:
    def fail(token: Secret) -> None:
        scheme = Bearer(token)
        raise ValueError(f"{token} of {scheme} failed")

    with pytest.raises(ValueError, match="failed") as failed:
        fail(SECRET)
    told = "".join(traceback.TracebackException.from_exception(failed.value, capture_locals=True).format())
    assert TEXT not in told
    assert "scheme = Bearer(token=Secret(***)" in told


@pytest.mark.parametrize("write", [pickle.dumps, msgspec.json.encode, msgspec.to_builtins])
def test_a_secret_cannot_be_written_anywhere(write: Callable[[Any], object]) -> None:
    with pytest.raises(Exception, match=r"[Ss]ecret|lambda") as failed:
        write(SECRET)
    assert TEXT not in str(failed.value)


def test_only_reveal_tells_the_text_as_it_is_now() -> None:
    texts = iter(["old", "new"])
    secret = Secret(lambda: next(texts), "a file")
    assert [secret.reveal(), secret.reveal()] == ["old", "new"]


def test_secrets_are_equal_when_they_come_from_the_same_place_and_say_the_same() -> None:
    same = Secret(lambda: TEXT, "file /run/secrets/zendesk")
    assert same == SECRET
    assert hash(SECRET) == hash(same)
    assert Secret(lambda: "other", "file /run/secrets/zendesk") != SECRET
    assert Secret(lambda: TEXT, "elsewhere") != SECRET
    assert SECRET != TEXT
