"""The errors that basrec raises on purpose.

BasrecError
├── InputError     the call, the config or the files are wrong: mend them and try again
└── MachineError   the machine failed: disk, memory, device
"""


class BasrecError(Exception):
    """Base of every error that basrec raises on purpose; its message is one line."""


class InputError(BasrecError):
    """The caller's input is wrong: what, where, and what to do."""


class MachineError(BasrecError):
    """The machine could not do the work: what failed, and what may help."""
