"""Every FAROL_* setting in one table: name, type, default, help. The environment is read nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEMONSTRATION = "demonstration"
"""The folder of the demonstration, below the data folder: invented pupils, with models and a database of their own."""
MARKER = "DEMONSTRATION.txt"
"""The file that says of a folder that it is one."""


class Settings(BaseSettings):
    """Settings from the environment (`FAROL_ARTIFACTS`, …); a field's description is its documentation."""

    # A value that is refused may be a secret: it stands in no error.
    model_config = SettingsConfigDict(env_prefix="FAROL_", frozen=True, extra="forbid", hide_input_in_errors=True)

    artifacts: Path = Field(default=Path("artifacts"), description="Folder of the trained models.")
    data: Path = Field(default=Path("data"), description="Folder of the database and of what commands write.")
    profile: str = Field(
        default="pede",
        description="Name of a built-in profile, or the path of a profile TOML. If it is not set, the service and "
        "the commands that use models take the profile of the model promoted last.",
    )
    database_url: str | None = Field(
        default=None, description="SQLAlchemy URL of the database; without it, SQLite in `farol.db` in the data folder."
    )
    locale: str = Field(default="pt_BR", description="Language for readers who ask for none: `pt_BR` or `en`.")
    timezone: str = Field(
        default="America/Sao_Paulo", description="Time zone in which times are shown; they are stored in UTC."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port to listen on.")
    workers: int = Field(
        default=1, ge=1, le=64, description="Number of processes of `farol serve`, on one port and one database."
    )
    open_network: bool = Field(
        default=False,
        description="Let other machines in although there is no key yet, so that nobody is asked who they are. "
        "Only behind a proxy that asks, or with a container port published to 127.0.0.1.",
    )
    allowed_hosts: str = Field(
        default="",
        pattern=r"^(\s*(\*|(\*\.)?[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])\s*(,|$))*$",
        description="Names that the service answers to, separated by commas; `*.example.org` allows every name "
        "below it, `*` any. Names of this machine, such as `localhost`, and the address it listens on are always "
        "allowed. Empty: no others.",
    )
    cors_origins: str = Field(
        default="",
        pattern=r"^(https?://[^\s,/*]+(\s*,\s*https?://[^\s,/*]+)*)?$",
        description="Other sites whose pages may call the API, such as `https://painel.example.org`, "
        "separated by commas; they still need a key if there are keys. Empty: none.",
    )
    rate_limit: float = Field(
        default=0,
        ge=0,
        allow_inf_nan=False,
        description="Requests a second that each key may make of each worker, and, while there is no key, all callers "
        "together; beyond it the answer is 429. 0: no limit.",
    )
    rate_burst: int = Field(
        default=20, ge=1, description="Requests a key may make at once after a pause, before `FAROL_RATE_LIMIT` counts."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="What `farol serve` logs: `info` has a line for every request."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="How `farol serve` logs: lines for people, or a JSON object a line."
    )
    max_body_bytes: int = Field(default=1_000_000, ge=1_000, description="Largest request body accepted, in bytes.")
    max_batch_bytes: int = Field(
        default=8_000_000,
        ge=1_000,
        description="Largest JSON body of a batch, and of a request of the Open Inference Protocol, in bytes.",
    )
    max_batch_rows: int = Field(
        default=10_000, ge=1, description="Most rows of such a request; beyond it the answer is 413."
    )
    max_stream_bytes: int = Field(
        default=100_000_000, ge=1_000, description="Largest NDJSON body of a batch, in bytes."
    )
    max_stream_rows: int = Field(
        default=100_000, ge=1, description="Most rows of an NDJSON batch; what comes after them is not read."
    )
    max_line_bytes: int = Field(
        default=64_000,
        ge=1_000,
        description="Longest line of an NDJSON batch, in bytes; a longer row is refused.",
    )
    max_workbook_bytes: int = Field(
        default=100_000_000, ge=1_000, description="Largest workbook file accepted, in bytes."
    )
    max_workbook_unpacked_bytes: int = Field(
        default=1_000_000_000, ge=1_000, description="Largest decompressed size of a workbook, in bytes."
    )
    max_workbook_cells: int = Field(default=50_000_000, ge=1_000, description="Most cells a workbook may have.")
    max_workbook_seconds: float = Field(
        default=300, ge=1, allow_inf_nan=False, description="Seconds that reading a workbook may take."
    )
    max_workbook_memory: int = Field(
        default=4_000_000_000,
        ge=200_000_000,
        description="Memory that reading a workbook may take, in bytes. Bounded on Linux alone.",
    )
    max_uploads: int = Field(
        default=20, ge=1, description="Most workbooks that were sent by a page and are kept; the oldest go first."
    )
    upload_days: int = Field(
        default=7, ge=1, description="Days for which a workbook that was sent by a page is kept; then it is deleted."
    )
    store_timeout: float = Field(
        default=10,
        gt=0,
        allow_inf_nan=False,
        description="Seconds that PostgreSQL may say nothing; then the service closes the connection and answers 503.",
    )
    journal_queue: int = Field(
        default=1_024, ge=1, description="Most predictions waiting to be stored; beyond it the answer is 503."
    )
    check_schedule: str = Field(
        default="",
        description="When the service checks for drift by itself: a cron expression such as `0 6 * * *` (in "
        "`FAROL_TIMEZONE`), or an interval such as `6h` or `30m`. Empty: never; `farol alerts check` does the same by "
        "cron.",
    )
    check_window: str = Field(default="30d", description="The window that checks look at: `7d`, `30d`, `90d`, `all`.")
    check_multivariate: bool = Field(
        default=False,
        description="Whether checks also look at how each two features go together, as `farol drift --multivariate` "
        "does: it reads up to about 10,000 rows of the window, and another one in a hundred such checks raises an "
        "alarm where nothing changed.",
    )
    alert_webhook_url: SecretStr | None = Field(
        default=None,
        description="Where changes of the drift alarm are posted as JSON, signed as the Standard Webhooks say; with "
        "`FAROL_ALERT_WEBHOOK_SECRET`. Never shown: it may hold a token.",
    )
    alert_webhook_secret: SecretStr | None = Field(
        default=None,
        description="The secret that signs these messages: `whsec_` and 24 to 64 bytes in base64, as "
        "`farol alerts secret` makes.",
    )
    alert_email_to: str = Field(
        default="", description="Who gets an e-mail when the drift alarm changes: addresses separated by commas."
    )
    alert_email_from: str = Field(default="", description="The sender of these e-mails.")
    alert_smtp_host: str = Field(default="", description="The mail server that sends them.")
    alert_smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    alert_smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="How the connection to the mail server is encrypted: `starttls` (port 587), `tls` (465), or "
        "`none`, which refuses to send a password.",
    )
    alert_smtp_user: str = Field(default="", description="User of the mail server; empty: no login.")
    alert_smtp_password: SecretStr | None = Field(default=None, description="The password of that user. Never shown.")
    alert_link: str = Field(
        default="",
        pattern=r"^(https?://[^\s]+)?$",
        description="Address under which people reach the service, such as `https://farol.example.org`: alerts link to "
        "its drift page. Empty: no link.",
    )

    otlp_endpoint: str = Field(
        default="",
        pattern=r"^(https?://[^\s?#@]+)?$",
        description="Where traces go, by OTLP over HTTP: the address of an OpenTelemetry receiver, such as "
        "`http://127.0.0.1:4318`; `/v1/traces` is added. Needs the extra `telemetry`. Empty: no traces.",
    )
    otlp_ratio: float = Field(
        default=1,
        ge=0,
        le=1,
        description="Share of the requests that are traced, of those whose caller has not decided it by `traceparent`.",
    )

    @field_validator("artifacts", "data")
    @classmethod
    def _path_of_text(cls, path: Path) -> Path:
        try:
            str(path).encode()
        except UnicodeEncodeError as error:  # from bytes that are no UTF-8: no address of a database can hold them
            raise ValueError("this path is no text") from error
        return path

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (LookupError, OSError) as error:
            raise ValueError("this time zone is not known") from error
        return name

    @model_validator(mode="before")
    @classmethod
    def _never_mixed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The data folder of a demonstration brings its models with it, and its models bring the data folder where none
        is named: neither meets a school's own."""
        data, artifacts = (Path(values.get(name) or cls.model_fields[name].default) for name in ("data", "artifacts"))
        folder = data if "data" in values or (data / MARKER).is_file() else artifacts.parent
        if not (folder / MARKER).is_file():
            return values
        return values | {"data": folder, "artifacts": folder / "artifacts", "database_url": None}

    @property
    def is_demonstration(self) -> bool:
        """Whether all pupils are invented."""
        return (self.data / MARKER).is_file()

    def demonstration(self) -> Settings:
        """The same settings over the demonstration's folder, which is made if it is not there."""
        folder = self.data if self.is_demonstration else self.data / DEMONSTRATION
        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / MARKER
        if not marker.exists():
            marker.write_text(
                "Demonstração do Farol: alunos inventados. Pode ser apagada.\n"
                "A demonstration of Farol: invented pupils. It may be deleted.\n",
                encoding="utf-8",
            )
        return self.model_copy(
            update={"data": folder, "artifacts": folder / "artifacts", "database_url": None},
        )

    @property
    def is_profile_chosen(self) -> bool:
        """Whether somebody named a profile; else `profile` is the default."""
        return "profile" in self.model_fields_set

    @property
    def host_names(self) -> tuple[str, ...]:
        """`allowed_hosts` one by one, in lower case."""
        return _listed(self.allowed_hosts.lower())

    @property
    def origins(self) -> tuple[str, ...]:
        """`cors_origins` one by one."""
        return _listed(self.cors_origins)

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL in force."""
        from sqlalchemy import URL  # noqa: PLC0415  the settings are read where no database is used, too

        # Absolute: a folder named `file:x` or `:memory:` would mean something else to SQLite.
        path = str((self.data / "farol.db").absolute())
        return self.database_url or URL.create("sqlite", database=path).render_as_string()


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in text.split(","))))
