"""`python -m xlt_augment` is `xlt-augment`."""

from xlt_augment.cli.main import main

if __name__ == "__main__":
    main()
