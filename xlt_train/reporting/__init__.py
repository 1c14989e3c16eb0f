"""Tables, figures and one page, as pure functions of values: nothing here reads a run."""
