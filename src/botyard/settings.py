"""Every setting of the server: environment variables `BOTYARD_*`, or the same in a `.env` file."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from botyard.kit.db import Stores

# Marks of what `core.config` may change at run time, and when such a change takes effect.
AT_ONCE: dict[str, Any] = {"live": "at once"}
AFTER_RESTART: dict[str, Any] = {"live": "restart"}


class Settings(BaseSettings):
    """What an operator can choose. The comment of each field is its documentation."""

    model_config = SettingsConfigDict(env_prefix="BOTYARD_", env_file=".env", extra="ignore")

    # --- where it listens -------------------------------------------------------------------------
    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for every interface.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str = Field(
        "",
        description="Address people and bots use, http:// or https://, for links in mails; empty: from host and port.",
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        le=10,
        description="How many reverse proxies stand in front; X-Forwarded-For is read that many steps from the right.",
    )
    allowed_origins: Annotated[list[str], NoDecode] = Field(
        [],
        description="Other web origins, separated by commas, whose pages may call the documents and open sockets with their reader's cookie.",
    )

    # --- what it keeps ----------------------------------------------------------------------------
    data_dir: Path = Field(Path("data"), description="Folder of databases, keys, media and the mail outbox.")
    database_url: str = Field(
        "", description="Empty: SQLite in the data folder; else postgresql://user:password@host/name."
    )
    redis_url: str = Field(
        "", description="Empty: memory, or PostgreSQL where that is the database; else redis://host:6379/0."
    )
    master_key: SecretStr = Field(
        SecretStr(""),
        description="Master key of the vault, 32 bytes in base64 (while it is rotated: new,old); empty: a file in the data folder, made at first start.",
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="Key that signs tokens, at least 32 characters; empty: a file in the data folder, made at first start.",
    )

    token_key_file: Annotated[list[Path], NoDecode] = Field(
        [],
        description="Private keys in PEM that sign access tokens, so that gateways can check them: files separated by commas, or a folder of *.pem; the first signs, all are accepted; empty: secret_key signs.",
    )

    # --- people -----------------------------------------------------------------------------------
    admin_username: str = Field(
        "admin", description="User name of the first administrator; read at first start only."
    )
    admin_email: str = Field(
        "admin@localhost", description="Mail address of the first administrator; read at first start only."
    )
    admin_password: SecretStr = Field(
        SecretStr(""),
        description="Password of the first administrator; empty: made at first start and shown once.",
    )
    registration: Literal["open", "invite", "closed"] = Field(
        "open", description="Who may register an account.", json_schema_extra=AT_ONCE
    )
    mail_dir: Path | None = Field(
        None,
        description="Folder of outgoing mail as files, while no SMTP server is set; empty: `mail` in the data folder.",
    )
    smtp_url: SecretStr = Field(
        SecretStr(""), description="smtp://user:password@host:587 or smtps://…; empty: mails become files."
    )
    mail_from: str = Field("botyard@localhost", description="Sender of outgoing mail.")

    # --- limits -----------------------------------------------------------------------------------
    rate_limits: Literal["documented", "off"] = Field(
        "documented",
        description="Limits that the API documents state; sign-in throttling stays on.",
        json_schema_extra=AT_ONCE,
    )
    signin_attempts: int = Field(
        10,
        ge=1,
        le=1_000,
        description="Wrong sign-ins per account and address before each further one must wait, longer and longer.",
        json_schema_extra=AT_ONCE,
    )
    max_body_mb: int = Field(
        10,
        ge=1,
        le=1_024,
        description="Largest request body in MiB, unless an address says otherwise.",
        json_schema_extra=AFTER_RESTART,
    )
    allow_private_networks: bool = Field(
        False,
        description="Whether webhooks and other addresses given by users may be loopback or private ones.",
        json_schema_extra=AT_ONCE,
    )
    vivesphere_requests_per_minute: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Requests a minute that one caller may make to the ViveSphere document; 0: no limit.",
        json_schema_extra=AT_ONCE,
    )
    chatbot_storage_mb: int = Field(
        2_048,
        ge=1,
        le=10_000_000,
        description="MiB that trained models, snapshots of datasets and uploads of one account may take.",
        json_schema_extra=AT_ONCE,
    )
    ingest_queue_rows: int = Field(
        20_000,
        ge=100,
        le=10_000_000,
        description="Rows that may wait for the writer before senders are asked to slow down (429).",
        json_schema_extra=AFTER_RESTART,
    )

    # --- fleet ------------------------------------------------------------------------------------
    presence_timeout_s: int = Field(
        60,
        ge=1,
        le=86_400,
        description="Seconds without a call after which a bot is offline.",
        json_schema_extra=AT_ONCE,
    )
    log_retention_days: int = Field(
        30,
        ge=1,
        le=36_500,
        description="Days that logs of bots and services, and messages, are kept.",
        json_schema_extra=AT_ONCE,
    )
    event_retention_days: int = Field(
        7,
        ge=1,
        le=36_500,
        description="Days that live events can be replayed after a lost connection.",
        json_schema_extra=AT_ONCE,
    )
    command_retention_days: int = Field(
        90, ge=1, le=36_500, description="Days that finished commands are kept.", json_schema_extra=AT_ONCE
    )

    # --- secrets ----------------------------------------------------------------------------------
    vault_version_days: int = Field(
        30,
        ge=0,
        le=3650,
        description="Days that replaced versions of secrets can be restored.",
        json_schema_extra=AT_ONCE,
    )
    vault_reads_per_minute: int = Field(
        600,
        ge=1,
        le=1_000_000,
        description="Reads of secrets that an account may make a minute.",
        json_schema_extra=AT_ONCE,
    )

    # --- X ----------------------------------------------------------------------------------------
    x_enabled: bool = Field(
        False,
        description="Whether bots of kind x may call X, which costs money; see x_monthly_cap_usd.",
        json_schema_extra=AT_ONCE,
    )
    x_monthly_cap_usd: Decimal = Field(
        Decimal(0),
        ge=0,
        le=1_000_000,
        decimal_places=2,
        description="What calls to X may cost in a calendar month (UTC), in US dollars; 0: nothing may be spent.",
        json_schema_extra=AT_ONCE,
    )

    # --- voice ------------------------------------------------------------------------------------
    voice_engines: Annotated[list[str], NoDecode] = Field(
        ["openai", "piper", "faster-whisper", "espeak", "pocketsphinx"],
        description="Speech engines by preference, separated by commas; those that are not installed or set up are passed over, those left out are never used.",
    )
    voice_piper_dir: Path | None = Field(
        None, description="Folder of voices for Piper: *.onnx, each with its .onnx.json."
    )
    voice_whisper_dir: Path | None = Field(
        None, description="Folder of a Whisper model for faster-whisper (CTranslate2)."
    )
    voice_openai_url: str = Field(
        "",
        description="Base address of a server with OpenAI's speech calls, such as https://api.openai.com/v1; its key is the secret openai_key of the service voice; empty: none.",
    )
    voice_openai_tts_model: str = Field(
        "tts-1", description="Model that speaks there; empty: it is not asked to speak."
    )
    voice_openai_stt_model: str = Field(
        "whisper-1", description="Model that listens there; empty: it is not asked to listen."
    )
    voice_openai_voices: Annotated[list[str], NoDecode] = Field(
        ["alloy", "echo", "fable", "onyx", "nova", "shimmer"],
        description="Voices that it has, separated by commas; the first is the usual one.",
    )
    voice_max_audio_s: int = Field(
        120,
        ge=1,
        le=3_600,
        description="Seconds that a recording may last to be listened to.",
        json_schema_extra=AT_ONCE,
    )
    voice_timeout_s: int = Field(
        120, ge=1, le=3_600, description="Seconds that a speech engine may take for one recording."
    )

    # --- channels ---------------------------------------------------------------------------------
    telegram_url: str = Field(
        "https://api.telegram.org",
        description="Telegram's Bot API, or a server of your own that speaks like it, wherever it is.",
    )

    # --- language models --------------------------------------------------------------------------
    ollama_url: str = Field(
        "http://127.0.0.1:11434",
        description="Ollama for chatbots that name no address of their own, wherever it is; empty: none.",
    )
    openai_url: str = Field(
        "https://api.openai.com/v1",
        description="OpenAI, or a server that speaks like it, for chatbots that name no address of their own; empty: none.",
    )

    # --- running ----------------------------------------------------------------------------------
    shutdown_s: int = Field(
        8, ge=1, description="Seconds that open requests get at shutdown before they are cut."
    )
    job_concurrency: int = Field(
        8,
        ge=1,
        le=1_000,
        description="Jobs that one process runs at once, per queue.",
        json_schema_extra=AFTER_RESTART,
    )
    training_encoder: Literal["", "use-multilingual", "minilm"] = Field(
        "",
        description="Encoder that chatbots are trained with from now on: minilm is more exact for English, slower, knows few other languages, and needs the extra minilm; empty: use-multilingual.",
        json_schema_extra=AFTER_RESTART,
    )
    training_ready: bool = Field(
        True,
        description="Whether the process that trains chatbots is begun as soon as somebody works on examples, so that a training need not wait for it; it takes about 300 MB for five minutes.",
        json_schema_extra=AFTER_RESTART,
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe line of the server's own log.", json_schema_extra=AT_ONCE
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto: text on a terminal, JSON otherwise."
    )

    @field_validator(
        "allowed_origins", "token_key_file", "voice_engines", "voice_openai_voices", mode="before"
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Lists come from the environment as text with commas."""
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("public_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        """Links in mails and calls of other servers begin with it."""
        try:
            parts = urlsplit(value)
            whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            whole = False
        if value and (not whole or parts.query or parts.fragment):
            raise ValueError("it looks like https://bots.example.org, or http://… without TLS")
        return value

    @property
    def stores(self) -> Stores:
        """Where the two stores are."""
        return Stores.at(self.database_url, self.data_dir)

    @property
    def outbox(self) -> Path:
        """Folder of mails while no SMTP server is set."""
        return self.mail_dir or self.data_dir / "mail"

    @property
    def base_url(self) -> str:
        """Address for links, without a trailing slash."""
        host = "localhost" if self.host in ("0.0.0.0", "::", "127.0.0.1") else self.host  # noqa: S104 - compared, not bound
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")
