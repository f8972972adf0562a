"""What people write between and around digits, in the line's own pen; labels leave it out."""
