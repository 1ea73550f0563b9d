"""Run as `python3 -m course_utils ...`: a learner's two commands, and those of the authors.

This file parses on every Python since 2.7, so that an old one can say which is needed: hence no annotations
and no f-strings here. Whatever needs a newer one is imported after that check.
"""

import ast
import importlib
import os
import sys
import time

OLDEST = (3, 10)

# Where each command lives, as "module:function". Nothing is imported before it is asked for.
# These functions take the remaining arguments as one list of strings and return an exit code.
COMMANDS = {
    "lab": "course_utils.tools.environment:open_lab",
    "test": "course_utils.tools.environment:run_tests",
    "reset": "course_utils.tools.environment:reset_notebook",
}
# Those from here on need what is installed, so they run in the course's own environment; `export` is a learner's too.
AUTHORS = {
    "sync": "course_utils.tools.sync:main",
    "export": "course_utils.export.command:main",
    "train": "course_utils.tools.train:main",
    "web": "course_utils.web.build:main",
}
NAMED = ("bench", "rebuild")  # each takes a name, which course_utils.experiments knows

USAGE = """Text to Transformer. In its folder, `python3 -m course_utils` (Windows: `py -m course_utils`) takes

  lab                 set up, then open the notebooks in JupyterLab   (--no-browser and the like go to JupyterLab)
  test                set up, then run the tests                      (further arguments go to pytest)
  reset NOTEBOOK      start one notebook afresh, as in `reset 03`; yours is kept beside it
  export FOLDER       write a model so that other programs load it    (`export --help` says which)

  train               train a model of your own sizes, in one process or in several   (see train --help)

With --as-laptop, each runs as on an ordinary laptop: AVX2 only, no units for bfloat16. COURSE_LAPTOP=1 does the same.

For authors:

  web                 make the web edition, a folder of pages with the model in them   (--out, --model)
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


def function_at(address):
    """Import the module of `module:function` and return the function."""
    module, name = address.split(":")
    return getattr(importlib.import_module(module), name)


def table(kind):
    """Return what `bench` or `rebuild` knows: name -> (module:function, what it does)."""
    experiments = importlib.import_module("course_utils.experiments")
    return {"bench": experiments.BENCHES, "rebuild": experiments.REBUILDS}[kind]


def run_named(kind, arguments):
    """Run the benchmark or the rebuilding that the first argument names, and say when it is done or was stopped."""
    name, begin = arguments[0], time.time()
    stopped = function_at(table(kind)[name][0])(*arguments[1:]) is False
    how = "stopped after %.0f s; the same command goes on from there" if stopped else "done after %.0f s"
    print("%s %s: %s" % (kind, name, how % (time.time() - begin)))
    return 1 if stopped else 0


def names_of(kind):
    """Return the names that `bench` or `rebuild` takes, a line each."""
    known = table(kind)
    return "".join("  %-12s %s\n" % (name, known[name][1]) for name in sorted(known))


def help_for(name):
    """Return what a command takes. A module that may need what isn't installed yet is read, not imported."""
    if name in NAMED:
        return "%s takes one of these names:\n%s" % (name, names_of(name))
    if name in COMMANDS:
        return USAGE
    parts = AUTHORS[name].split(":")[0].split(".")[1:]
    with open(os.path.join(os.path.dirname(__file__), *parts) + ".py", encoding="utf-8") as source:
        return ast.get_docstring(ast.parse(source.read())) + "\n"


def misunderstood(name, rest):
    """Return what is wrong with a command, or None; for a missing name, list those there are."""
    if name not in COMMANDS and name not in AUTHORS and name not in NAMED:
        return "no such command: %s\n\n%s" % (name, USAGE)
    if name not in NAMED or asks_for_help(rest) or (rest[:1] and rest[0] in table(name)):
        return None
    problem = "no such %s: %s" % (name, rest[0]) if rest else "%s needs a name" % name
    return "%s. Known names:\n%s" % (problem, names_of(name))


def asks_for_help(arguments):
    """Return whether these arguments ask what a command takes."""
    return "-h" in arguments or "--help" in arguments


def run(arguments):
    """Do one command and return its exit code; 2 means that the command was not understood."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(USAGE)
        return 0 if arguments else 2
    name, rest = arguments[0], arguments[1:]
    problem = misunderstood(name, rest)
    if problem:
        sys.stderr.write(problem)
        return 2
    if asks_for_help(rest):
        sys.stdout.write(help_for(name))
        return 0
    environment = importlib.import_module("course_utils.tools.environment")
    with environment.disk_errors_in_words():
        if name in COMMANDS:
            return function_at(COMMANDS[name])(rest)
        if not environment.is_active():  # these need torch: the same command runs again, in the course's own
            return environment.hand_over(arguments)
    return run_named(name, rest) if name in NAMED else function_at(AUTHORS[name])(rest) or 0


def main(arguments):
    """Check the Python version, then run; what a reader can fix is told in words, without a traceback."""
    if sys.version_info[:2] < OLDEST:
        sys.stderr.write(TOO_OLD % (OLDEST + tuple(sys.version_info[:2])))
        return 1
    importlib.import_module("course_utils.common").print_anything(sys.stdout)
    environment = importlib.import_module("course_utils.tools.environment")
    try:
        return run(environment.as_laptop(arguments))
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
