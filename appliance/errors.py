"""Errors of the appliance itself.

    ApplianceError
    ├── BriefRefused        (ValueError)    the brief cannot be worked on
    ├── ConfigError         (ValueError)    a setting is unknown or malformed
    ├── UsageError          (ValueError)    a command's words do not fit together
    ├── UnknownRun          (LookupError)   no such run or step
    ├── RunBusy             (RuntimeError)  the run is being worked on elsewhere
    ├── NothingToExport     (LookupError)   no step of the run has a valid page
    ├── ExportRefused       (OSError)       the target folder cannot be written
    ├── BackupRefused       (ValueError)    a backup cannot be written, or is none, or would replace something
    ├── BundleRefused       (ValueError)    an offline bundle is damaged, changed, not signed as asked, or does not fit
    ├── ResultRefused       (ValueError)    a run that was on another box came back damaged or incomplete
    ├── StoreFull           (OSError)       the data folder's disk is full
    ├── StoreBroken         (RuntimeError)  the database cannot be read
    └── PartMissing         (RuntimeError)  the machine lacks something; the message names it

Each message is one sentence for the user: what is wrong, and what to do. Limits reached are no errors, they are `Stop`.
`exit_code` is what the command line returns for it.
"""

from __future__ import annotations


class ApplianceError(Exception):
    exit_code = 1


class BriefRefused(ApplianceError, ValueError):
    exit_code = 2


class ConfigError(ApplianceError, ValueError):
    exit_code = 2


class UsageError(ApplianceError, ValueError):
    exit_code = 2


class UnknownRun(ApplianceError, LookupError):
    exit_code = 2


class RunBusy(ApplianceError, RuntimeError):
    exit_code = 1


class NothingToExport(ApplianceError, LookupError):
    exit_code = 1


class ExportRefused(ApplianceError, OSError):
    exit_code = 2


class BackupRefused(ApplianceError, ValueError):
    exit_code = 2


class BundleRefused(ApplianceError, ValueError):
    exit_code = 2


class ResultRefused(ApplianceError, ValueError):
    exit_code = 1


class StoreFull(ApplianceError, OSError):
    exit_code = 3


class StoreBroken(ApplianceError, RuntimeError):
    exit_code = 3


class PartMissing(ApplianceError, RuntimeError):
    exit_code = 3


def is_missing_part(error: Exception) -> bool:
    """True when the machine lacks something that the user can add: trying again would end the same way."""
    return type(error).__name__ in _MISSING


_MISSING = frozenset(
    {
        *("PodmanMissing", "NoUserNamespaces", "ImageMissing", "StorageFull", "BrowserMissing", "PortTaken"),
        *("ModelFileMissing", "ModelFileCorrupt", "ProjectorMissing", "EngineMissing", "EngineVariantError"),
        *("DiskFull", "DownloadFailed", "ContextTooSmall", "UnknownModel", "MirrorGone"),
    }
)
