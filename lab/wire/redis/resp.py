"""Where commands and replies begin and end in a stream of RESP2 or RESP3, with no more of them kept than a Flow needs.

Both readers go over every byte once: they count the values that a frame still needs, and skip payloads unseen. A frame
is reported with the offset in the fed bytes at which it ends. They raise ValueError on bytes that are not RESP.
"""

from __future__ import annotations

LINE_LIMIT = 64 * 1024
ARGS_KEPT = 8
ARG_LIMIT = 512
"""Bytes of an argument that are kept; of a longer one, nothing."""

_CRLF = b"\r\n"


class Command:
    """`args`: the first ARGS_KEPT arguments; `count` of all of them; `end`: where it ends in the bytes fed last."""

    __slots__ = ("args", "count", "end")

    def __init__(self, args: list[bytes], count: int, end: int) -> None:
        self.args = args
        self.count = count
        self.end = end


class Reply:
    """`kind`: the type byte (`+ - : $ * > ...`); `line`: the rest of the first line; `nils`: how many nils are inside;
    `items`: the first two strings of an array or push; `end` as in Command."""

    __slots__ = ("end", "items", "kind", "line", "nils")

    def __init__(self, kind: int, line: bytes, nils: int, items: list[bytes], end: int) -> None:
        self.kind = kind
        self.line = line
        self.nils = nils
        self.items = items
        self.end = end


class CommandReader:
    """The client's side: arrays of bulk strings, or inline commands."""

    def __init__(self) -> None:
        self._rest = b""
        self._need = 0
        self._skip = 0
        self._count = 0
        self._args: list[bytes] = []
        self._arg: list[bytes] | None = None

    def whole(self, data: bytes) -> list[bytes] | None:
        """The arguments, if `data` is exactly one short command and nothing is under way. So most commands come, and
        this is quicker than `feed`; to which None leaves it, as if nothing had happened."""
        if self._need or self._rest or len(data) > ARG_LIMIT:
            return None
        parts = data.split(_CRLF)
        count = len(parts) // 2 - 1
        if count > ARGS_KEPT or len(parts) % 2 or parts[0] != _COUNTS[count] or parts[-1]:
            return None
        args = parts[2::2]
        for size, arg in zip(parts[1:-1:2], args, strict=True):
            if size != _SIZES[len(arg)]:
                return None
        return args

    def feed(self, data: bytes) -> list[Command]:
        before = len(self._rest)
        if before:
            data = self._rest + data
            self._rest = b""
        commands = []
        pos, size = 0, len(data)
        while pos < size:
            if self._skip:
                pos = self._skipped(data, pos, size)
                if self._skip:
                    break
                if not self._need:
                    commands.append(Command(self._args, self._count, pos - before))
                continue
            kind = data[pos]
            inline = not self._need and kind != 42
            end = data.find(b"\n" if inline else _CRLF, pos)
            if end < 0:
                self._keep(data, pos)
                break
            if not self._need:
                self._args = args = []
                if inline:
                    # Typed by hand, so a line feed alone will do.
                    _must_be_inline(kind)
                    args += data[pos:end].split()[:ARGS_KEPT]
                    self._count = len(args)
                    pos = end + 1
                else:
                    self._need = self._count = max(0, _length(data[pos + 1 : end]))
                    pos = end + 2
                if not self._need:
                    commands.append(Command(args, self._count, pos - before))
                continue
            length = _length(data[pos + 1 : end])
            if kind != 36 or length < 0:
                raise ValueError("an argument that is not a string")
            start = end + 2
            pos = start + length + 2
            wanted = len(self._args) < ARGS_KEPT
            if pos > size:
                self._skip = pos - size
                if wanted:
                    self._arg = [data[start:]] if length <= ARG_LIMIT else []
                    self._args.append(b"")
                pos = size
                break
            if data[pos - 1] != 10:
                raise ValueError("a string of another length than it says")
            if wanted:
                self._args.append(data[start : pos - 2] if length <= ARG_LIMIT else b"")
            self._need -= 1
            if not self._need:
                commands.append(Command(self._args, self._count, pos - before))
        return commands

    def _skipped(self, data: bytes, pos: int, size: int) -> int:
        step = min(self._skip, size - pos)
        self._skip -= step
        if self._arg:
            self._arg.append(data[pos : pos + step])
        pos += step
        if not self._skip:
            if data[pos - 1] != 10:
                raise ValueError("a string of another length than it says")
            self._need -= 1
            if self._arg:
                self._args[-1] = b"".join(self._arg)[:-2]
            self._arg = None
        return pos

    def _keep(self, data: bytes, pos: int) -> None:
        self._rest = data[pos:]
        if len(self._rest) > LINE_LIMIT:
            raise ValueError("a line of more than 64 KB")
        if self._need:
            if data[pos] != 36:
                raise ValueError("an argument that is not a string")
        elif data[pos] != 42:
            _must_be_inline(data[pos])


class ReplyReader:
    """The server's side: any RESP2 or RESP3 value, pushes among them."""

    def __init__(self) -> None:
        self._rest = b""
        self._need = 0
        self._skip = 0
        self._kind = 0
        self._line = b""
        self._nils = 0
        self._items: list[bytes] = []
        self._partial: list[bytes] | None = None

    def whole(self, data: bytes) -> Reply | None:
        """The reply, if `data` is exactly one string, number or error and nothing is under way; else None, as above."""
        if self._need or self._rest:
            return None
        kind, size = data[0], len(data)
        end = data.find(_CRLF)
        if kind == 36:
            line = data[1:end]
            if end > 0 and line.isdigit() and end + 4 + int(line) == size and data[-1] == 10:
                return Reply(kind, line, 0, [], size)
        elif kind in _LINES and 0 < end == size - 2:
            return Reply(kind, data[1:end], 0, [], size)
        return None

    def feed(self, data: bytes) -> list[Reply]:
        before = len(self._rest)
        if before:
            data = self._rest + data
            self._rest = b""
        replies = []
        pos, size = 0, len(data)
        while pos < size:
            if self._skip:
                step = min(self._skip, size - pos)
                self._skip -= step
                if self._partial is not None:
                    self._partial.append(data[pos : pos + step])
                pos += step
                if self._skip:
                    break
                if data[pos - 1] != 10:
                    raise ValueError("a string of another length than it says")
                if self._partial is not None:
                    self._items.append(b"".join(self._partial)[:-2])
                    self._partial = None
            else:
                end = data.find(_CRLF, pos)
                kind = data[pos]
                if kind not in _KINDS:
                    raise ValueError("not the beginning of a reply")
                if end < 0:
                    self._rest = data[pos:]
                    if len(self._rest) > LINE_LIMIT:
                        raise ValueError("a line of more than 64 KB")
                    break
                line = data[pos + 1 : end]
                pos = end + 2
                top = not self._need
                if top:
                    self._need, self._kind, self._line, self._nils, self._items = 1, kind, line, 0, []
                elif self._kind == 0 and self._need == 1 and kind != 124:
                    self._kind, self._line = kind, line
                if kind in _BULKS:
                    length = _length(line)
                    if length >= 0:
                        start, pos = pos, pos + length + 2
                        keep = not top and len(self._items) < 2 and length <= ARG_LIMIT
                        if pos > size:
                            self._skip = pos - size
                            self._partial = [data[start:]] if keep else None
                            break
                        if data[pos - 1] != 10:
                            raise ValueError("a string of another length than it says")
                        if keep:
                            self._items.append(data[start : pos - 2])
                    else:
                        self._nils += 1
                elif kind in _AGGREGATES:
                    count = max(0, _length(line))
                    self._need += count * 2 if kind in _PAIRS else count
                    if kind == 124:  # an attribute: what it describes still follows
                        if top:
                            self._kind = 0
                        continue
                elif kind == 95:
                    self._nils += 1
            self._need -= 1
            if not self._need:
                replies.append(Reply(self._kind, self._line, self._nils, self._items, pos - before))
        return replies


_COUNTS = tuple(b"*%d" % count for count in range(ARGS_KEPT + 1))
_SIZES = tuple(b"$%d" % size for size in range(ARG_LIMIT + 1))
_LINES = frozenset(b"+-:")
_KINDS = frozenset(b"+-:$*_#,(!=%~>|")
_BULKS = frozenset(b"$!=")
_AGGREGATES = frozenset(b"*%~>|")
_PAIRS = frozenset(b"%|")


def _length(digits: bytes) -> int:
    length = int(digits)
    if length < -1:
        raise ValueError("a negative length")
    return length


def _must_be_inline(byte: int) -> None:
    if not (65 <= byte <= 90 or 97 <= byte <= 122 or byte in b"\r\n "):
        raise ValueError("not the beginning of a command")
