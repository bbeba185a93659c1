"""Where a run's folders are, below the data folder."""

from dataclasses import dataclass
from pathlib import Path

from flows.config import RunConfig


@dataclass(frozen=True)
class Folders:
    """The folders of one dataset name."""

    data: Path
    name: str

    @property
    def raw(self) -> Path:
        """Where the raw dump lies when no other is named."""
        return self.data / "raw" / self.name

    @property
    def ingested(self) -> Path:
        """The ingest stage's folder."""
        return self.data / "ingested" / self.name

    @property
    def prepared(self) -> Path:
        """The prepared folder."""
        return self.data / "prepared" / self.name

    def generated(self, config: RunConfig, method: str) -> Path:
        """Give the folder of what a method generates before training."""
        return self.data / "generated" / self.name / self.run(config, method).name

    @property
    def runs(self) -> Path:
        """Where all runs of this dataset are."""
        return self.data / "runs" / self.name

    @property
    def published(self) -> Path:
        """Where the published versions of this dataset are."""
        return self.data / "published" / self.name

    @property
    def report(self) -> Path:
        """The page that compares the runs."""
        return self.runs / "report.html"

    def run(self, config: RunConfig, method: str) -> Path:
        """Give the folder of one run."""
        training = config.training
        parts = [method, training.model.backbone, training.preset, f"seed{training.seed}"]
        return self.runs / "-".join(parts)
