"""``python -m voicegateway.server.main``: ``voicegw serve``, with its flags."""

from __future__ import annotations

import sys

from .. import cli


def main() -> None:
    """Run the server until it is told to stop."""
    sys.argv[1:1] = ["serve"]
    cli.main()


if __name__ == "__main__":
    main()
