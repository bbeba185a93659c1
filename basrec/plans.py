"""What a stage goes through and minimises, as its augmenter and its encoder ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basrec.model import Recommender
from basrec.rivals import Contest
from basrec.split import examples_of, prefixes_of
from basrec.stages import Plan, Work
from basrec.watching import watch_of

if TYPE_CHECKING:
    from basrec.augmentation.augmenter import Augmenter


def plan_of(augmenter: Augmenter, work: Work, model: Recommender) -> Plan:
    """Plan a stage: its examples, aiming positions, what is minimised and what is watched."""
    examples = augmenter.examples(work.prepared, examples_of(work.prepared, "train"))
    causal = model.backbone.causal
    contest = Contest.of(work.config.train, work.prepared, work.sampler)
    objective = augmenter.objective(work.prepared, contest)
    examples = examples if causal else prefixes_of(examples)
    watch = watch_of(augmenter, work.config, work.prepared, examples, work.sampler, causal)
    return Plan(examples, augmenter.aim(causal), objective, watch)
