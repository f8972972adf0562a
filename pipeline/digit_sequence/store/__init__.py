"""Files of a dataset: local or in an object store; containers, label files, plan and manifest."""
