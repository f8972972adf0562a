"""Prints what FiftyOne's importer reads of a COCO export, as JSON: path, characters, boxes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fiftyone.utils.coco import COCODetectionDatasetImporter

if __name__ == "__main__":
    root, split = Path(sys.argv[1]), sys.argv[2]
    labels = str(root / f"annotations/instances_{split}.json")
    importer = COCODetectionDatasetImporter(
        data_path=str(root / split), labels_path=labels, label_types=["detections"]
    )
    found = []
    with importer:
        for path, _, boxes in importer:
            characters = "".join(box.label for box in boxes.detections)
            found.append([path, characters, [box.bounding_box for box in boxes.detections]])
    print(json.dumps(found))
