"""Pictures of seeds: what a network makes of each, small, to choose from."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from akma_core.api.cache import one
from akma_core.api.dependencies import CallerDep, StateDep
from akma_core.api.responses import matches_tag
from akma_core.api.seed_pictures import SeedLook, SeedPictures
from akma_core.errors import RequestError
from akma_core.render.planner import check_class

FOR_EVER, ASK = "private, max-age=31536000, immutable", "private, no-cache"
DIGEST = 16  # characters of a network's digest that stand for it

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get(
    "/{name}/seeds/{seed}.jpg",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 304: {"description": "What If-None-Match says"}},
)
@router.head("/{name}/seeds/{seed}.jpg", include_in_schema=False)
async def get_seed(
    request: Request,
    name: Annotated[str, Path(max_length=100)],
    seed: Annotated[int, Path(ge=0, le=2**32 - 1)],
    state: StateDep,
    _: CallerDep,
    size: Annotated[int, Query(ge=16, le=512, description="pixels of the longest side")] = 128,
    truncation_psi: Annotated[float, Query(ge=-10, le=10, allow_inf_nan=False)] = 1.0,
    class_index: Annotated[int, Query(alias="class", ge=0, le=99_999)] = 0,
    v: Annotated[str | None, Query(max_length=64, description="of the network's digest, 16 characters or more")] = None,
) -> Response:
    """Picture that a network makes of a seed, between the batches of whatever renders; kept from then on.

    With `v` the address says which network it is, and the picture never changes.
    """
    pictures = one(request, "seeds", lambda: SeedPictures(state))
    card = await pictures.card(name)
    check_class(class_index, card)
    if v is not None and (len(v) < DIGEST or not card.digest.startswith(v)):
        raise RequestError(f"network {card.name} is another one by now: ask for it again", code="not_found", field="v")
    look = SeedLook(name, class_index, round(truncation_psi, 2), size)
    tag = f'"{card.digest[:DIGEST]}-{look.name}-{seed}"'
    headers = {"ETag": tag, "Cache-Control": FOR_EVER if v else ASK}
    if matches_tag(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    data = await pictures.get(card.digest, look, seed)
    return Response(data, media_type="image/jpeg", headers=headers)
