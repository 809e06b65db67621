"""Networks over HTTP: which there are, and an administrator's own."""

import json
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from akma_core import registry
from akma_core.api.dependencies import CallerDep, StateDep
from akma_core.api.multipart import Limits
from akma_core.api.openapi import form
from akma_core.api.prefix import prefix
from akma_core.api.schemas import ModelList, ModelResponse, UpscalerResponse, model_response, upscaler_response
from akma_core.api.state import State
from akma_core.api.upload import receive
from akma_core.errors import RequestError
from akma_core.jobs.submission import new_id
from akma_core.log import event
from akma_core.networks import builtin, kinds
from akma_core.networks.card import NetworkCard
from akma_core.networks.realesrgan.catalog import cards as upscalers
from akma_core.storage import Storage

IMPORT_SECONDS = 300.0  # reading a network of 250 MB takes a few, and its contact sheet a minute on a CPU
WORDS = {"name": 62, "licence": 500, "note": 2000}  # characters

FILE_TYPES = [suffix.removeprefix(".") for suffix in kinds.SUFFIXES]

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("")
def list_models(state: StateDep) -> ModelList:
    """Networks that `model` takes, and those that `upscale` takes."""
    models, larger = _known(state.storage)
    return ModelList(models=models, upscalers=larger)


@router.get("/{name}")
def get_model(name: Annotated[str, Path(max_length=100)], state: StateDep) -> ModelResponse | UpscalerResponse:
    """One of them."""
    models, larger = _known(state.storage)
    known: list[ModelResponse | UpscalerResponse] = [*models, *larger]
    if found := next((each for each in known if each.name == name), None):
        return found
    raise RequestError(f"there is no network {name[:80]!r}: GET /v1/models lists them", code="not_found")


@router.post(
    "",
    status_code=201,
    openapi_extra=form(
        {
            "file": {
                "type": "string",
                "format": "binary",
                "description": f"a StyleGAN2 or StyleGAN3 network: {', '.join(kinds.SUFFIXES)}",
            },
            "name": {
                "type": "string",
                "pattern": f"^{registry.NAME.pattern}$",
                "description": "small letters, digits and . _ - (default: the file's name)",
            },
            "licence": {"type": "string", "maxLength": WORDS["licence"], "description": "whose it is, what it allows"},
            "note": {"type": "string", "maxLength": WORDS["note"], "description": "anything worth knowing"},
        },
        required=["file"],
    ),
)
async def import_model(request: Request, response: Response, state: StateDep, caller: CallerDep) -> ModelResponse:
    """Make a StyleGAN2 or StyleGAN3 file a network of yours: read as data, nothing in it is run. Administrators only.

    ```
    curl -F file=@net.pkl -F name=baltic http://127.0.0.1:3000/v1/models
    ```
    """
    caller.check_admin()
    key = f"imports/{new_id()}.pkl"
    try:
        limits = Limits.of(state.environment)
        with await receive(request, state.uploads, "file", limits, FILE_TYPES) as file:
            wish = _wish(file.fields, file.name)
            await run_in_threadpool(state.storage.put_file, key, file.path)
        answer = await state.ask("import", {"key": key, **wish}, IMPORT_SECONDS)
    finally:
        await run_in_threadpool(state.storage.delete, key)
    card = NetworkCard.model_validate({name: answer[name] for name in answer.keys() - {"digest"}})
    event("model_imported", by=caller.name, model=card.name, digest=card.digest)
    response.headers["Location"] = f"{prefix()}/v1/models/{card.name}"
    return model_response(card, built_in=False)


@router.delete("/{name}")
def delete_model(
    name: Annotated[str, Path(max_length=100)], state: StateDep, caller: CallerDep
) -> ModelResponse | UpscalerResponse:
    """Remove an imported network; 409 while a render that waits or runs is of it. Administrators only."""
    caller.check_admin()
    found = get_model(name, state)
    if found.built_in:
        raise RequestError(f"{name} is built in, and cannot be removed", code="bad_name", field="name")
    if isinstance(found, ModelResponse):
        _delete(registry.NETWORKS, found.name, state)
    else:
        _delete(registry.UPSCALERS, found.name, state)
    event("model_deleted", by=caller.name, model=name, digest=found.digest)
    return found


def _delete(kind: registry.Registry[registry.Card], name: str, state: State) -> None:
    card = kind.find(state.storage, name)
    for render in state.database.waiting():
        if registry.matches(card, str(json.loads(render.settings).get(kind.field, ""))):
            raise RequestError(f"{name} is in use by a render that is {render.status}: try again later", code="in_use")
    kind.remove(state.storage, card)


def _wish(fields: dict[str, str], file_name: str) -> dict[str, str]:
    """The form's fields, checked."""
    for name, value in fields.items():
        if name not in WORDS:
            raise RequestError(f"unknown setting {name[:60]!r}", code="unknown_setting", field=name[:60])
        if len(value) > WORDS[name]:
            message = f"{name} should have at most {WORDS[name]} characters"
            raise RequestError(message, code="bad_name" if name == "name" else "bad_setting", field=name)
    name = registry.check_name(fields.get("name") or registry.safe_name(PurePath(file_name).stem))
    return {"name": name, "licence": fields.get("licence", ""), "note": fields.get("note", "")}


def _known(storage: Storage) -> tuple[list[ModelResponse], list[UpscalerResponse]]:
    models = [model_response(builtin.find(name)[1], built_in=True) for name in builtin.names()]
    models += [model_response(card, built_in=False) for card in registry.cards(storage)]
    larger = [upscaler_response(card, built_in=True) for card in upscalers().values()]
    larger += [upscaler_response(card, built_in=False) for card in registry.UPSCALERS.cards(storage)]
    return models, larger
