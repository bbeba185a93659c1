"""The errors that pipeline raises on purpose.

PipelineError
├── InputError       the call, the config or the data are wrong: mend them and try again
│   └── TruncatedError   a compressed file breaks off or is damaged
└── MachineError     the machine failed: disk, memory, network
"""


class PipelineError(Exception):
    """Base of every error that pipeline raises on purpose; its message is one line."""


class InputError(PipelineError):
    """The caller's input is wrong: what, where, and what to do."""


class MachineError(PipelineError):
    """The machine could not do the work: what failed, and what may help."""


class TruncatedError(InputError):
    """A compressed file or an archive breaks off or is damaged in the middle."""
