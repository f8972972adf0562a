"""Training jobs on two processes, by real launchers; each writes the keys that a rank saw.

``torchrun ... rank_jobs.py JOB DATASET FOLDER CASES``, where cases are a JSON list of options.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from digit_sequence.learn.streams import NumberDataset, NumberStream, ShardBatchSampler, collate
from digit_sequence.read.dataset import open_dataset

EPOCHS = 3


def make_loader(uri, kind="stream", batch_size=4, num_workers=0, method=None, **options):
    """Return a loader, made before there is a process group."""
    train = open_dataset(uri)["train"]
    workers = {"num_workers": num_workers, "collate_fn": collate}
    if num_workers:
        workers["multiprocessing_context"] = method or "fork"
        workers["persistent_workers"] = options.pop("persists", False)
    if kind == "stream":
        return DataLoader(NumberStream(train, seed=1, **options), batch_size, **workers)
    sampler = ShardBatchSampler(train, batch_size, seed=1, **options)
    return DataLoader(NumberDataset(train), batch_sampler=sampler, **workers)


def go_through(loader):
    """Return the keys of the batches of each epoch, and how many the loader said there are."""
    found = [[batch.keys for batch in loader] for _ in range(EPOCHS)]
    return {"epochs": found, "length": len(loader)}


def run_torchrun(uri, cases):
    """Begin the process group after the loaders were made."""
    loaders = [make_loader(uri, **options) for options in cases]
    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    found = [go_through(loader) for loader in loaders]
    torch.distributed.destroy_process_group()
    return rank, found


def run_environment(uri, cases):
    """Have no process group, only what torchrun sets."""
    rank = int(os.environ["RANK"])
    return rank, [go_through(make_loader(uri, **options)) for options in cases]


def run_accelerate(uri, cases):
    """Let Accelerate prepare the loaders, or leave them as they are."""
    from accelerate import Accelerator
    from accelerate.utils import DataLoaderConfiguration

    found = []
    for options in cases:
        dispatch, prepares = options.pop("dispatch", None), options.pop("prepares", True)
        split = options.pop("split", False)
        loader = make_loader(uri, **options)
        configuration = DataLoaderConfiguration(dispatch_batches=dispatch, split_batches=split)
        accelerator = Accelerator(cpu=True, dataloader_config=configuration)
        found.append(read_labels(accelerator.prepare(loader) if prepares else loader))
    accelerator.end_training()
    return accelerator.process_index, found


def read_labels(loader):
    """Return keys, and the number and boxes of each."""
    epochs, numbers, boxes = [], {}, {}
    for _ in range(EPOCHS):
        epochs.append([])
        for batch in loader:
            epochs[-1].append(batch.keys)
            numbers |= dict(zip(batch.keys, batch.numbers, strict=True))
            assert len(batch.targets) == sum(map(len, batch.numbers))
            for key, target in zip(batch.keys, batch.boxes, strict=bool(batch.boxes)):
                boxes[key] = target["boxes"].tolist()
    return {"epochs": epochs, "numbers": numbers, "boxes": boxes, "length": len(loader)}


def run_lightning(uri, cases):
    """Let Lightning begin the process group in fit."""
    import lightning

    class Model(lightning.LightningModule):
        """Remembers the keys of each epoch."""

        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)
            self.found = []

        def on_train_epoch_start(self):
            self.found.append([])

        def training_step(self, batch, _index):
            self.found[-1].append(batch.keys)
            return self.layer(batch.images.mean()[None]).sum()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    found = []
    for options in cases:
        loader = make_loader(uri, **options)
        model = Model()
        trainer = lightning.Trainer(
            max_epochs=EPOCHS,
            accelerator="cpu",
            devices=2,
            strategy="ddp",
            use_distributed_sampler=False,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(model, loader)
        found.append({"epochs": model.found, "length": len(loader)})
    return trainer.global_rank, found


def main():
    """Run one job on this rank."""
    warnings.simplefilter("ignore")
    job, uri, folder, cases = sys.argv[1:]
    rank, found = globals()[f"run_{job}"](uri, json.loads(cases))
    Path(folder, f"rank-{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
