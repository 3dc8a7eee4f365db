"""Without a network, only what has been downloaded before is looked for, and at once."""

import os
import socket
from collections.abc import Iterator
from typing import Any

import datasets
import pytest
from datasets import config
from huggingface_hub import constants
from transformers import AutoConfig

from rlvr_recipes import hub


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a process that has asked nobody yet, without a proxy."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    for module in (constants, config):
        monkeypatch.setattr(module, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "WAIT", 0)
    hub.go_offline_if_unreachable.cache_clear()
    yield
    hub.go_offline_if_unreachable.cache_clear()


@pytest.fixture
def place() -> Iterator[tuple[socket.socket, str]]:
    """A socket that nobody listens at yet, and its address."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        yield made, f"http://127.0.0.1:{made.getsockname()[1]}"


def offline() -> set[bool]:
    return {constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE, os.environ["HF_HUB_OFFLINE"] == "1"}


def test_somebody_answers(
    place: tuple[socket.socket, str], online: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there, address = place
    there.listen()
    monkeypatch.setattr(constants, "ENDPOINT", address)
    hub.go_offline_if_unreachable()
    assert offline() == {False}
    assert capsys.readouterr().out == ""


def test_nobody_answers(
    place: tuple[socket.socket, str], online: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, address = place
    monkeypatch.setattr(constants, "ENDPOINT", address)
    for _ in range(2):
        hub.go_offline_if_unreachable()
    assert offline() == {True}
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert said.startswith(f"{address} cannot be reached ([Errno 111] Connection refused); only what was downloaded")

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("somebody asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(OSError, match="couldn't connect"):
        AutoConfig.from_pretrained("nobody/nothing")
    with pytest.raises(ConnectionError, match="Couldn't reach"):
        datasets.load_dataset("nobody/nothing")


@pytest.mark.parametrize(
    ("name", "value"), [("HTTPS_PROXY", "http://127.0.0.1:9"), ("HF_ENDPOINT", "a mirror"), ("HF_HUB_OFFLINE", "1")]
)
def test_where_it_is_not_for_us_to_say(
    name: str, value: str, online: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("somebody asked the network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(constants, "ENDPOINT", value if name == "HF_ENDPOINT" else "https://huggingface.co")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", name == "HF_HUB_OFFLINE")
    hub.go_offline_if_unreachable()
    assert capsys.readouterr().out == ""
