"""The figures, one a file: values in, a `Drawing` out. matplotlib is loaded by the first call, not by an import."""
