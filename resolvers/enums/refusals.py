"""The codes of refusals."""

from domain.refusals import RefusalCode
from resolvers.enums.descriptions import Descriptions

DESCRIPTIONS: Descriptions = {
    RefusalCode: (
        "The reason why the desk refuses a request.",
        {
            "FORBIDDEN": "Your token does not grant the permission for this.",
            "NOT_FOUND": "No such object exists within your scope.",
            "VERSION_CONFLICT": (
                "The object changed since you read it, or another transaction is changing it now. Read it "
                "again and repeat the request."
            ),
            "IDEMPOTENCY_KEY_REUSED": (
                "The idempotency key was used before with different content. Choose a new key."
            ),
            "CASE_CLOSED": "The case is closed. A new breach opens a new case.",
            "CASE_IN_EXCEPTION": "The case is in exception. Clear the exception first.",
            "CASE_HAS_OPEN_ORDERS": (
                "Liquidation orders of the case are open. Cancel them or wait until they have ended."
            ),
            "CASE_CLAIMED": (
                "Another operator has claimed the case. The message names the operator and the end of the "
                "claim."
            ),
            "NOT_IN_EXCEPTION": "Only a case in exception can be written off. Mark the exception first.",
            "NOTHING_TO_COLLECT": "The amount is 0, or open orders will bring it to 0.",
            "NOTHING_SELLABLE": "No position, or not the named one, can be closed now.",
            "QUANTITY_EXCEEDS_SELLABLE": (
                "The quantity is larger than the position less its open closing orders."
            ),
            "OFF_LOT": "The quantity is not a whole number of lots above zero.",
            "CAPPED": (
                "The order would exceed a cap: a share of the average daily volume, or a notional per order."
            ),
            "PRICE_OUTSIDE_BAND": (
                "The price band is wider than the desk allows, a market order has a limit price, or the "
                "limit price is not above 0."
            ),
            "PRICE_COLLAR": (
                "The price is too far from the mark or the previous close, to the client's disadvantage."
            ),
            "OFF_TICK": (
                "The price is not a multiple of the exchange's tick size. The message names the nearest "
                "valid prices."
            ),
            "NO_QUOTE": "There is no price on the side that is needed, or no FX rate.",
            "STALE_QUOTE": "The last price or FX rate is too old.",
            "ACCOUNT_IN_DOUBT": (
                "The desk cannot judge the account and does not liquidate it automatically; see `unwatched`."
            ),
            "MARKET_CLOSED": "The market does not accept such an order now.",
            "UNKNOWN_MARKET": (
                "No exchange calendar of the market is known, so the desk does not sell there automatically."
            ),
            "INSTRUMENT_SUSPENDED": "The instrument is suspended or delisted.",
            "INCREASES_EXPOSURE": "The order would open or enlarge a position.",
            "INSTRUMENT_EXPIRED": "The option is past its last day.",
            "COVERS_WRITTEN_CALLS": "The stock covers written calls. Buy these back first.",
            "CANNOT_CURE": "Closing the position would not reduce the amount to collect.",
            "EXPECTATION_EXCEEDED": (
                "The plan at this moment exceeds `expected`. Nothing was placed; the answer contains the "
                "plan."
            ),
            "ORDERS_RESTING": (
                "Open orders of the case rest away from the market, and the desk has asked the venue to "
                "cancel them. Liquidate again when they have ended."
            ),
            "SWITCH_OFF": "This kind of liquidation is switched off in the risk settings.",
            "FROZEN": "A kill switch is on for the account, its client or the whole desk.",
            "TOO_LATE": "The order has already ended, or the requested time has passed.",
            "APPROVAL_REQUIRED": (
                "A second person has to approve this first. Nothing was done yet; the answer contains the "
                "approval request."
            ),
            "APPROVAL_PENDING": (
                "The same was requested before and is not decided yet. The answer contains that approval "
                "request, if you may see it."
            ),
            "APPROVAL_DECIDED": (
                "The approval request was already approved, declined or withdrawn, or has expired."
            ),
            "SAME_PERSON": "The requester cannot decide their own request. Another person has to decide it.",
            "NOT_CURED": "The message template says that the case is cured, and it is not.",
            "TEMPLATE_UNFIT": (
                "The message template says something that has not happened: a trade, or the voiding of the "
                "case."
            ),
            "SAME_SHORTFALL": (
                "Another case of the account covers the same shortfall, and its messages count for both."
            ),
            "FIGURES_TOO_OLD": (
                "The amount is too old to be stated in a message. Wait for newer prices, or write a free "
                "text."
            ),
            "NOT_INCOMPLETE": (
                "None of the account's INCOMPLETE doubts has one of the named subjects; see `Account.doubts`."
            ),
            "NO_ADDRESS": "The client has no address for this channel. Choose another channel.",
            "CHANNEL_OFF": "No service is configured for this channel. Choose another channel.",
            "URL_REFUSED": "Webhooks may not be posted to this URL: it needs https:// and a public address.",
            "TOO_MANY": "A limit was reached: too many exist, or the request covers too many.",
            "CURSOR_REFUSED": (
                "The cursor is not one of this webhook, or the events after it were pruned. Replay with "
                "`fromNow` and query the current state."
            ),
            "UNREADABLE": (
                "Stored data that this depends on is damaged. The operator finds the details in the log and "
                "has to restore the data."
            ),
            "TOO_LARGE": "The figures are larger than the desk can store.",
            "DESK_FAULT": (
                "An internal fault of the desk; in `AutoLiquidation.held` also damaged data. Automatic "
                "liquidation tries again by itself."
            ),
        },
    ),
}
