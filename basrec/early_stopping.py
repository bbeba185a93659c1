"""When to stop a stage: patience on one validation metric."""

from dataclasses import dataclass

MONITOR = "NDCG@20"


@dataclass
class EarlyStopping:
    """The best validation so far and how many have passed since; saved with a checkpoint."""

    patience: int
    best: float = float("-inf")
    best_epoch: int = 0
    waited: int = 0

    def update(self, value: float, epoch: int) -> bool:
        """Take one validation; True where it is a new best."""
        if value > self.best:
            self.best, self.best_epoch, self.waited = value, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def should_stop(self) -> bool:
        """Whether patience has run out."""
        return self.waited >= self.patience
