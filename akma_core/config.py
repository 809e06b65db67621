"""Settings of the service, from the environment: AKMA_STORAGE, AKMA_DATABASE_URL, AKMA_API_KEYS and so on."""

import hashlib
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from akma_core.errors import RequestError
from akma_core.home import home
from akma_core.standard_webhooks import key_of

PREFIX = "AKMA_"
OTHERS = {"AKMA_HOME", "AKMA_DEBUG", "AKMA_COMPILED", "AKMA_AMX", "AKMA_API_KEY"}  # read elsewhere
NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
MIN_SECRET, MAX_SECRET = 16, 200  # characters of an API key's secret
Role = Literal["user", "admin", "link"]
Words = Annotated[tuple[str, ...], NoDecode]
"""Written with commas between."""


class Environment(BaseSettings):
    """Every field is the variable AKMA_<FIELD>, in capitals; `description` is its meaning, with unit and range."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    storage: str | None = Field(
        default=None, description="file:///a/folder or gs://bucket/prefix (default: in AKMA_HOME)"
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="postgresql://user:password@host/name for many machines (default: SQLite in AKMA_HOME)",
    )
    role: Literal["all", "api", "worker"] = Field(default="all", description="what this node does")
    node: str = Field(
        default_factory=lambda: re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:63].strip("-._") or "node",
        description="this machine's name, the same after a restart (default: its host name)",
    )
    device: str = Field(default="auto", description="device of the workers: auto is every GPU there is, or the CPU")

    api_keys: SecretStr = Field(
        default=SecretStr(""), description="name:role:secret with commas between; role user or admin"
    )
    link_secret: SecretStr | None = Field(
        default=None, description="signs links, 16 characters or more (default: drawn once)"
    )
    link_seconds: Annotated[int, Field(ge=60, le=7 * 86400)] = Field(
        default=86400, description="how long links work, seconds"
    )
    cors_origins: Words = Field(default=(), description="origins whose pages may call the API (default: none)")

    root_path: Annotated[str, Field(pattern=r"^((/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}){1,8})?$")] = Field(
        default="", description="path under which a proxy shows the service, such as /akma; links begin with it"
    )
    trust_proxy: bool = Field(
        default=False, description="true: a proxy stands before it whose X-Forwarded-Prefix is believed"
    )

    max_upload_bytes: Annotated[int, Field(ge=1)] = Field(default=4 << 30, description="largest upload, bytes")
    min_upload_rate: Annotated[int, Field(ge=0)] = Field(
        default=4000, description="bytes a second that an upload must have on average after its first minute; 0: any"
    )
    max_audio_seconds: Annotated[float, Field(gt=0)] = Field(default=6 * 3600.0, description="longest song, seconds")
    max_pixels: Annotated[int, Field(ge=256)] = Field(
        default=4096 * 2304, description="largest picture of a video, pixels"
    )
    max_frames: Annotated[int, Field(ge=1)] = Field(default=6 * 3600 * 60, description="most frames of a video")
    max_queued_jobs: Annotated[int, Field(ge=1)] = Field(default=200, description="most renders waiting or running")
    max_queued_seconds: Annotated[float, Field(gt=0)] = Field(
        default=48 * 3600.0, description="most seconds of video waiting"
    )
    max_jobs_per_key: Annotated[int, Field(ge=1)] = Field(
        default=100, description="most renders waiting or running, of a key"
    )
    max_songs_per_key: Annotated[int, Field(ge=1)] = Field(default=500, description="most songs kept, of a key")
    max_listeners: Annotated[int, Field(ge=1)] = Field(default=250, description="event streams open with one key")
    retention_days: Annotated[float, Field(gt=0)] = Field(
        default=30.0, description="days that a finished render is kept"
    )
    retention_bytes: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="bytes that finished renders may take; the oldest go first (default: no limit)"
    )

    webhook_hosts: Words = Field(
        default=(), description="hosts that webhooks may go to: hooks.example.com, *.example.org"
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        description="signs webhooks: whsec_ and base64, or 16 characters or more; several with commas between",
    )
    webhook_allow_private: Words = Field(
        default=(), description="host:port that webhooks may go to although it is private"
    )

    log: Literal["json", "text"] = Field(default="json", description="how log lines are written")

    @field_validator("cors_origins", "webhook_hosts", "webhook_allow_private", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, re.split(r"[,\s]+", value))) if isinstance(value, str) else value

    @field_validator("node")
    @classmethod
    def _node(cls, value: str) -> str:
        if not NODE.fullmatch(value):
            raise ValueError("should be letters, digits and . _ - (up to 63)")
        return value

    @field_validator("device")
    @classmethod
    def _device(cls, value: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d{1,2})?", value):
            raise ValueError("should be auto, cpu, cuda or cuda:N")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _webhook_secret(cls, value: SecretStr | None) -> SecretStr | None:
        for secret in _secrets(value):
            if len(secret) < 16:
                raise ValueError("should be 16 characters or more, each of several with commas between")
            key_of(secret)
        return value

    @field_validator("link_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 16:
            raise ValueError("should be 16 characters or more")
        return value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_database(value.get_secret_value()):
            raise ValueError(
                "should be postgresql://user:password@host/name, with %40 for @ and %2F for / in a password"
            )
        return value

    @property
    def home(self) -> Path:
        """AKMA_HOME."""
        return home()

    @property
    def storage_url(self) -> str:
        return self.storage or (self.home / "storage").as_uri()

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """Every secret that signs webhooks, the newest first."""
        return _secrets(self.webhook_secret)

    @property
    def is_postgres(self) -> bool:
        return self.database_url is not None and self.database_url.get_secret_value().startswith("postgres")

    def database(self, name: str) -> str:
        """SQLAlchemy's URL of a database: the Postgres one for every `name`, or a SQLite file of its own."""
        if self.database_url is None:
            return f"sqlite:///{self.home / name}.sqlite"
        url = self.database_url.get_secret_value()
        return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)


def _secrets(value: SecretStr | None) -> tuple[str, ...]:
    return tuple(value.get_secret_value().split(",")) if value else ()


def _is_database(url: str) -> bool:
    """A password that is not escaped would be taken for a host or a port, and told as such."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("postgresql", "postgres", "sqlite") and parts.netloc.count("@") < 2 and parts.port != 0
    except ValueError:
        return False


def read_environment() -> Environment:
    """The settings; RequestError naming the first variable that is wrong, without its value: it may be secret."""
    try:
        return Environment()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + str(first["loc"][0] if first["loc"] else "").upper().removeprefix(PREFIX)
        message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
        raise RequestError(f"{name} {message}", code="bad_setting", field=name) from None


def unknown(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Variables that begin with AKMA_ and mean nothing: slips of the pen, mostly."""
    known = {PREFIX + name.upper() for name in Environment.model_fields} | OTHERS
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


@dataclass(frozen=True)
class ApiKey:
    """An API key; what is kept of its secret is the SHA-256."""

    name: str
    role: Role
    digest: bytes


def parse_keys(text: str) -> tuple[ApiKey, ...]:
    """Keys of "name:role:secret,name:role:secret"; none of an empty text.

    Names are 1 to 40 of a-z, 0-9, _ and -; roles user or admin; secrets 16 to 200 printable characters without comma
    or space. RequestError, code bad_keys, that never shows a secret.
    """
    keys: list[ApiKey] = []
    for number, entry in enumerate(filter(None, map(str.strip, text.split(","))), 1):
        name, _, rest = entry.partition(":")
        role, _, secret = rest.partition(":")
        if not re.fullmatch("[a-z0-9_-]{1,40}", name) or not secret:  # the name is not shown: it may be the secret
            raise _bad_keys(f"API key {number} should be name:role:secret, the name of a-z, 0-9, _ and -")
        if role not in ("user", "admin"):
            raise _bad_keys(f"API key {number} has a role that is neither user nor admin")
        if not re.fullmatch(f"[!-~]{{{MIN_SECRET},{MAX_SECRET}}}", secret):
            what = f"should have a secret of {MIN_SECRET} to {MAX_SECRET} printable characters"
            raise _bad_keys(f"API key {number} {what}: python -c 'import secrets; print(secrets.token_urlsafe())'")
        key = ApiKey(name, "admin" if role == "admin" else "user", secret_digest(secret))
        if any(other.name == key.name or other.digest == key.digest for other in keys):
            raise _bad_keys(f"API key {number} has the name or the secret of one before it: give each its own")
        keys.append(key)
    return tuple(keys)


def secret_digest(secret: str) -> bytes:
    """SHA-256 of an API key's secret: what is kept and compared of it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _bad_keys(message: str) -> RequestError:
    return RequestError(message, code="bad_keys", field="api_keys")
