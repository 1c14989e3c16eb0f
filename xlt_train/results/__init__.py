"""Reading what evaluations found, as arrays: one run (judgement), or one method over its seeds (system)."""
