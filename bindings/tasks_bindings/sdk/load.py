"""Find an app by the name that a command line gives it: `package.module:variable`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from tasks_bindings.errors import DefinitionError
from tasks_bindings.sdk.app import App


def load_app(target: str) -> App:
    """Import `MODULE:APP`; modules of the present folder are found too.

    Raises:
        DefinitionError: the target has not this form, or there is no such app; says what to change.
    """
    module_name, colon, variable = target.partition(":")
    if not colon or not module_name or not variable:
        raise DefinitionError(f"{target!r} is not of the form MODULE:APP, such as apps.skel:app")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise DefinitionError(
            f"{target!r}: no module {error.name!r} in {here} or installed"
        ) from None
    app = getattr(module, variable, None)
    if not isinstance(app, App):
        raise DefinitionError(f"{target!r}: {module_name} has no App called {variable!r}")
    return app
