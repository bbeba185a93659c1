"""Memory grows as the plan in docs/performance.md says, not faster."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import json, sys
from pathlib import Path
import torch
from catalogue import make_folder, plan
from children import peak_mb
from trainer import Trainer, published
from basrec.prepared import read_prepared
items, users = int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(1)
folder = Path(sys.argv[1])
if not folder.exists():
    make_folder(folder, items, users)
    sys.exit()
prepared = read_prepared(folder)
trainer = Trainer(prepared, published("base", "kernels=plain"))
batches = trainer.batches()
for _ in range(3):
    trainer.step(next(batches))
print(json.dumps([sum(plan(prepared).values()), peak_mb()]))
"""


def measure(folder: Path, items: int, users: int) -> tuple[float, float]:
    """Give the planned and the peak memory in MiB; made and measured in processes of their own."""
    command = [sys.executable, "-c", SCRIPT, str(folder), str(items), str(users)]
    path = f"{ROOT}:{ROOT / 'benchmarks'}"
    for _ in range(2):
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env={"PYTHONPATH": path}
        )
    planned, peak = json.loads(done.stdout)
    return planned, peak


def test_peak_memory_grows_with_the_plan(tmp_path: Path) -> None:
    small = measure(tmp_path / "small", 2_000, 20_000)
    large = measure(tmp_path / "large", 100_000, 500_000)
    planned, grown = large[0] - small[0], large[1] - small[1]
    assert planned > 150
    assert grown < 1.6 * planned, (small, large)
