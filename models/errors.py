"""What can go wrong with a model.

ModelError
├── UnknownModel           (LookupError)        no such name in the catalog or on the shelf
├── ModelFileMissing       (FileNotFoundError)  the file is not where it should be
├── ModelFileCorrupt       (ValueError)         not a GGUF, truncated, or not the bytes its hash promises
├── ProjectorMissing       (FileNotFoundError)  a vision model came without its projector file
├── ImagesUnsupported      (ValueError)         pictures were given to a model that cannot see
├── PictureRefused         (ValueError)         a picture is no PNG or JPEG, or too large
├── ContextTooSmall        (ValueError)         the asked context is below what the loop can use
├── ContextOverflow        (ValueError)         prompt and answer do not fit into the context
├── ConstraintError        (ValueError)         a grammar or JSON schema the engine does not accept
├── AnswerUnusable         (ValueError)         a model without a grammar engine did not keep to the JSON schema
├── AdapterError           (ValueError)         a LoRA file that does not fit this model
├── EngineMissing          (ImportError)        llama-cpp-python is not installed, or not for this machine
├── EngineVariantError     (RuntimeError)       the installed engine cannot use what was asked of it
├── EngineCrashed          (RuntimeError)       the child process died
├── EngineRefused          (RuntimeError)       the child lives but could not do what was asked
├── SwapRefused            (RuntimeError)       a second change between coder and eyes within one step
├── RemoteError            (ConnectionError)    the OpenAI-compatible server failed or is not there
│   └── RemoteRefused                           it lives, and will not do what was asked of it
├── ScriptEnded            (IndexError)         a ScriptedModel was asked for more replies than it has
├── DownloadFailed         (OSError)            a source did not deliver
├── DiskFull               (OSError)            not enough room for the file
└── ConversionFailed       (RuntimeError)       a safetensors folder could not be turned into a GGUF
"""


class ModelError(Exception):
    pass


class UnknownModel(ModelError, LookupError):
    pass


class ModelFileMissing(ModelError, FileNotFoundError):
    pass


class ModelFileCorrupt(ModelError, ValueError):
    pass


class ProjectorMissing(ModelError, FileNotFoundError):
    pass


class ImagesUnsupported(ModelError, ValueError):
    pass


class PictureRefused(ModelError, ValueError):
    pass


class ContextTooSmall(ModelError, ValueError):
    pass


class ContextOverflow(ModelError, ValueError):
    pass


class ConstraintError(ModelError, ValueError):
    pass


class AnswerUnusable(ModelError, ValueError):
    pass


class AdapterError(ModelError, ValueError):
    pass


class EngineMissing(ModelError, ImportError):
    pass


class EngineVariantError(ModelError, RuntimeError):
    pass


class EngineCrashed(ModelError, RuntimeError):
    pass


class EngineRefused(ModelError, RuntimeError):
    pass


class SwapRefused(ModelError, RuntimeError):
    pass


class RemoteError(ModelError, ConnectionError):
    pass


class RemoteRefused(RemoteError):
    pass


class ScriptEnded(ModelError, IndexError):
    pass


class DownloadFailed(ModelError, OSError):
    pass


class DiskFull(ModelError, OSError):
    pass


class ConversionFailed(ModelError, RuntimeError):
    pass
