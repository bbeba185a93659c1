"""What is fuzzed: for each target what makes an input, and what of the product reads it."""

from fuzz_configs import fuzz_dataset, fuzz_experiment, fuzz_overrides, fuzz_run_file, fuzz_search
from fuzz_folders import (
    PASSPORT,
    PREPARED,
    RUN,
    analyse_run,
    check_manifests,
    damaged,
    evaluate_run,
    follow_nights,
    list_versions,
    load_sweep,
    load_trials,
    load_weights,
    look_for_garbage,
    open_checkpoint,
    prepare_again,
    publish_again,
    publish_other,
    read_published,
    report_runs,
    report_sweep,
    resume,
    tell_owner,
)
from fuzz_raw import fuzz_details, lines_target, raw_target
from fuzz_world import Target

from pipeline.formats import FORMATS

TARGETS: dict[str, tuple[Target, float]] = {
    "run config": (fuzz_run_file, 130),
    "overrides": (fuzz_overrides, 240),
    "experiment": (fuzz_experiment, 110),
    "search": (fuzz_search, 80),
    "dataset": (fuzz_dataset, 20),
    "ingested folder": (damaged("ingested/mine/*", prepare_again), 2),
    "passport and manifest": (damaged("prepared/mine/*.json", *PASSPORT), 1),
    "resume": (damaged("runs/mine/base*/checkpoint.pt", resume), 1),
    "analysis": (damaged("runs/mine/basrec*/*[!t]", analyse_run), 0.3),
    "report": (damaged("runs/mine/*/*[!t]", report_runs), 0.3),
    "sweep": (damaged("sweeps/small/*", load_sweep), 4),
    "sweep report": (damaged("sweeps/small/*", report_sweep), 0.3),
    "search journal": (damaged("searches/small/*", load_trials), 10),
    "nights": (damaged("nights/*", follow_nights, tell_owner), 3),
    "published": (
        damaged("published/mine/**/*.json", read_published, look_for_garbage, list_versions),
        80,
    ),
    "publishing": (damaged("[pr]u*/mine/**/*.json", publish_again, publish_other), 1),
    "clean-up": (damaged("sweeps/small/*.csv", look_for_garbage), 40),
    "prepared folder": (damaged("prepared/mine/*.parquet", *PREPARED), 10),
    "manifests": (damaged("*/mine/**/manifest.json", check_manifests), 100),
    "run folder": (damaged("runs/mine/base*/*[!t]", *RUN), 12),
    "weights": (damaged("runs/mine/base*/model.safetensors", load_weights, evaluate_run), 25),
    "checkpoint": (damaged("runs/mine/base*/checkpoint.pt", open_checkpoint), 70),
    "item metadata": (fuzz_details, 1),
    **{f"raw {name}": (raw_target(name), 1) for name in (*FORMATS, "auto")},
    **{f"lines {name}": (lines_target(name), 10) for name in FORMATS},
}
"""By name: what is called with each input, and how often beside the others."""
