"""The table of scenarios. They are written in cases_*.py, by stage."""

import dataclasses
import importlib
from collections.abc import Callable

from builder import World

CASES = ['healthy', 'connect', 'request', 'tls', 'mtu', 'transfer']


class Expect:
    """Of one exchange: its verdict (`a|b`: either), members of its record, words in its report, and
    which of the scenario's exchanges (from 1) it is linked to."""

    def __init__(self, verdict: str, says: tuple[str, ...] = (), link: int = 0, **members):
        self.verdicts = verdict.split('|')
        self.link = link
        self.says = says            # each must stand in summary, evidence, cause or remedy
        self.members = members      # a value, or a function that says whether the value is right


@dataclasses.dataclass
class Scenario:
    name: str
    script: Callable[[World], None]
    expects: tuple[Expect, ...]     # exchanges in order of start; none: no proxy traffic
    near: str                       # the verdict that it nearly shows
    variants: bool                  # false: base form only

    def world(self, family: int = 4) -> World:
        w = World(self.name, family)
        self.script(w)
        return w


TABLE: list[Scenario] = []


def scenario(name: str, *expects: Expect, near: str = '', variants: bool = True):
    def add(script):
        assert all(s.name != name for s in TABLE), name
        TABLE.append(Scenario(name, script, expects, near, variants))
        return script
    return add


def load() -> list[Scenario]:
    for case in CASES:
        importlib.import_module(f'cases_{case}')
    return TABLE
