"""A text column -> its variants. Pure: no file is read but the frozen Unicode table, none is written."""
