"""Run the command line as ``python -m digit_sequence``."""

from digit_sequence.cli.main import main

if __name__ == "__main__":
    main()
