"""Pictures for people: contact sheets."""
