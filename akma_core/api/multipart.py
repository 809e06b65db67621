"""The multipart form that songs arrive in: which byte belongs to what, and whether it may."""

import re
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers

from akma_core.config import Environment
from akma_core.errors import RequestError

PART_HEADERS = 8  # lines
QUOTED = re.compile(rb'"(?:\\.|[^"\\])*"')
EXTENDED = re.compile(
    rb";\s*filename\*\s*=\s*(utf-8|iso-8859-1)'[\w-]{0,20}'([\w!#$&+.^`|~%-]+)", re.IGNORECASE | re.ASCII
)
CURVE = "curve_"  # begins the fields that hold a curve or events, files or not
UNFIT = re.compile("[\0\ud800-\udfff]")  # characters that databases and UTF-8 do not take


@dataclass(frozen=True)
class Limits:
    """Limits of one form."""

    file_bytes: int = 4 << 30
    """the file"""
    form_bytes: int = 16 << 20
    """all the rest together: fields, headers, boundaries"""
    fields: int = 64
    """number of text fields"""
    field_bytes: int = 4 << 20
    """one text field; two lists of 100,000 seeds take 2.4 MB"""
    header_bytes: int = 4096
    """one header line of a part, of which there may be 8"""
    reserve_bytes: int = 256 << 20
    """stay free on the disk, whatever is uploaded"""
    idle_seconds: float = 60.0
    """without a byte from the client"""
    grace_seconds: float = 60.0
    """until the rate counts"""
    least_rate: float = 0.0
    """bytes a second that must have come on average"""

    @classmethod
    def of(cls, environment: Environment) -> "Limits":
        """The limits that the environment sets."""
        return cls(file_bytes=environment.max_upload_bytes, least_rate=environment.min_upload_rate)


class FormParser:
    """Parser of a form: its fields so far, and the bytes of its one file that nobody has taken yet."""

    def __init__(self, headers: Headers, file_field: str, limits: Limits) -> None:
        """RequestError, code unsupported_type or bad_body, where a request with `headers` carries no form."""
        self.file_field, self.limits = file_field, limits
        self.fields: dict[str, str] = {}
        self.file_name: str | None = None  # as the client sent it
        self.size = 0  # bytes of the file so far
        self.block = bytearray()  # of the file, not on the disk yet
        self._total = 0
        self._ended = False
        self._part_begin()
        self._parser = MultipartParser(
            _boundary(headers),
            {
                "on_part_begin": self._part_begin,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_end": self._end,
            },
            max_header_count=PART_HEADERS,
            max_header_size=limits.header_bytes,
        )

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body. RequestError, code bad_body, bad_setting or too_large."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _bad_body(f"the body is no multipart/form-data ({error}): send it as curl -F does") from None
        self._total += len(chunk)
        if self._total - self.size > self.limits.form_bytes:
            raise too_large("the form without its file", self.limits.form_bytes)

    def take(self) -> bytearray:
        """The bytes of the file since the last call."""
        block, self.block = self.block, bytearray()
        return block

    def check_whole(self, instead: str | None = None) -> None:
        """RequestError unless the form ended and had its file, or the field `instead` of it, and not both."""
        if not self._ended:
            raise RequestError("the body ends in the middle of the form: send it again", code="incomplete_upload")
        if instead is not None and instead in self.fields:
            if self.file_name is not None:
                message = f"{self.file_field} and {instead} are both given: give one of them"
                raise RequestError(message, code="bad_setting", field=instead)
            return
        if self.file_name is None:
            raise _no_file(self.file_field)
        if not self.size:
            message = f"{self.file_field} is empty: send a file with something in it"
            raise RequestError(message, code="bad_body", field=self.file_field)

    def _part_begin(self) -> None:
        self._key, self._value, self._disposition, self._kind = b"", b"", b"", b""
        self._name, self._text = "", bytearray()
        self._is_file = False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._key += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._key.lower() == b"content-disposition":
            self._disposition = self._value
        elif self._key.lower() == b"content-type":
            self._kind = parse_options_header(self._value)[0]
        self._key, self._value = b"", b""

    def _headers_finished(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or not options.get(b"name"):
            raise _bad_body("a part of the form has no name: send it as curl -F name=value does")
        self._name = name = _decoded(options[b"name"], "a field's name")
        file_name = _extended(self._disposition)
        if file_name is None and b"filename" in options:
            file_name = options[b"filename"].decode(errors="replace")
        if name == self.file_field:
            # Some clients name no file but say what it is; a forgotten @ of curl's comes without both.
            if file_name is None and self._kind in (b"", b"text/plain"):
                raise _no_file(name)
            file_name = file_name or ""
        elif (
            name.startswith(CURVE)
            or self._kind == b"application/json"
            or (file_name == "blob" and self._kind.startswith(b"text/"))
        ):
            file_name = None  # a curve, or a setting that a browser or Spring sends as a part of its own
        self._is_file = file_name is not None
        if not self._is_file:
            self._check_field(name)
            return
        if name != self.file_field:
            message = f"{name[:60]} is sent as a file: the form's one file is {self.file_field}, the rest is text"
            raise RequestError(message, code="bad_body", field=name[:60])
        if self.file_name is not None:
            raise RequestError(f"{name} is sent twice: send one file", code="bad_body", field=name)
        self.file_name = file_name

    def _check_field(self, name: str) -> None:
        if name in self.fields:
            message = f"{name[:60]} is given twice: give it once"
            raise RequestError(message, code="bad_setting", field=name[:60])
        if len(self.fields) == self.limits.fields:
            raise RequestError(f"the form has more than {self.limits.fields} fields: send fewer", code="too_large")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.size += end - start
            if self.size > self.limits.file_bytes:
                raise too_large(self.file_field, self.limits.file_bytes)
            self.block += data[start:end]
        else:
            if len(self._text) + end - start > self.limits.field_bytes:
                raise too_large(self._name[:60], self.limits.field_bytes)
            self._text += data[start:end]

    def _part_end(self) -> None:
        if not self._is_file:
            self.fields[self._name] = _decoded(bytes(self._text), self._name[:60])

    def _end(self) -> None:
        self._ended = True


def _extended(disposition: bytes) -> str | None:
    """The name in filename* (RFC 5987): charset, language and the name in percents; None where there is none."""
    match = EXTENDED.search(QUOTED.sub(b'""', disposition))
    if match is None:
        return None
    with suppress(LookupError):  # a character set that nobody knows
        return unquote(match[2].decode(), match[1].decode(), "replace")
    return None


def _boundary(headers: Headers) -> bytes:
    kind, options = parse_options_header(headers.get("content-type", "").encode("latin-1"))
    if kind != b"multipart/form-data":
        message = "the body should be multipart/form-data: send it as curl -F does"
        raise RequestError(message, code="unsupported_type")
    if headers.get("content-encoding", "identity").lower() != "identity":
        message = "the body is compressed: send it without Content-Encoding"
        raise RequestError(message, code="unsupported_type")
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # RFC 2046
        raise _bad_body("Content-Type has no boundary of 1 to 70 characters: let the client library write that header")
    return boundary


def _decoded(data: bytes, what: str) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise _bad_body(f"{what} is not UTF-8 text: send it as UTF-8") from None
    if UNFIT.search(text):
        raise _bad_body(f"{what} has a NUL character: send text")
    return text


def _no_file(name: str) -> RequestError:
    message = f"{name} should be a file: curl -F {name}=@FILE, with the @"
    return RequestError(message, code="bad_body", field=name)


def too_large(what: str, limit: int) -> RequestError:
    return RequestError(f"{what} has more than {limit:,} bytes: send less", code="too_large")


def _bad_body(message: str) -> RequestError:
    return RequestError(message, code="bad_body")
