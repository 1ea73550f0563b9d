"""Code that doesn't end, in many forms: what a time limit has to get out of."""

from collections.abc import Callable, Iterator


def plain():
    while True:
        pass


def catches_everything():
    while True:
        try:
            while True:
                pass
        except:  # noqa: E722
            pass


def catches_twice():
    while True:
        try:
            try:
                while True:
                    pass
            except:  # noqa: E722
                pass
            while True:
                pass
        except:  # noqa: E722
            pass


def goes_on_at_the_end():
    try:
        while True:
            pass
    finally:
        while True:
            pass


class Swallow:
    """A context that swallows every error."""

    def __enter__(self):
        pass

    def __exit__(self, *error):
        return True


def swallows():
    while True:
        with Swallow():
            while True:
                pass


def calls_itself_again():
    try:
        plain()
    except BaseException:
        calls_itself_again()


def ones() -> Iterator[int]:
    while True:
        yield 1


def draws_forever():
    for _ in ones():
        with Swallow():
            pass


ENDLESS = [plain, catches_everything, catches_twice, goes_on_at_the_end, swallows, calls_itself_again, draws_forever]


def counting(steps: int) -> Callable[[], int]:
    """Code that ends after so many steps."""

    def count() -> int:
        for _ in range(steps):
            pass
        return steps

    return count
