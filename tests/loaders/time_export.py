"""Prints images a second of a peer that reads an export, on the clock and by processor time.

``time_export.py KIND FOLDER SPLIT WORKERS REPEATS``; shuffled batches of 64 by its own loader,
as float32 in 0 to 1 like ours.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from read_export import declare_operators

BATCH = 64


def collate(samples: list[dict[str, Any]]) -> tuple[torch.Tensor, list[str]]:
    """Return images (B, 1, H, W), and numbers."""
    images = torch.from_numpy(np.stack([np.asarray(sample["image"]) for sample in samples]))
    return images.unsqueeze(1).float().div_(255), [sample["text"] for sample in samples]


def open_mds(folder: str, workers: int) -> Any:
    """Open with mosaicml-streaming."""
    from streaming import StreamingDataLoader, StreamingDataset

    dataset = StreamingDataset(local=folder, shuffle=True, batch_size=BATCH)
    return StreamingDataLoader(dataset, BATCH, num_workers=workers, collate_fn=collate)


def open_litdata(folder: str, workers: int) -> Any:
    """Open with litData."""
    from litdata import StreamingDataLoader, StreamingDataset

    dataset = StreamingDataset(folder, shuffle=True)
    return StreamingDataLoader(
        dataset, batch_size=BATCH, num_workers=workers, collate_fn=collate, shuffle=True
    )


if __name__ == "__main__":
    kind, folder, split, workers, repeats = sys.argv[1:]
    declare_operators()
    torch.set_num_threads(1)
    loader = {"mds": open_mds, "litdata": open_litdata}[kind](
        str(Path(folder, split)), int(workers)
    )
    rates = []
    for _ in range(int(repeats)):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        count = sum(len(numbers) for _, numbers in loader)
        seconds = time.perf_counter() - begin, time.process_time() - begin_cpu
        rates.append([count / it for it in seconds])
    print(*np.max(rates, axis=0))
