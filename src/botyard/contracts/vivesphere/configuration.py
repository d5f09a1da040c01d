"""Document section "3. Configuration/Settings Microservice"."""

from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import BaseModel

from botyard.contracts.vivesphere.envelope import section
from botyard.contracts.vivesphere.schemas import Json, Text
from botyard.core.accounts.types import Kind
from botyard.core.config import service as config
from botyard.edge.caller import Address, Caller
from botyard.edge.session import Session, Stores
from botyard.kit.errors import Forbidden

router = section("Settings")

APPLICATION = "application"  # what a change without a service is about (V-05)


class ServiceSettings(BaseModel):
    """The settings of one service; a secret shows as `{"$secret": {"version": …}}`."""

    service: str
    settings: Json


Secrets = Annotated[
    Literal["refer", "reveal"],
    Query(
        description="Our addition: `reveal` gives secrets in clear; a key needs the scope vault:read for it."
    ),
]


@router.get("/config/settings")
async def get_settings(
    db: Stores,
    caller: Caller,
    address: Address,
    response: Response,
    service_name: Annotated[str, Query(min_length=1, max_length=100)],
    secrets: Secrets = "refer",
) -> ServiceSettings:
    """Read the settings of a service."""
    response.headers["Cache-Control"] = "no-store"
    if secrets == "refer":
        async with db.reader() as session:
            return ServiceSettings(service=service_name, settings=await config.read(session, service_name))
    if caller.kind is Kind.api_key and "vault:read" not in caller.scopes:
        raise Forbidden("This API key lacks the scope vault:read.")
    async with db.session() as session:
        clear = await config.read_in_clear(session, service_name, actor=caller, address=address)
    return ServiceSettings(service=service_name, settings=clear)


class Change(BaseModel):
    """What to set, merged key by key; null takes a key away."""

    service: Text | None = None
    settings: Json


class SettingsData(BaseModel):
    """A change of settings."""

    settings_data: Change


class Updated(BaseModel):
    """All settings of the service, after the change."""

    status: Literal["updated"] = "updated"
    updated_settings: Json


@router.post("/config/update")
async def update_settings(body: SettingsData, session: Session, caller: Caller, address: Address) -> Updated:
    """Change settings; every process of the server follows within a second."""
    change = body.settings_data
    after = await config.update(
        session, change.service or APPLICATION, change.settings, actor=caller, address=address
    )
    return Updated(updated_settings=after)
