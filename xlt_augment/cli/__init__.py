"""The command `xlt-augment`: parse, call the library, print. Results go to standard output, the rest to standard error."""
