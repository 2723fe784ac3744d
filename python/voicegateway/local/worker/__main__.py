"""``python .../worker RUNTIME``: finds the package by its own path, for it is not installed under a name here."""

from __future__ import annotations

import importlib.util
import pathlib
import sys

_FOLDER = pathlib.Path(__file__).resolve().parent
_NAME = "voicegateway_worker"


def _main() -> None:
    # Modules beside this one bear the runtimes' names, and must not be found in their place.
    sys.path[:] = [entry for entry in sys.path if pathlib.Path(entry or ".").resolve() != _FOLDER]
    spec = importlib.util.spec_from_file_location(
        _NAME, _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)]
    )
    assert spec and spec.loader
    package = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = package
    spec.loader.exec_module(package)
    importlib.import_module(f"{_NAME}.serving").serve(sys.argv[1])


if __name__ == "__main__":
    _main()
