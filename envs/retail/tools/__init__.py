"""The tools of the service desk: what each does to a desk, and with what words it refuses.

Names, arguments, results and refusals are those of τ-bench's retail domain (Yao et al., arXiv:2406.12045).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from practicum.envs.retail.desk import Desk
from practicum.envs.retail.tools.addresses import modify_pending_order_address, modify_user_address
from practicum.envs.retail.tools.delivered import exchange_delivered_order_items, return_delivered_order_items
from practicum.envs.retail.tools.lookups import (
    find_user_id_by_email,
    find_user_id_by_name_zip,
    get_order_details,
    get_product_details,
    get_user_details,
    list_all_product_types,
)
from practicum.envs.retail.tools.pending import (
    cancel_pending_order,
    modify_pending_order_items,
    modify_pending_order_payment,
)

LOOKUPS: Mapping[str, Callable[..., Any]] = {
    tool.__name__: tool
    for tool in (
        find_user_id_by_email,
        find_user_id_by_name_zip,
        get_user_details,
        get_order_details,
        get_product_details,
        list_all_product_types,
    )
}
"""Tools that only look."""
CHANGES: Mapping[str, Callable[..., Any]] = {
    tool.__name__: tool
    for tool in (
        cancel_pending_order,
        modify_pending_order_address,
        modify_pending_order_items,
        modify_pending_order_payment,
        modify_user_address,
        return_delivered_order_items,
        exchange_delivered_order_items,
    )
}
"""Tools that change a user or an order."""


def apply_call(desk: Desk, tool: str, arguments: Mapping[str, Any]) -> Any:
    """Play a call of a tool that looks or changes; any other leaves the desk alone and returns None.

    Raises:
        ActionError: the desk refuses.
        TypeError: an argument is missing or unknown.
    """
    function = CHANGES.get(tool) or LOOKUPS.get(tool)
    return None if function is None else function(desk, **arguments)
