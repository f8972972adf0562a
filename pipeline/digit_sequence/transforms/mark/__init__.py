"""Marks that are not labelled: what people write between and around digits, in the line's own pen."""
