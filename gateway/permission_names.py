"""The names by which a token may grant a permission: the desk's own, and those of the reference product."""

import re

from domain.principal import Permission

REFERENCE_NAMES = {
    "RiskWarningFull": Permission.RISK_WARNING_FULL,
    "RiskWarningReadOnly": Permission.RISK_WARNING_READ_ONLY,
    "RiskSettingFull": Permission.RISK_SETTING_FULL,
    "MarginCallFull": Permission.RISK_WARNING_OPERATOR,
    "RiskCreditFull": Permission.RISK_WARNING_READ_ONLY,
}
"""Permission names of the reference product, which tokens may use as well.

Each stands for the role with most of its rights, and never for more: that MarginCallFull may sell is not
documented, and no role changes credit alone.
"""

_SETTINGS = "RISK_SETTING_FULL changes settings, AUDITOR reads them"
NO_ROLE_FOR = {
    "RiskOptionHaircutFull": _SETTINGS,
    "lb_hk_margin_call.margin_call_auto_batch_forccconfig": _SETTINGS,
    "risk_config.risk_rules_manager_query": _SETTINGS,
    "lb_hk_credit_limit.credit_limit_para_qurey": _SETTINGS,
    "lb_hk_credit_limit.credit_limit_para_update": _SETTINGS,
    "lb_hk_credit_limit.lb_credit_limit": _SETTINGS,
    "credit_limit.client_group_query": _SETTINGS,
    "credit_limit.client_group_operation": _SETTINGS,
    "billing.short_selling_*": "RISK_WARNING_OPERATOR handles borrowed stock",
    "admin.general_whale_api": "SERVICE is for machines",
}
"""Refused keys of the reference product, with the nearest role: every role may do more than they mean."""

_PERMISSIONS = REFERENCE_NAMES | {permission.value: permission for permission in Permission}
_SHORT_SELLING = re.compile(r"^billing\.short_selling_\w+$", re.ASCII)


def permission_named(name: str) -> Permission:
    """The permission with this name, or with this name of the reference product; raises `ValueError`."""
    near = NO_ROLE_FOR.get(_SHORT_SELLING.sub("billing.short_selling_*", name))
    if near is not None:
        raise ValueError(f"every permission of this desk would allow more than {name[:80]!r} does: {near}")
    try:
        return _PERMISSIONS[name]
    except KeyError:
        raise ValueError(
            f"no permission is named {name[:50]!r}: use one of {', '.join(each.name for each in Permission)}"
        ) from None
