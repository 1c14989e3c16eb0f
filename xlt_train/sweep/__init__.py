"""Many runs from one file: a grid of settings, the choice by the development set, one table (docs/sweep.md)."""
