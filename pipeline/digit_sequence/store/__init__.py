"""Files of a dataset: local or in an object store; label files, plan and manifest."""
