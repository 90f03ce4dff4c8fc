"""The `dpt` command: finds the verb, runs it, and says in one line what a user can do about an error.

Exit codes: 0 done; 1 the machine failed (disk full), training broke down, or the verb's own answer is no; 2 the user
can repair it; 75 another worker of a training was lost, start all of them again; 130 or 143 stopped by a signal.
"""

import argparse
import errno
import importlib
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from dpt_tf.system.errors import Interrupted, TrainingError, UserError, WorkerLost, one_line

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h

VERBS = {
    "demo": "from nothing to people painted in new poses: data, training, scores and a sheet of pictures",
    "prepare": "photos with their IUV files -> a prepared data set to train on",
    "build": "DeepFashion or MVC -> a prepared data set to train on",
    "train": "a prepared data set -> a run; train.py in the checkout is the same",
    "inspect": "what is this file? form, order, parts, people, faults",
    "pose": "photos or a video -> DensePose maps, to paint from, to paint in, to train on",
    "transfer": "paint the person of a photo in other poses",
    "paint": "tens of thousands of pairs -> pictures, on many workers",
    "animate": "paint the person of a photo moving as in a video: mp4, gif or webp",
    "person": "photos of a person -> a file to paint from without them",
    "dress": "a person in clothes of another: top, bottom, shoes, hair, or what a mask covers",
    "evaluate": "score a run on the held-out pairs of a prepared data set; or pictures, or maps",
    "study": "a page that asks people about real and generated pictures, and the table of their answers",
    "experiment": "a table of the paper: every row trained and scored the same way",
    "export": "a run -> a SavedModel with signatures, for TensorFlow Serving or any TensorFlow",
    "ship": "a run -> a small folder with weights and a card, as the models that come with dpt_tf are",
}


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Runs `dpt VERB FLAGS` and exits with its code."""
    sys.exit(guarded(lambda: dispatch(sys.argv[1:] if argv is None else argv)))


def dispatch(argv: Sequence[str]) -> int:
    """Imports the module of the verb, which alone knows its flags, and runs it."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_listing())
        return 0 if argv else 2
    verb, *rest = argv
    if verb not in VERBS:
        raise UserError(f"dpt: no such verb: {verb}; have {', '.join(VERBS)}")
    module = importlib.import_module(f"dpt_tf.commands.{verb}")
    if hasattr(module, "main"):  # it reads its flags itself
        _refuse_empty(verb, rest)
        return module.main(rest)
    parser = _Parser(prog=f"dpt {verb}", description=VERBS[verb], allow_abbrev=False)
    module.add_flags(parser)
    args = parser.parse_args(rest)
    _refuse_empty(verb, rest)
    return module.run(args)


def _refuse_empty(verb: str, argv: Sequence[str]) -> None:
    """Refuses `--flag=` and `--flag ""`: a variable of the shell that is not set. Hyper-parameters may be none."""
    for before, word in zip(("", *argv), argv, strict=False):
        flag, equals, value = word.partition("=")
        if not flag.startswith("-"):
            flag, equals, value = before if before.startswith("-") and "=" not in before else "", "=", word
        if equals and not value.strip() and flag != "--hparams":
            raise UserError(f"dpt {verb}: {flag or 'a name'} is empty; give it a value, or leave it out")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line rather than after a page of usage."""

    def error(self, message: str) -> NoReturn:
        """Raises what `guarded` prints, of a word of pages its beginning."""
        message = re.sub(r"\S{200,}", lambda word: f"{word[0][:40]}...", message)
        raise UserError(f"{self.prog}: {message}; {self.prog} --help lists the flags")


def _listing() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  dpt {verb:{width}}  {text}" for verb, text in VERBS.items())
    return f"Dense pose transfer: a person in a new pose from one photo.\n\n{verbs}\n\ndpt VERB --help lists the flags."


def guarded(run: Callable[[], int]) -> int:
    """The exit code of `run()`; errors that are not ours become one line on stderr. Ours keep their traceback."""
    try:
        _spell_out()
        code = run()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except UserError as error:
        return _say("\n".join(one_line(str(line)) for line in error.args), 2)
    except WorkerLost as error:
        _leave(_say(one_line(str(error)), TRY_AGAIN))
    except TrainingError as error:
        return _say(one_line(str(error)), 1)
    except Interrupted as stopped:
        return 128 + stopped.signum
    except BrokenPipeError:
        # Whoever read our output has left; without this the interpreter complains again on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            place = one_line(str(error.filename or "writing"))
            return _say(f"{place}: the disk is full; make room and run the same command again", 1)
        if error.filename is None:
            raise
        return _say(one_line(f"{error.filename}: {error.strerror}"), 2)
    except RuntimeError as error:
        if "Symlink loop" not in str(error):  # pathlib's, of a link that leads to itself
            raise
        return _say(one_line(f"{error}; give the path of a file or a folder"), 2)
    except UnicodeEncodeError as error:
        if not any("\udc80" <= letter <= "\udcff" for letter in str(error.object)):
            raise
        return _say(f"{one_line(str(error.object))}: not UTF-8, which TensorFlow wants of names; rename it", 2)
    except ValueError as error:
        if not _users_value(error):
            raise
        return _say(one_line(str(error)), 2)
    except Exception as error:
        if type(error).__name__ != "DataLossError":  # TensorFlow's, which may not be imported
            raise
        reason = str(error).strip().partition("\n")[0]
        return _say(one_line(f"a file that was read is damaged ({reason}): copy it anew, or write it again"), 2)


def _spell_out() -> None:
    """A letter that stdout's encoding has not (a file's name in a Windows pipe) is spelt out, as stderr does it."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _leave(code: int) -> NoReturn:
    """Ends at once: TensorFlow, on its way out, would wait for the lost worker and then complain."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _say(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code


def _users_value(error: ValueError) -> bool:
    """Whether a user gave the value: a file that is no IUV map, or a hyper-parameter."""
    if type(error).__name__ == "NotIUV":
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") == "dpt_tf.config"
