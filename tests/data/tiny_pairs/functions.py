def add():
    """Add two numbers.

    Return the sum of both.
    """


def sub():
    """Subtract two numbers.

    Take the second from the first.
    """


def mul():
    """Multiply two numbers.

    Both may be whole numbers.
    """


def size():
    """Tell how many there are.

    Count the items of a list.
    """


def head():
    """Give the first item.

    The list must not be empty.
    """


def tail():
    """Give the other items.

    An empty list has no rest.
    """


def join():
    """Put words into one line.

    A blank stands between them.
    """


def cut():
    """Split a line into words.

    Blanks part the words.
    """


def low():
    """Make all letters small.

    Marks stay as they are.
    """


def up():
    """Make all letters large.

    Digits stay as they are.
    """


def read():
    """Read the lines of a file.

    The file must be text.
    """


def write():
    """Write lines into a file.

    An old file is lost.
    """


def open_door():
    """Open the door of a room.

    It may be locked.
    """


def shut():
    """Shut the door of a room.

    It may be open already.
    """


def ring():
    """Ring the bell of a house.

    Somebody may come.
    """


def wait():
    """Wait for the next event.

    It takes a second.
    """
