"""The command `xlt-train`."""
