"""What can go wrong around a sandbox.

    SandboxError
    ├── PodmanMissing (FileNotFoundError)      podman or one of its parts is not installed
    ├── PodmanFailed (RuntimeError)            podman refused, for a reason only podman knows
    ├── NoUserNamespaces (PermissionError)     this account may not make rootless containers
    ├── WallMissing (PermissionError)          a wall that every site must have does not stand here
    ├── FolderRefused (PermissionError)        a working folder is not safely ours, or its path is too long
    ├── ImageMissing (LookupError)             the stack's image was never built
    ├── StorageFull (OSError)                  the disk or a container's quota is full
    ├── CommandTimeout (TimeoutError)          podman itself, or a page, did not answer in time
    ├── ContainerGone (ConnectionError)        the container ended while it was needed
    ├── PortTaken (OSError)                    the wished preview port is in use
    ├── BrowserMissing (FileNotFoundError)     no Chromium or ChromeDriver
    ├── BrowserRefused (PermissionError)       Chromium's own sandbox cannot be on here
    ├── BrowserCrashed (ConnectionError)       Chromium or its tab died or hangs; the next open() starts it anew
    ├── ScriptFailed (RuntimeError)            our own script threw in the page, or the page left meanwhile
    ├── PackagesAbsent (ConnectionError)       the packages of a stack could not be fetched when its image was made
    ├── PackageRefused (ValueError)            a package the baked stack does not hold
    └── WorkspaceRefused (ValueError)          a path or file that may not enter or leave a site

A command that fails inside a container is no exception but a `CommandResult`.
"""


class SandboxError(Exception):
    """Root of everything this package raises on purpose."""


class PodmanMissing(SandboxError, FileNotFoundError):
    pass


class PodmanFailed(SandboxError, RuntimeError):
    pass


class NoUserNamespaces(SandboxError, PermissionError):
    pass


class WallMissing(SandboxError, PermissionError):
    pass


class FolderRefused(SandboxError, PermissionError):
    pass


class ImageMissing(SandboxError, LookupError):
    pass


class StorageFull(SandboxError, OSError):
    pass


class CommandTimeout(SandboxError, TimeoutError):
    pass


class ContainerGone(SandboxError, ConnectionError):
    pass


class PortTaken(SandboxError, OSError):
    pass


class BrowserMissing(SandboxError, FileNotFoundError):
    pass


class BrowserRefused(SandboxError, PermissionError):
    pass


class BrowserCrashed(SandboxError, ConnectionError):
    pass


class ScriptFailed(SandboxError, RuntimeError):
    pass


class PackagesAbsent(SandboxError, ConnectionError):
    pass


class PackageRefused(SandboxError, ValueError):
    pass


class WorkspaceRefused(SandboxError, ValueError):
    pass
