"""`python -m xlt_train`, which is also what torchrun and accelerate launch."""

from xlt_train.cli.main import main

main()
