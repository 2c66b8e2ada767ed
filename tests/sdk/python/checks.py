"""Runs functions as checks: each by itself, all of them, and says how many passed."""

import asyncio
import inspect
import sys
import traceback


def run(checks):
    """Runs every check, says what became of it, and exits with 1 if one failed."""
    failed = 0
    for check in checks:
        name = check.__name__.replace("_", " ")
        try:
            result = check()
            if inspect.isawaitable(result):
                asyncio.run(result)
            print(f"ok      {name}")
        except Exception:
            failed += 1
            print(f"FAILED  {name}")
            traceback.print_exc(file=sys.stdout)
    print(f"{len(checks) - failed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not checks else 0)


def equal(found, wanted):
    """Like assert, but shows both."""
    if found != wanted:
        raise AssertionError(f"found {found!r}, wanted {wanted!r}")
