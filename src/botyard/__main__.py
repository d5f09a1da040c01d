"""`python -m botyard` is the `botyard` command."""

from botyard.cli import main

if __name__ == "__main__":
    main()
