"""The Hugging Face hub, where it is out of reach."""

import functools

from rlvr_recipes.command import say


@functools.cache
def go_offline_if_unreachable() -> None:
    """Has the hub's libraries take only what they have cached if the hub cannot be reached.

    Without a network they would try for half a minute, for each file again. Asked once in a process.
    """
    from datasets import config
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.HF_HUB_OFFLINE:
        return
    try:
        get_session().head(constants.ENDPOINT, timeout=10)
    except Exception as error:  # of whichever HTTP library it uses
        say(f"{constants.ENDPOINT} cannot be reached ({error}); only what has been downloaded before is looked for")
        constants.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE = True
