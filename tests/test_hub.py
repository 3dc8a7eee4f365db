"""Without a network, only what has been downloaded before is looked for, and at once."""

from collections.abc import Iterator
from typing import Any

import datasets
import huggingface_hub.utils
import pytest
from huggingface_hub import constants
from transformers import AutoConfig

from rlvr_recipes import hub


class Session:
    """An HTTP session; `answers` says whether somebody is there."""

    def __init__(self, answers: bool) -> None:
        self.answers, self.asked = answers, 0

    def head(self, url: str, timeout: float) -> None:
        self.asked += 1
        if not self.answers:
            raise OSError("Name or service not known")


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if nothing had been looked for in this process."""
    for config in (constants, datasets.config):
        monkeypatch.setattr(config, "HF_HUB_OFFLINE", False)
    hub.go_offline_if_unreachable.cache_clear()
    yield
    hub.go_offline_if_unreachable.cache_clear()


@pytest.mark.parametrize("answers", [True, False])
def test_it_is_asked_once_whether_the_hub_is_there(
    answers: bool, online: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session(answers)
    monkeypatch.setattr(huggingface_hub.utils, "get_session", lambda: session)
    for _ in range(2):
        hub.go_offline_if_unreachable()
    assert session.asked == 1
    assert {constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE} == {not answers}
    said = f"{constants.ENDPOINT} cannot be reached (Name or service not known); only what has been downloaded"
    assert capsys.readouterr().out.startswith(said) is not answers


def test_the_libraries_heed_it(online: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.utils, "get_session", lambda: Session(False))
    hub.go_offline_if_unreachable()

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("somebody asked the network")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    with pytest.raises(OSError, match="couldn't connect"):
        AutoConfig.from_pretrained("nobody/nothing")
    with pytest.raises(ConnectionError, match="Couldn't reach"):
        datasets.load_dataset("nobody/nothing")


def test_who_wants_no_network_is_not_asked(online: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    session = Session(False)
    monkeypatch.setattr(huggingface_hub.utils, "get_session", lambda: session)
    hub.go_offline_if_unreachable()
    assert session.asked == 0
