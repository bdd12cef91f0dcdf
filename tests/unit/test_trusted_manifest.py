"""The manifest of a process: checked before it is used, and read again when its file changes."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from domain.document_name import DocumentName, TrustMode
from gateway.http.operation_metrics import OperationMetrics
from gateway.watch.trusted_manifest import ManifestFile, TrustedManifest
from resolvers.execution.executor import Executor
from resolvers.execution.manifest import ManifestFault
from resolvers.execution.trusted import TrustedDocuments
from tests.kit.executing import LIMITS, SCHEMA
from tests.kit.patience import PATIENCE_S, pauses

WHO, CASES = "query Who { viewer { subject } }", "query Cases { cases { nodes { id } } }"
DEAR = "query Dear { " + " ".join(
    f"a{n}: clients(first: 100) {{ nodes {{ accounts {{ positions(first: 100) {{ nodes {{ mark }} }} }} }} }}"
    for n in range(10)
) + " }"  # fmt: skip


def named(text: str) -> DocumentName:
    return DocumentName(sha256(text.encode()).hexdigest())


def executor(mode: TrustMode = TrustMode.ONLY) -> Executor:
    return Executor(SCHEMA, LIMITS, introspection=False, trusted=TrustedDocuments(mode, logged_max=2))


def write(path: Path, *texts: str) -> None:
    path.write_bytes(orjson.dumps({named(text).sha256: text for text in texts}))


def manifest(path: Path, runs: Executor, **limits: int) -> TrustedManifest:
    usual: Mapping[str, int] = {"bytes_max": 10_000, "documents_max": 10}
    return TrustedManifest(ManifestFile(path, **{**usual, **limits}), runs, 0.01)


async def test_a_document_of_the_manifest_is_found_by_its_hash_and_by_its_text(tmp_path: Path) -> None:
    runs, file = executor(), tmp_path / "manifest.json"
    write(file, WHO)
    await manifest(file, runs).load()
    found = runs.read("", named(WHO))
    assert found.text == WHO
    assert runs.read(WHO) is found is runs.read(WHO, named(WHO))
    assert runs.document_reads == {"known": 3}, "it was parsed before it was asked for"
    assert runs.read(CASES).errors[0].extensions == {"code": "DOCUMENT_NOT_TRUSTED"}
    assert runs.trusted.requests == {"trusted": 3, "untrusted": 1}
    metrics = OperationMetrics(names_max=0, trusted=runs.trusted)
    for text in (WHO, CASES):
        document = executor(TrustMode.OFF).read(text)
        metrics.refused(document, None, [])
    assert {name for _, name, _ in metrics.operations} == {"Who", "(other)"}, (
        "the manifest's names are counted"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("query Gone { gone }", "'query Gone { gone }' is refused: Cannot query field"),
        ("query Broken {", "'query Broken {' is refused: Syntax Error"),
        ("query Schema { __schema { types { name } } }", "introspection"),
        (DEAR, "is refused: The answer could have"),
    ],
)
async def test_a_document_that_could_not_run_refuses_the_whole_manifest(
    tmp_path: Path, text: str, reason: str
) -> None:
    runs, file = executor(), tmp_path / "manifest.json"
    write(file, WHO, text)
    with pytest.raises(ManifestFault) as refused:
        await manifest(file, runs).load()
    assert reason in str(refused.value)
    assert not len(runs.trusted)


async def test_a_manifest_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    write(file, WHO, CASES)
    with pytest.raises(ManifestFault, match="more than 50 bytes"):
        await manifest(file, executor(), bytes_max=50).load()


async def test_a_changed_file_is_taken_and_one_with_a_fault_changes_nothing(tmp_path: Path) -> None:
    runs, file = executor(), tmp_path / "manifest.json"
    write(file, WHO)
    followed = manifest(file, runs)
    await followed.load()
    first = runs.read("", named(WHO))
    with capture_logs() as lines:
        write(file, WHO, CASES)
        await followed.follow()
        assert runs.read("", named(CASES)).ast is not None
        assert runs.read("", named(WHO)) is first, "an unchanged document is not parsed again"
        file.write_text("{")
        await followed.follow()
        await followed.follow()
        assert "not JSON" in (followed.trouble or "")
        file.unlink()
        await followed.follow()
        assert "No such file" in (followed.trouble or "")
        assert runs.read("", named(WHO)).ast is not None, "the last manifest stays"
        write(file, CASES)
        await followed.follow()
    assert followed.trouble is None
    assert [line["event"] for line in lines if "used" in line["event"]] == [
        "the changed manifest of trusted documents cannot be used",
        "the manifest of trusted documents is used again",
    ]
    assert runs.read("", named(WHO)).errors[0].extensions == {"code": "DOCUMENT_UNKNOWN"}


async def test_the_file_is_followed_while_the_process_runs(tmp_path: Path) -> None:
    runs, file = executor(), tmp_path / "manifest.json"
    write(file, WHO)
    followed = manifest(file, runs)
    await followed.load()
    task = asyncio.create_task(followed.run())
    try:
        (tmp_path / "next.json").write_bytes(orjson.dumps({named(CASES).sha256: CASES}))
        # As deployments replace it: never half written.
        (tmp_path / "next.json").replace(file)
        async with asyncio.timeout(PATIENCE_S):
            for pause in pauses():
                if runs.trusted.get(named(CASES).sha256 or ""):
                    break
                await asyncio.sleep(pause)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_without_a_manifest_a_name_is_refused_and_every_text_runs() -> None:
    runs, of_apollo = executor(TrustMode.OFF), replace(named(WHO), of_apollo=True)
    (error,) = runs.read("", of_apollo).errors
    assert (error.message, error.extensions) == (
        "PersistedQueryNotSupported",
        {"code": "PERSISTED_QUERY_NOT_SUPPORTED"},
    )
    assert runs.read("", named(WHO)).errors[0].extensions == {"code": "DOCUMENT_UNKNOWN"}
    assert runs.read(CASES, of_apollo).errors[0].extensions == {"code": "DOCUMENT_HASH_WRONG"}
    assert runs.read(WHO, of_apollo).ast is not None
    assert runs.read(CASES).ast is not None
    assert not runs.trusted.requests


async def test_a_document_beside_the_manifest_is_logged_once_and_a_bounded_number_of_them(
    tmp_path: Path,
) -> None:
    runs, file = executor(TrustMode.LOG), tmp_path / "manifest.json"
    write(file, WHO)
    await manifest(file, runs).load()
    with capture_logs() as lines:
        for _ in range(2):
            for text in (WHO, CASES, "{ a }", "{ b }", "{ c }"):
                runs.read(text)
    logged = [line["operations"] for line in lines if line["event"] == "a document is not in the manifest"]
    assert logged == [["Cases"], [""]]
    assert runs.trusted.requests == {"trusted": 2, "untrusted": 8}
