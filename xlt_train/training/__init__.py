"""From a training set to a run: the Trainer's arguments, the Trainer, and the recipe that ties them."""
