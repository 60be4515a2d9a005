"""The project's name, and the folder that holds its stacks."""

from pathlib import Path

PROJECT = "inferloop"
CHECKOUT = Path(__file__).resolve().parents[2]
