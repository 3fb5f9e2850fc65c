"""`python -m kongflow` is `kongflow`."""

from kongflow.cli.main import main

if __name__ == "__main__":
    main()
