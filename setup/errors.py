"""What can stop set-up. Each message is one sentence: what is wrong, and what to do.

SetupError
├── PackagesMissing  (FileNotFoundError)  the distribution's packages; the message holds the line to run
├── PythonUnusable   (RuntimeError)       no Python that the product's account can run
├── AccountRefused   (PermissionError)    the account cannot be made, or lacks what containers need
├── CommandFailed    (RuntimeError)       a program that set-up started failed; its output is in the log
├── EngineUnusable   (RuntimeError)       no build of the engine decodes on this processor
├── NoRoom           (OSError)            the disk is full, or will be
└── InTheWay         (FileExistsError)    something that set-up did not make lies where it must write
"""

from __future__ import annotations


class SetupError(Exception):
    exit_code = 3


class PackagesMissing(SetupError, FileNotFoundError):
    pass


class PythonUnusable(SetupError, RuntimeError):
    pass


class AccountRefused(SetupError, PermissionError):
    pass


class CommandFailed(SetupError, RuntimeError):
    pass


class EngineUnusable(SetupError, RuntimeError):
    pass


class NoRoom(SetupError, OSError):
    pass


class InTheWay(SetupError, FileExistsError):
    pass
