"""Docker's `local` logging driver: its binary files read as the records of json-file.

A file is a row of records: a length in four bytes, a protocol buffer of that length, the length
again. Fields: 1 source, 2 time in nanoseconds, 3 the line without its end, 4 whether it is part of
a longer one, 5 which part (1 within: the last), 6 attributes. The notation is Docker's own and may
change, so each record is checked, and the first that does not hold ends the reading with the
command that exports the rest. Offsets in the events are those of the JSON lines. Source:
`daemon/logger/local` and `entry.proto` in moby.
"""

import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pipeline.ingest.decompress import Content

ENCODING = "docker-local"
# The driver splits lines at 16 KiB; attributes come on top.
_MAX_RECORD_BYTES = 2**20
_SOURCE_FIELD = b"\x0a\x06std"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HINT = "docker logs --timestamps CONTAINER > app.log 2>&1 exports it as text"

_Fields = dict[int, list[int | bytes]]


def is_docker_local(head: bytes) -> bool:
    """Tell by the first bytes of a file whether it is one of this driver."""
    if len(head) < 16 or head[4:9] != _SOURCE_FIELD:
        return False
    size = int.from_bytes(head[:4], "big")
    if not 0 < size <= _MAX_RECORD_BYTES:
        return False
    end = head[4 + size : 8 + size]
    return end == head[:4] or len(end) < 4


def open_docker_local(content: Content) -> Content:
    """Return the records of *content* as JSON lines; reading raises OSError at a broken one."""
    return Content.of(_records(content))


def _records(content: Content) -> Iterator[bytes]:
    offset = 0
    while prefix := content.read(4):
        size = int.from_bytes(prefix, "big")
        record = content.read(size) if len(prefix) == 4 and size <= _MAX_RECORD_BYTES else b""
        if len(record) != size or not size or content.read(4) != prefix:
            raise OSError(f"Docker's binary log is broken at byte {offset:,}; {_HINT}")
        try:
            line = _json_line(_fields(record))
        except (IndexError, ValueError, KeyError, TypeError, struct.error, OverflowError) as error:
            raise OSError(
                f"Docker's binary log has an unknown record at byte {offset:,}; {_HINT}"
            ) from error
        yield line
        offset += size + 8


def _json_line(fields: _Fields) -> bytes:
    text = _text(fields[3][-1]) if 3 in fields else ""
    part = _fields(_bytes(fields[5][-1])) if 5 in fields else {}
    goes_on = bool(fields.get(4, [0])[-1]) and not part.get(1, [0])[-1]
    nanoseconds = fields[2][-1]
    if not isinstance(nanoseconds, int):
        raise TypeError("time is no number")
    moment = _EPOCH + timedelta(seconds=nanoseconds // 10**9)
    record: dict[str, object] = {
        "log": text if goes_on else f"{text}\n",
        "stream": _text(fields[1][-1]),
        "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 10**9:09}Z",
    }
    if 6 in fields:
        pairs = [_fields(_bytes(entry)) for entry in fields[6]]
        record["attrs"] = {
            _text(pair.get(1, [b""])[-1]): _text(pair.get(2, [b""])[-1]) for pair in pairs
        }
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise TypeError("a number where text belongs")
    return value


def _text(value: int | bytes) -> str:
    # What is no UTF-8 stays as it is, for `lines` to count.
    return _bytes(value).decode("utf-8", "surrogateescape")


def _fields(record: bytes) -> _Fields:
    """Parse a protocol buffer one level deep: field number to its values in order."""
    fields: _Fields = {}
    at = 0
    while at < len(record):
        key, at = _varint(record, at)
        value: int | bytes
        match key & 7:
            case 0:
                value, at = _varint(record, at)
            case 1:
                value, at = struct.unpack_from("<q", record, at)[0], at + 8
            case 2:
                size, at = _varint(record, at)
                value, at = record[at : at + size], at + size
                if at > len(record):
                    raise ValueError("a field ends after its record")
            case 5:
                value, at = struct.unpack_from("<i", record, at)[0], at + 4
            case _:
                raise ValueError("unknown wire type")
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _varint(record: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = record[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value - 2**64 if value >= 2**63 else value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number without an end")
