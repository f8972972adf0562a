"""Which sample stands where: pure arithmetic; the fingerprint of what may change a byte."""
