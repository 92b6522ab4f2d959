"""A metric that is no error in percent: a tiny transformer learns Python's documentation, letter by letter.

    cd examples
    sweep run --trainer language_model:train --model pre_norm --model post_norm \
        --epochs 8 --lr 2e-2 --wd 0.1 --n 16
    sweep compare
    sweep cdf --out edf.pdf

Two models are known here: what leaves a layer is normalised, as in the first transformer (``post_norm``), or
what enters attention and network (``pre_norm``); any other name is the first. ``--model-args width=8``
changes their width, ``layers=4`` their depth.

The text is that of ``help("topics")``, which comes with Python. A trial takes some seconds on one core. What
is reported is the loss on held-out text, in nats a letter: 4.6 if every letter were as likely, 3.1 for a
model that only counts letters.
"""

import functools
import math
from pydoc_data.topics import topics

import torch
from torch import nn

METRIC = {"name": "val_loss", "unit": "nats", "low": 0}
"""What `train` yields. Nothing bounds a loss from above: a diverged trial is worse than every loss."""
CONTEXT, HEADS = 32, 2
BATCH, STEPS = 32, 40  # windows in a minibatch, minibatches in an epoch
LETTERS = [chr(code) for code in (10, *range(32, 127))]


@functools.cache  # a worker reads the text once, for all its trials
def data():
    """Return the letters for training, then those that are held out, for a search and to be reported."""
    text = "".join(topics[name] for name in sorted(topics))[:200_000]
    codes = torch.tensor([LETTERS.index(letter) if letter in LETTERS else 1 for letter in text])
    end = len(codes)
    return codes[: -end // 5], codes[-end // 5 : -end // 10], codes[-end // 10 :]


class Transformer(nn.Module):
    """Predicts each next letter from the ones before."""

    def __init__(self, width, layers, norm_first):
        super().__init__()
        self.letters = nn.Embedding(len(LETTERS), width)
        self.places = nn.Embedding(CONTEXT, width)
        layer = nn.TransformerEncoderLayer(
            width, HEADS, 4 * width, dropout=0.0, batch_first=True, norm_first=norm_first
        )
        last = nn.LayerNorm(width) if norm_first else None  # what leaves the last layer is not normalised
        self.blocks = nn.TransformerEncoder(layer, layers, last, enable_nested_tensor=False)
        self.head = nn.Linear(width, len(LETTERS))

    def forward(self, windows):
        """Return the scores of each next letter, shape (windows, CONTEXT, letters)."""
        hidden = self.letters(windows) + self.places.weight
        past = nn.Transformer.generate_square_subsequent_mask(CONTEXT, device=windows.device)
        return self.head(self.blocks(hidden, mask=past, is_causal=True))


def train(config):
    """Train in minibatches; after every epoch, yield the loss on held-out text, in nats a letter."""
    text, minival, val = (part.to(config.device) for part in data())
    held_out = minival if config.split == "minival" else val
    torch.manual_seed(config.seed)  # the only source of randomness
    width, layers = config.model_args.get("width", 32), config.model_args.get("layers", 2)
    model = Transformer(width, layers, config.model == "pre_norm").to(config.device)
    optimizer = torch.optim.AdamW(model.parameters(), config.lr, weight_decay=config.weight_decay)
    total = STEPS * config.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share(step / total))
    for _ in range(config.epochs):
        for _ in range(STEPS):
            loss = _loss(model, text, torch.randint(len(text) - CONTEXT, (BATCH,)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            yield _loss(model, held_out, torch.arange(0, len(held_out) - CONTEXT, 4 * CONTEXT)).item()


def _share(progress):
    """Return the share of the peak learning rate: it rises over a tenth of the training, then falls."""
    return max(progress, 0.01) / 0.1 if progress < 0.1 else 0.5 * (1 + math.cos(math.pi * progress))


def _loss(model, text, starts):
    windows = torch.stack([text[start : start + CONTEXT + 1] for start in starts.tolist()])
    scores = model(windows[:, :-1])
    return nn.functional.cross_entropy(scores.flatten(0, 1), windows[:, 1:].flatten())
