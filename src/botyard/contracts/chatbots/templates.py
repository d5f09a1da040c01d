"""Document section "Templates": content to begin a chatbot with (C-14)."""

from typing import Annotated, Any

from fastapi import Response
from pydantic import Field

from botyard.contracts.chatbots.envelope import Received, Shown, Success, ok, section
from botyard.contracts.chatbots.paging import Choice, Paged, Pages, choice_of, sparse
from botyard.contracts.chatbots.schemas import Json, Moment, Text, Type
from botyard.edge.caller import Caller
from botyard.edge.session import Reader, Session
from botyard.features.chatbots import templates
from botyard.features.chatbots.templates import Template

router = section("Templates", "/templates")


class TemplateShown(Shown):
    """A template; those that come with the server are everybody's to read and nobody's to change."""

    id: str
    name: str
    description: str | None
    type: str
    content: Json
    built_in: bool
    problem: str | None = Field(
        description="Why no chatbot can be made of it as it stands; null when one can."
    )
    created_at: Moment
    updated_at: Moment

    @classmethod
    def of(cls, template: Template) -> "TemplateShown":
        """The template in the document's words."""
        return cls.model_validate(template)


SomeTemplate = sparse(TemplateShown)


@router.get("", responses={200: {"model": Success[Paged[SomeTemplate]]}})  # type: ignore[valid-type]
async def list_templates(
    session: Reader, caller: Caller, paging: Pages, fields: Annotated[Choice, choice_of(TemplateShown)]
) -> Response:
    """List all templates: the server's own first, then one's own, newest first."""
    found, total = await templates.list_page(
        session, owner_id=caller.user_id, limit=paging.size, offset=paging.offset
    )
    return fields.page([TemplateShown.of(template) for template in found], total, paging)


class NewTemplate(Received):
    """A new template of one's own."""

    name: Text
    description: str | None = None
    type: Type = "hybrid"
    content: Json = Field(default_factory=dict)


@router.post("", status_code=201)
async def create_template(body: NewTemplate, session: Session, caller: Caller) -> Success[TemplateShown]:
    """Create a new template."""
    made = await templates.create(session, owner_id=caller.user_id, **body.model_dump())
    return ok(TemplateShown.of(made))


@router.get("/{template_id}")
async def get_template(template_id: str, session: Reader, caller: Caller) -> Success[TemplateShown]:
    """Get a specific template."""
    return ok(TemplateShown.of(await templates.get(session, template_id, owner_id=caller.user_id)))


class TemplateChange(Received):
    """Absent fields stay (C-08)."""

    name: Text = ""
    description: str | None = None
    type: Type = "hybrid"
    content: Json = Field(default_factory=dict)


@router.put("/{template_id}")
async def update_template(
    template_id: str, body: TemplateChange, session: Session, caller: Caller
) -> Success[TemplateShown]:
    """Update a template."""
    changes: dict[str, Any] = body.model_dump(exclude_unset=True)
    changed = await templates.update(session, template_id, owner_id=caller.user_id, **changes)
    return ok(TemplateShown.of(changed))


@router.delete("/{template_id}", status_code=204)
async def delete_template(template_id: str, session: Session, caller: Caller) -> None:
    """Delete a template; chatbots that were made of it stay."""
    await templates.delete(session, template_id, owner_id=caller.user_id)
