"""Shards of a plan become files; whether they are sound; how far a build is.

`run` runs its tasks, `store` has its files.
"""
