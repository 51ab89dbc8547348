"""Settings of dash.js 5.2.1 that its model knows."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DashjsSettings"]


@dataclass(frozen=True, slots=True)
class DashjsSettings:
    """Settings that differ between the strategies of dash.js: which rules are active.

    Attributes
    ----------
    has_throughput_rule, has_bola_rule : bool
        Both: the dynamic strategy, which is the default.
    has_fast_switch : bool
        Whether buffered segments of lower rungs are replaced after an up-switch; `buffer.fastSwitchEnabled`.
    """

    has_throughput_rule: bool = True
    has_bola_rule: bool = True
    has_fast_switch: bool = True
