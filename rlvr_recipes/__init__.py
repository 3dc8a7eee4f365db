"""RLVR on your own GPU: one readable recipe file becomes a GRPO run with verifiable rewards, on TRL.

Importing this package, and so a recipe, loads neither torch nor TRL.
"""

import os
import sys

if sys.argv[:1] == ["-m"] and sys.path[:1] == [os.getcwd()]:
    # `python -m` searches the current folder first, where a recipe called math.py or code.py would hide Python's own.
    _here = sys.path.pop(0)
    sys.path.insert(next((n for n, path in enumerate(sys.path) if "site-packages" in path), len(sys.path)), _here)

from rlvr_recipes import gsm8k, prompts
from rlvr_recipes.recipe import Case, Recipe, UserError, load_recipe

# No run of ours reports home; huggingface_hub reads this when it is first imported.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
__all__ = ["Case", "Recipe", "UserError", "gsm8k", "load_recipe", "prompts"]
