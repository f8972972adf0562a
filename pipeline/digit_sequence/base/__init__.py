"""What every package stands on: errors, names, random words, engines.

Imports nothing of this project.
"""
