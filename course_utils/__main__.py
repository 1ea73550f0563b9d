"""Run as `python3 -m course_utils ...`: a learner's two commands, and those of the authors.

This file parses on every Python since 2.7, so that an old one can say which is needed: hence no annotations
and no f-strings here. Whatever needs a newer one is imported after that check.
"""

import importlib
import os
import sys

OLDEST = (3, 10)

# Where each command lives, as "module:function". The function takes the remaining arguments, a list of
# strings, and returns an exit code or None. Nothing is imported before it is asked for.
COMMANDS = {
    "lab": "course_utils.environment:open_lab",
    "test": "course_utils.environment:run_tests",
    "reset": "course_utils.environment:reset_notebook",
}
AUTHORS = {"sync": "course_utils.sync:main"}
BENCH = {}
REBUILD = {}

USAGE = """Text to Transformer. In its folder, `python3 -m course_utils` (Windows: `py -m course_utils`) takes

  lab                 set up, then open the notebooks in JupyterLab   (--no-browser, --port N)
  test                set up, then run the tests                      (further arguments go to pytest)
  reset NOTEBOOK      start one notebook afresh, as in `reset 03`; yours is kept beside it

For authors:

  sync                copy definitions into the notebooks and run those that changed
  bench NAME          run a measurement
  rebuild NAME        make a shipped file again
"""

TOO_OLD = """This course needs Python %d.%d or newer, and this is Python %d.%d.

If a newer one is installed, call it by its name:
    python3.12 -m course_utils lab        (Linux, macOS)
    py -3.12 -m course_utils lab          (Windows)
If not, get one:
    Debian, Ubuntu     sudo apt install python3 python3-venv
    macOS, Windows     https://www.python.org/downloads/
Or open the notebooks in Google Colab, which needs no installation: https://colab.research.google.com
"""


def choose(kind, table, arguments):
    """Return the address that a name stands for and what follows it; an unknown one gets a list."""
    if arguments and arguments[0] in table:
        return table[arguments[0]], arguments[1:]
    known = "\n".join("  " + name for name in sorted(table)) or "  (none yet)"
    problem = "no such %s: %s" % (kind, arguments[0]) if arguments else "%s needs a name" % kind
    sys.stderr.write("%s. Known names:\n%s\n" % (problem, known))
    return None, []


def call(address, arguments):
    """Import `module:function` and return the exit code of `function(arguments)`."""
    module, function = address.split(":")
    return getattr(importlib.import_module(module), function)(arguments) or 0


def run(arguments):
    """Do one command and return its exit code; 2 means that the command was not understood."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(USAGE)
        return 0 if arguments else 2
    name, rest = arguments[0], arguments[1:]
    if name in COMMANDS:
        return call(COMMANDS[name], rest)
    if name in AUTHORS:
        address = AUTHORS[name]
    elif name in ("bench", "rebuild"):
        address, rest = choose(name, BENCH if name == "bench" else REBUILD, rest)
    else:
        sys.stderr.write("no such command: %s\n\n%s" % (name, USAGE))
        address = None
    if address is None:
        return 2
    environment = importlib.import_module("course_utils.environment")
    # These need torch: outside an active environment the same command runs again, inside the course's own.
    return call(address, rest) if environment.is_active() else environment.hand_over(arguments)


def main(arguments):
    """Check the Python version, then run; what a reader can mend is told in words, without a traceback."""
    if sys.version_info[:2] < OLDEST:
        sys.stderr.write(TOO_OLD % (OLDEST + tuple(sys.version_info[:2])))
        return 1
    environment = importlib.import_module("course_utils.environment")
    try:
        with environment.ending_with_children():
            return run(arguments)
    except environment.SetupError as problem:
        sys.stderr.write("\n%s\n" % problem)
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. Run the same command again: it takes up from here.\n")
        return 130


if __name__ == "__main__":
    if not __package__:  # started as `python3 course_utils`: the folder above is the one to import from
        sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.exit(main(sys.argv[1:]))
