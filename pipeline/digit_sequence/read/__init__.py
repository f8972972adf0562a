"""Reading a dataset back: any sample by ordinal or key. Imports `base`, `codec`, `store` alone."""
