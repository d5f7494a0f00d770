"""Every FAROL_* setting in one table: name, type, default, help. The environment is read nowhere else."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings from the environment (`FAROL_ARTIFACTS`, …); a field's description is its documentation."""

    model_config = SettingsConfigDict(env_prefix="FAROL_", frozen=True, extra="forbid")

    artifacts: Path = Field(default=Path("artifacts"), description="Folder of the trained models.")
    data: Path = Field(default=Path("data"), description="Folder of the database and of what commands write.")
    profile: str = Field(default="pede", description="Name of a built-in profile, or the path of a profile TOML.")
    database_url: str | None = Field(
        default=None, description="SQLAlchemy URL of the store; without it, SQLite in `farol.db` in the data folder."
    )
    locale: str = Field(default="pt_BR", description="Language when the reader asks for none: `pt_BR` or `en`.")
    timezone: str = Field(
        default="America/Sao_Paulo", description="Time zone in which times are shown; they are stored in UTC."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port to listen on.")
    open_network: bool = Field(
        default=False,
        description="Allow listening beyond this machine although nothing asks who is calling. "
        "Only behind something that does, such as a container port published to 127.0.0.1.",
    )
    max_body_bytes: int = Field(default=1_000_000, ge=1_000, description="Largest request body accepted, in bytes.")
    max_workbook_bytes: int = Field(
        default=100_000_000, ge=1_000, description="Largest workbook file accepted, in bytes."
    )
    max_workbook_unpacked_bytes: int = Field(
        default=1_000_000_000, ge=1_000, description="Largest decompressed size of a workbook, in bytes."
    )
    max_workbook_cells: int = Field(default=50_000_000, ge=1_000, description="Most cells a workbook may have.")
    journal_queue: int = Field(
        default=1_024, ge=1, description="Most predictions waiting to be stored; beyond it the answer is 503."
    )

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.data / 'farol.db'}"
