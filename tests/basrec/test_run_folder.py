"""Run folders; test_training.py has keys and reuse."""

import subprocess
import sys
from pathlib import Path

import basrec
from basrec.run_folder import NOT_TRAINING


def test_a_module_that_training_does_not_import_is_no_part_of_the_code_digest() -> None:
    """Or a word changed in a report would have every finished run trained anew."""
    code = "import sys, basrec.training, basrec.generation, basrec.evaluation; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    folder = Path(basrec.__file__).parent
    names = {path: path.relative_to(folder.parent).with_suffix("") for path in folder.rglob("*.py")}
    modules = {path: ".".join(name.parts).removesuffix(".__init__") for path, name in names.items()}
    others = {path.name for path, module in modules.items() if module not in loaded}
    assert others == set(NOT_TRAINING)
