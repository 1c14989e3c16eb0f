"""What goes in: training sets opened and checked, the rows of an epoch, development and test files."""
