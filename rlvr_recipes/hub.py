"""The Hugging Face hub, where it is out of reach."""

import functools
import os
import socket
import time
from urllib.parse import urlsplit
from urllib.request import getproxies

from rlvr_recipes.command import say

WAIT = 1.0  # seconds until it is tried a second time


@functools.cache
def go_offline_if_unreachable() -> None:
    """Has the hub's libraries, here and in child processes, take only what they have cached if nobody answers there.

    Without a network they would try for half a minute, for each file again. Asked once in a process; behind a proxy it
    is left to them.
    """
    from datasets import config
    from huggingface_hub import constants

    place = urlsplit(constants.ENDPOINT)
    if constants.HF_HUB_OFFLINE or config.HF_HUB_OFFLINE or getproxies() or not place.hostname:
        return
    for again in (True, False):
        try:
            port = place.port or (80 if place.scheme == "http" else 443)
            socket.create_connection((place.hostname, port), timeout=10).close()
            return
        except OSError as error:
            if not again:
                say(f"{constants.ENDPOINT} cannot be reached ({error}); only what was downloaded before is looked for")
            else:
                time.sleep(WAIT)
    os.environ["HF_HUB_OFFLINE"] = "1"
    constants.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE = True
