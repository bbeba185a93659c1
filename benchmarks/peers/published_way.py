"""BASRec with SASRec in the manner of the published code: the baseline of benchmarks/training.py.

One sample at a time in Python, everything padded to 50 slots, an encoder call for the originals and
one for each edited copy, explicit masked attention, layer norm and GELU from elementary operations,
dense Adam, and rankings by sorting rows of scores on the host. It follows the preset `reference`;
its operators, negatives and similarities are loops over lists. It shares no code with the project.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

SLOTS, SIZE, HEADS, LAYERS, BATCH = 50, 64, 2, 2, 256


@dataclass
class Settings:
    """What the published runs set for Beauty."""

    pairs: int = 2
    mixes: int = 3
    alpha: float = 0.4
    low: float = 0.2
    high: float = 0.71
    dropout: float = 0.1


def similar_items(sequences: list[list[int]]) -> dict[int, int]:
    """Give each item's most similar one: counts in dictionaries, one pair at a time."""
    together: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    users: dict[int, int] = defaultdict(int)
    for sequence in sequences:
        distinct = set(sequence[:-3])
        for item in distinct:
            users[item] += 1
            for other in distinct:
                if item != other:
                    together[item][other] += 1 / np.log(1 + len(distinct))
    best = {}
    for item, others in together.items():
        scored = {
            other: count / np.sqrt(users[item] * users[other]) for other, count in others.items()
        }
        best[item] = sorted(scored.items(), key=lambda pair: -pair[1])[0][0]
    return best


class Samples(Dataset[tuple[Tensor, ...]]):
    """Training samples, made one by one."""

    def __init__(
        self,
        sequences: list[list[int]],
        num_items: int,
        similar: dict[int, int],
        settings: Settings,
        augmented: bool,
    ) -> None:
        self.sequences, self.num_items, self.similar = sequences, num_items, similar
        self.settings, self.augmented = settings, augmented

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitem__(self, number: int) -> tuple[Tensor, ...]:
        sequence = self.sequences[number]
        inputs, targets, seen = sequence[:-3], sequence[1:-2], set(sequence)
        negatives = []
        for _ in targets:
            item = random.randint(1, self.num_items + 1)
            while item in seen:
                item = random.randint(1, self.num_items + 1)
            negatives.append(item)
        sample = [_pad(inputs), _pad(targets), _pad(negatives)]
        for _ in range(2 * self.settings.pairs if self.augmented else 0):
            rate = random.uniform(self.settings.low, self.settings.high)
            sample += [_pad(self.edit(inputs, rate)), torch.tensor(rate)]
        return tuple(sample)

    def edit(self, items: list[int], rate: float) -> list[int]:
        """Reorder a run of items, or substitute some by their most similar ones."""
        edited, count = list(items), int(rate * len(items))
        if random.random() < 0.5:
            start = random.randint(0, len(items) - count)
            run = edited[start : start + count]
            random.shuffle(run)
            edited[start : start + count] = run
        else:
            for place in random.sample(range(len(items)), max(count, 1)):
                other = self.similar.get(edited[place])
                edited[place] = other or random.randint(1, self.num_items)
        return edited


def _pad(items: list[int]) -> Tensor:
    items = items[-SLOTS:]
    return torch.tensor([0] * (SLOTS - len(items)) + items, dtype=torch.long)


class LayerNorm(nn.Module):
    """Layer norm from elementary operations, as the published family of code has it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(SIZE)), nn.Parameter(torch.zeros(SIZE))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension, epsilon inside the root."""
        centred = x - x.mean(-1, keepdim=True)
        spread = centred.pow(2).mean(-1, keepdim=True)
        return self.weight * (centred / torch.sqrt(spread + 1e-12)) + self.bias


def gelu(x: Tensor) -> Tensor:
    """GELU from elementary operations, for the same reason."""
    return 0.5 * x * (1.0 + torch.erf(x / np.sqrt(2.0)))


class Layer(nn.Module):
    """Attention and feed-forward with explicit products."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(SIZE, SIZE) for _ in range(3))
        self.dense, self.norm = nn.Linear(SIZE, SIZE), LayerNorm()
        self.expand, self.contract = nn.Linear(SIZE, 4 * SIZE), nn.Linear(4 * SIZE, SIZE)
        self.last_norm, self.drop = LayerNorm(), nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Transform (B, 50, D) under an additive mask."""
        query, key, value = (
            part(x).view(len(x), SLOTS, HEADS, -1).permute(0, 2, 1, 3)
            for part in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(-1, -2) / np.sqrt(SIZE // HEADS) + mask
        context = self.drop(scores.softmax(-1)) @ value
        context = context.permute(0, 2, 1, 3).reshape(len(x), SLOTS, SIZE)
        x = self.norm(self.drop(self.dense(context)) + x)
        return self.last_norm(self.drop(self.contract(gelu(self.expand(x)))) + x)


class Model(nn.Module):
    """SASRec over padded sequences."""

    def __init__(self, num_items: int, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.items = nn.Embedding(num_items + 2, SIZE, padding_idx=0)
        self.positions = nn.Embedding(SLOTS, SIZE)
        self.norm, self.drop = LayerNorm(), nn.Dropout(settings.dropout)
        self.layers = nn.ModuleList(Layer(settings.dropout) for _ in range(LAYERS))
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                module.weight.data.normal_(0.0, 0.02)
            if isinstance(module, nn.Linear):
                module.bias.data.zero_()
        self.items.weight.data[0] = 0.0

    def encode(self, vectors: Tensor, items: Tensor) -> Tensor:
        """Encode (B, 50, D) vectors; `items` says which slots are padding."""
        x = self.drop(self.norm(vectors + self.positions(torch.arange(SLOTS))))
        causal = torch.tril(torch.ones(SLOTS, SLOTS))
        mask = (items > 0).float().unsqueeze(1) * causal.unsqueeze(0)
        mask = ((1.0 - mask) * -10_000.0).unsqueeze(1)
        for layer in self.layers:
            x = layer(x, mask)
        return x

    def loss(self, sample: list[Tensor]) -> Tensor:
        """Give the loss of stage 1, or of stage 2 where the sample has edited copies."""
        items, targets, negatives = sample[:3]
        up, down = self.items(targets), self.items(negatives)
        real = (targets > 0).view(-1).float()
        original = self.items(items)
        outputs = self.encode(original, items)
        total = _cross_entropy(outputs, up, down, real)
        copies = list(zip(sample[3::2], sample[4::2], strict=True))
        for edited, rate in copies:
            mix = torch.from_numpy(np.random.beta(*[self.settings.alpha] * 2, len(items))).float()
            weight = 1.0 / (rate * mix.clamp(min=1e-30))
            weight = (weight - weight.min()) / (weight.max() - weight.min())
            part = mix.view(-1, 1, 1)
            mixed = part * original + (1 - part) * self.items(edited)
            total = total + _cross_entropy(self.encode(mixed, items), up, down, real, weight)
        for kind in range(2 * self.settings.mixes if copies else 0):
            order = torch.randperm(len(items))
            shape = (len(items), SLOTS, 1) if kind < self.settings.mixes else (len(items), 1, SIZE)
            part = torch.from_numpy(np.random.beta(*[self.settings.alpha] * 2, shape)).float()
            triple = [part * x + (1 - part) * x[order] for x in (outputs, up, down)]
            total = total + _cross_entropy(*triple, real)
        return total


def _cross_entropy(
    outputs: Tensor, up: Tensor, down: Tensor, real: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Average over real positions; a weight meets the losses by broadcasting, as published."""
    h, up, down = (part.reshape(-1, SIZE) for part in (outputs, up, down))
    high, low = torch.sigmoid((h * up).sum(-1)), torch.sigmoid((h * down).sum(-1))
    losses = -torch.log(high + 1e-24) - torch.log(1 - low + 1e-24)
    if weight is not None:
        losses = (weight.unsqueeze(1) * losses).sum(0)
    return (losses * real).sum() / real.sum()


def batches(samples: Samples) -> Iterator[list[Tensor]]:
    """Go through the samples in a random order."""
    yield from DataLoader(samples, batch_size=BATCH, shuffle=True)


def step(model: Model, adam: torch.optim.Optimizer, sample: list[Tensor]) -> None:
    """Take one training step."""
    loss = model.loss(sample)
    adam.zero_grad()
    loss.backward()
    adam.step()
    loss.item()


def new_adam(model: Model) -> torch.optim.Adam:
    """Make the optimiser that the published code has."""
    return torch.optim.Adam(model.parameters(), lr=1e-3)


@torch.no_grad()
def evaluate(model: Model, sequences: list[list[int]], held_out: int) -> dict[str, float]:
    """Rank every user's `held_out`-th last item by sorting: 1 is the test, 2 the validation."""
    model.eval()
    hits: dict[int, list[float]] = {10: [], 20: []}
    gains: dict[int, list[float]] = {10: [], 20: []}
    width = model.items.weight.shape[0]
    for begin in range(0, len(sequences), BATCH):
        rows = [sequence[:-held_out] for sequence in sequences[begin : begin + BATCH]]
        targets = [sequence[-held_out] for sequence in sequences[begin : begin + BATCH]]
        items = torch.stack([_pad(row) for row in rows])
        scores = (model.encode(model.items(items), items)[:, -1] @ model.items.weight.T).numpy()
        pairs = [(number, item) for number, row in enumerate(rows) for item in row]
        seen = csr_matrix((np.ones(len(pairs)), np.array(pairs).T), shape=(len(rows), width))
        scores[seen.toarray() > 0] = 0.0
        order = np.argsort(-scores, axis=1)[:, :20]
        for target, row in zip(targets, order, strict=True):
            found = list(row).index(target) if target in row else None
            for cut in hits:
                hit = found is not None and found < cut
                hits[cut].append(float(hit))
                gains[cut].append(1 / np.log2(found + 2) if hit and found is not None else 0.0)
    model.train()
    told = {f"HR@{cut}": float(np.mean(values)) for cut, values in hits.items()}
    return told | {f"NDCG@{cut}": float(np.mean(values)) for cut, values in gains.items()}
