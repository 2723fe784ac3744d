"""The console script ``voicegw``: hands over to the command line in the native module."""

from __future__ import annotations

import os
import signal
import sys

from . import _native


def main() -> None:
    """Run ``voicegw`` with the process's arguments and environment, and exit with its code."""
    # Python's own handler would only set a flag that nobody reads while native code runs.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    environment = {"VOICEGW_PYTHON": sys.executable, **os.environ}
    sys.exit(_native.run_cli(["voicegw", *sys.argv[1:]], environment))


if __name__ == "__main__":
    main()
