"""`python -m modelway`."""

from modelway.cli.main import main

if __name__ == "__main__":
    main()
