"""``python -m tools.comparison``: what ``tools/compare`` runs, in an environment that is there already."""

import sys

from tools.comparison.main import main

if __name__ == "__main__":
    sys.exit(main())
