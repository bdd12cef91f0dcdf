"""What `/readyz` says of a desk."""

from typing import Any

import httpx

from tests.kit.desk_server import Desk
from tests.kit.patience import PATIENCE_S


async def readiness(desk: Desk) -> dict[str, Any]:
    """The checks, with the HTTP status as `code`."""
    async with httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as client:
        answer = await client.get(f"http://127.0.0.1:{desk.port}/readyz")
    return {"code": answer.status_code, **answer.json()}
