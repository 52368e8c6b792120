"""The review of a run in the browser: one small server on this machine, whose address holds a token.

Who has not the token is answered nothing; what comes from another site's page, too, whichever way: by the Host header
(a name that was made to point here), by Origin, or by Sec-Fetch-Site. Pictures are asked for by number, so that no path
ever comes from outside. Nothing that is sent is written but a vote that fits its model.
"""

import hmac
import logging
import mimetypes
import secrets
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tasks.adjust.sources import PictureFiles
from tasks.feedback.pictures import pairs_of, run_pictures
from tasks.feedback.votes import FeedbackLog, Pair, Rating, read_feedback
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError

HOST = "127.0.0.1"
MOST_BYTES = 16_384  # of a vote
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ASSETS = {"": ("review.html", "text/html"), "review.js": ("review.js", "text/javascript")}
_ASSETS["review.css"] = ("review.css", "text/css")
log = logging.getLogger("imagemill.review")


def review_app(run: str, token: str, port: int) -> Starlette:
    """The server's application.

    Raises:
        BadInput: there is no run with pictures.
    """
    storage = Storage(run)
    pictures = run_pictures(storage)
    listed = list(pictures.values())
    feedback, images = FeedbackLog(storage), PictureFiles(run)

    async def asset(request: Request) -> Response:
        name, kind = _ASSETS.get(request.path_params.get("name", ""), ("", ""))
        if not name:
            return _refused(404)
        return Response((files("tasks.feedback") / name).read_bytes(), media_type=f"{kind}; charset=utf-8")

    async def data(request: Request) -> Response:
        ratings = await run_in_threadpool(lambda: read_feedback(storage, "ratings").to_pylist())
        rated: dict[str, dict[str, Any]] = {}
        for row in ratings:
            said = {name: row[name] for name in ("stars", "favourite", "rejected", "reason") if row[name] is not None}
            rated.setdefault(row["image_uid"], {}).update(said)
        pairs = await run_in_threadpool(lambda: read_feedback(storage, "pairs").to_pylist())
        return JSONResponse(
            {
                "run": PurePosixPath(storage.url()).name,
                "pictures": [{"id": p.uid, "text": p.caption, **rated.get(p.uid, {})} for p in listed],
                "pairs": pairs_of(pictures),
                "compared": [[row["image_0_uid"], row["image_1_uid"]] for row in pairs],
            }
        )

    async def picture(request: Request) -> Response:
        number = request.path_params["number"]
        if number >= len(listed):
            return _refused(404)
        image = listed[number].image
        content = await run_in_threadpool(images.read, image)
        kind = mimetypes.guess_type(image.rpartition("#")[2] or image)[0] or "application/octet-stream"
        return Response(content, media_type=kind if kind.startswith("image/") else "application/octet-stream")

    async def vote(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _refused(415)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return _refused(413)
        model = Pair if request.path_params["kind"] == "pair" else Rating
        try:
            given = model.model_validate_json(bytes(body))
            new = await run_in_threadpool(feedback.add, given, pictures)
        except (ValidationError, KeyError, RecursionError):
            return _refused(422)
        return JSONResponse({"vote": given.vote, "new": new})

    routes = [
        Route("/{token}/", asset),
        Route("/{token}/data", data),
        Route("/{token}/picture/{number:int}", picture),
        Route("/{token}/{name:str}", asset),
        Route("/{token}/vote/{kind:str}", vote, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(BaseHTTPMiddleware, dispatch=_guard(token, port))])


def _refused(status: int) -> Response:
    return Response("refused", status, media_type="text/plain")


def _guard(token: str, port: int) -> Callable[[Request, Any], Awaitable[Response]]:
    """Refuses what has not the token or comes from elsewhere, and tells nobody what went wrong within."""
    places = {f"{HOST}:{port}", f"localhost:{port}"}

    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        try:
            response = await call_next(request) if _allowed(request, token, places) else _refused(403)
        except (StorageError, ValueError) as error:
            log.warning("%s", error)
            response = _refused(503)
        except Exception as error:
            log.warning("a request failed (%s)", type(error).__name__)
            response = _refused(500)
        response.headers.update(_HEADERS)
        return response

    return guard


def _allowed(request: Request, token: str, places: set[str]) -> bool:
    given = str(request.scope["path"]).split("/")[1:2]  # not of `url`, which cannot be made of every query
    if not given or not hmac.compare_digest(given[0].encode("utf-8", "replace"), token.encode()):
        return False
    if request.headers.get("host") not in places:
        return False
    origin = request.headers.get("origin")
    if origin is not None and origin.removeprefix("http://") not in places:
        return False
    if request.method == "POST" and origin is None and "sec-fetch-site" in request.headers:
        return request.headers["sec-fetch-site"] == "same-origin"
    return request.headers.get("sec-fetch-site", "none") in {"none", "same-origin"}


def serve(run: str, port: int, token: str | None = None, told: Callable[[str], None] = print) -> None:
    """Serves the review until it is interrupted; `told` gets its address once it answers.

    Raises:
        BadInput: there is no run with pictures, or the port is taken.
    """
    import socket

    secret = token or secrets.token_urlsafe(24)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise BadInput(f"--port {port}: it cannot be listened on ({error.strerror}); choose another.") from error
        port = listening.getsockname()[1]
        app = review_app(run, secret, port)
        config = uvicorn.Config(app, log_level="critical", access_log=False, server_header=False, lifespan="off")
        listening.listen(128)
        told(f"http://{HOST}:{port}/{secret}/")
        uvicorn.Server(config).run(sockets=[listening])
