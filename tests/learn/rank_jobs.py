"""Training jobs on two processes, by real launchers; each writes the keys that a rank saw.

``torchrun ... rank_jobs.py JOB DATASET FOLDER OPTIONS``, where options are JSON.
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


def run_torchrun(uri, options):
    """Begin the process group after the loader was made."""
    loader = make_loader(uri, **options)
    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    found = [[batch.keys for batch in loader] for _ in range(EPOCHS)]
    torch.distributed.destroy_process_group()
    return rank, {"epochs": found, "length": len(loader)}


def run_environment(uri, options):
    """Have no process group, only what torchrun sets."""
    loader = make_loader(uri, **options)
    return int(os.environ["RANK"]), {
        "epochs": [[batch.keys for batch in loader] for _ in range(EPOCHS)],
        "length": len(loader),
    }


def run_accelerate(uri, options):
    """Let Accelerate prepare the loader, or leave it as it is."""
    from accelerate import Accelerator
    from accelerate.utils import DataLoaderConfiguration

    dispatch, prepares = options.pop("dispatch", None), options.pop("prepares", True)
    loader = make_loader(uri, **options)
    configuration = DataLoaderConfiguration(dispatch_batches=dispatch)
    accelerator = Accelerator(cpu=True, dataloader_config=configuration)
    if prepares:
        loader = accelerator.prepare(loader)
    epochs, numbers, boxes = [], {}, {}
    for _ in range(EPOCHS):
        epochs.append([])
        for batch in loader:
            epochs[-1].append(batch.keys)
            numbers |= dict(zip(batch.keys, batch.numbers, strict=True))
            assert len(batch.targets) == sum(map(len, batch.numbers))
            for key, target in zip(batch.keys, batch.boxes, strict=bool(options.get("boxes"))):
                boxes[key] = target["boxes"].tolist()
    found = {"epochs": epochs, "numbers": numbers, "boxes": boxes, "length": len(loader)}
    return accelerator.process_index, found


def run_lightning(uri, options):
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
    return trainer.global_rank, {"epochs": model.found, "length": len(loader)}


def main():
    """Run one job on this rank."""
    warnings.simplefilter("ignore")
    job, uri, folder, options = sys.argv[1:]
    rank, found = globals()[f"run_{job}"](uri, json.loads(options))
    Path(folder, f"rank-{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
