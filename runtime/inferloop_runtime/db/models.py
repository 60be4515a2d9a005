"""The database's tables. Migrations create them; this module is what queries are written against."""

import uuid
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_NEW_UUID = text("gen_random_uuid()")
_EMPTY_OBJECT = text("'{}'::jsonb")


# PostgreSQL's own names, so that a hand-made object and a migrated one are called the same.
_NAMES = {
    "pk": "%(table_name)s_pkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}


class Base(DeclarativeBase):
    """Holds the metadata of all tables; every time is stored with its zone."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        str: Text(),
        dict[str, Any]: JSONB(),
    }


class Model(Base):
    """One servable model. `size_bytes` is its weights' size; `gpu_memory_required` is in bytes, KV budget included."""

    __tablename__ = "models"
    __table_args__ = (
        UniqueConstraint("name", "version"),
        CheckConstraint("size_bytes >= 0 AND gpu_memory_required >= 0", name="sizes"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid(), primary_key=True, server_default=_NEW_UUID)
    name: Mapped[str]
    version: Mapped[str]
    type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    gpu_memory_required: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Tenant(Base):
    """One customer of the gateway; keys and usage belong to it."""

    __tablename__ = "tenants"

    id: Mapped[uuid.UUID] = mapped_column(Uuid(), primary_key=True, server_default=_NEW_UUID)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class ApiKey(Base):
    """One API key, of which only the public prefix and the SHA-256 of the whole are kept.

    Keys carry 256 random bits, so no slow hash is needed.
    """

    __tablename__ = "api_keys"

    id: Mapped[uuid.UUID] = mapped_column(Uuid(), primary_key=True, server_default=_NEW_UUID)
    tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(unique=True)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{inference}'"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Usage(Base):
    """One metered request. `request_id` is unique, so that the journal may be replayed."""

    __tablename__ = "usage"
    __table_args__ = (
        Index(None, "tenant_id", "started_at"),
        CheckConstraint("prompt_tokens >= 0 AND completion_tokens >= 0", name="tokens"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    request_id: Mapped[str] = mapped_column(unique=True)
    tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    api_key_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("api_keys.id", ondelete="SET NULL"))
    model: Mapped[str]
    endpoint: Mapped[str]
    status: Mapped[int] = mapped_column(SmallInteger)
    prompt_tokens: Mapped[int] = mapped_column(Integer)
    completion_tokens: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[datetime]
    latency_ms: Mapped[float] = mapped_column(Float(53))
    time_to_first_token_ms: Mapped[float | None] = mapped_column(Float(53))


class CaptureRun(Base):
    """One run of a capture job, with what it read, wrote and set aside.

    A run that was interrupted is continued as the same run; `attempts` counts how often it was started.
    """

    __tablename__ = "capture_runs"
    __table_args__ = (
        Index(None, "job", "started_at"),
        CheckConstraint("status IN ('running', 'succeeded', 'failed')", name="status"),
        CheckConstraint("rows_read >= 0 AND rows_written >= 0 AND rows_quarantined >= 0", name="rows"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid(), primary_key=True, server_default=_NEW_UUID)
    job: Mapped[str]
    status: Mapped[str]
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    rows_read: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    rows_written: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    rows_quarantined: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    source: Mapped[dict[str, Any]] = mapped_column(server_default=_EMPTY_OBJECT)
    error: Mapped[str | None]


class Dataset(Base):
    """One committed version of a data set: where it lies, what it holds and where it came from.

    A run commits one version, so `capture_run_id` is unique.
    """

    __tablename__ = "datasets"
    __table_args__ = (
        UniqueConstraint("name", "version"),
        CheckConstraint("version >= 1", name="version"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid(), primary_key=True, server_default=_NEW_UUID)
    capture_run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("capture_runs.id"), unique=True)
    name: Mapped[str]
    version: Mapped[int] = mapped_column(Integer)
    path: Mapped[str]
    format: Mapped[str]
    row_count: Mapped[int] = mapped_column(BigInteger)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    schema: Mapped[dict[str, Any]] = mapped_column(server_default=_EMPTY_OBJECT)
    statistics: Mapped[dict[str, Any]] = mapped_column(server_default=_EMPTY_OBJECT)
    lineage: Mapped[dict[str, Any]] = mapped_column(server_default=_EMPTY_OBJECT)
    privacy: Mapped[dict[str, Any]] = mapped_column(server_default=_EMPTY_OBJECT)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
