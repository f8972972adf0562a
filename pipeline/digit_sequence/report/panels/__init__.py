"""The panels of a report: one file a panel, one line in `report.registry`."""
