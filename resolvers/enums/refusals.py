"""The codes of refusals."""

from domain.refusals import RefusalCode
from resolvers.enums.descriptions import Descriptions

DESCRIPTIONS: Descriptions = {
    RefusalCode: (
        "The reason why the desk refuses a request.",
        {
            "FORBIDDEN": (
                "Your token does not grant a permission for this, or the action requires access to all "
                "accounts."
            ),
            "NOT_FOUND": "No such object exists within your scope.",
            "VERSION_CONFLICT": (
                "The object changed since you read it, or another transaction is changing it now. Read it "
                "again and repeat the request."
            ),
            "IDEMPOTENCY_KEY_REUSED": (
                "The idempotency key was used before with different content. Send a new key."
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
            "NOTHING_TO_COLLECT": "The amount to collect is 0, or open orders cover it.",
            "NOTHING_SELLABLE": "No position, or not the named position, can be closed now.",
            "QUANTITY_EXCEEDS_SELLABLE": (
                "The quantity is larger than the position less the open orders that close it."
            ),
            "OFF_LOT": "The quantity is not a whole number of lots above zero.",
            "CAPPED": (
                "The order would exceed a cap: by average daily volume, or on the value of one order. "
                "Reduce the quantity."
            ),
            "PRICE_OUTSIDE_BAND": (
                "The price band is wider than the desk allows, a market order has a limit price, or the "
                "limit price is not above 0."
            ),
            "PRICE_COLLAR": (
                "The price is too far from the mark or the previous close, to the client's disadvantage. "
                "In `AutoLiquidation.held`: the desk waits until the market is closer to the mark."
            ),
            "OFF_TICK": (
                "The price is not a multiple of the exchange's tick size. The message names the nearest "
                "valid prices."
            ),
            "NO_QUOTE": (
                "The quote has no price on the needed side (bid for a sale, ask for a purchase), or the FX "
                "rate is missing."
            ),
            "STALE_QUOTE": "The price or the FX rate is too old. Wait for a new one.",
            "ACCOUNT_IN_DOUBT": (
                "The desk cannot judge the account and does not liquidate it automatically: see "
                "`unwatched`. Only in `AutoLiquidation.held`."
            ),
            "MARKET_CLOSED": "The market does not accept such an order now.",
            "UNKNOWN_MARKET": (
                "The desk has no exchange calendar of the market, so it sells nothing there automatically. "
                "Only in `AutoLiquidation.held`: correct the market of the instrument, or liquidate by "
                "hand."
            ),
            "INSTRUMENT_SUSPENDED": "The instrument is suspended or delisted.",
            "INCREASES_EXPOSURE": "The order would open or enlarge a position.",
            "INSTRUMENT_EXPIRED": "The option is past its last day.",
            "COVERS_WRITTEN_CALLS": (
                "The stock covers written calls. Buy these back first or in the same request, or sell with "
                "`override`."
            ),
            "CANNOT_CURE": "Closing the position would not lower the amount to collect.",
            "EXPECTATION_EXCEEDED": (
                "The plan at the current prices exceeds `expected`. Nothing was placed; `plan` is that plan."
            ),
            "ORDERS_RESTING": (
                "Open orders of the case rest away from the market, and the desk has requested their "
                "cancel. Liquidate again when they have ended."
            ),
            "SWITCH_OFF": "This kind of liquidation is switched off in the risk settings.",
            "FROZEN": "A kill switch is on for the account, its client or the whole desk.",
            "TOO_LATE": "The order has already ended, or the requested time or the deadline has passed.",
            "APPROVAL_REQUIRED": (
                "A second person has to approve this first. Nothing was done yet; `approval` is the "
                "request that the desk recorded."
            ),
            "APPROVAL_PENDING": (
                "The same action was requested before, and the request is still pending. `approval` is "
                "that request, if you may see it."
            ),
            "APPROVAL_DECIDED": (
                "The approval request was already approved, declined or withdrawn, or has expired."
            ),
            "SAME_PERSON": "The maker cannot decide their own request. Another person has to decide it.",
            "NOT_CURED": (
                "The message template states that the case is cured, and it is not. Choose another template."
            ),
            "TEMPLATE_UNFIT": (
                "The message template states something that has not happened: a trade, or the voiding of "
                "the case. Choose another template."
            ),
            "SAME_SHORTFALL": (
                "Another case of the account demands the same money, and its messages cover both. Send no "
                "message about this case."
            ),
            "FIGURES_TOO_OLD": (
                "The amount is too old to be stated in a message (`GATEWAY_MESSAGE_FIGURES_MAX_AGE_S`). "
                "Wait for newer prices, or write a free text."
            ),
            "NOT_INCOMPLETE": (
                "None of the account's INCOMPLETE doubts has one of the named subjects; see `Account.doubts`."
            ),
            "NO_ADDRESS": "The client has no address for this channel. Choose another channel.",
            "CHANNEL_OFF": "No service is configured for this channel. Choose another channel.",
            "URL_REFUSED": "Webhooks may not be posted to this URL: it needs https:// and a public address.",
            "TOO_MANY": (
                "A limit was reached: too many exist already, or the request covers too many. The message "
                "names the limit."
            ),
            "CURSOR_REFUSED": (
                "The events after the cursor were pruned, or the database was restored since. Replay with "
                "`fromNow`, and query the current state."
            ),
            "UNREADABLE": (
                "Stored data that this depends on is damaged; the log of the desk has the details. When "
                "the data is restored, the same request completes this item."
            ),
            "TOO_LARGE": "The figures have more digits than the desk can store.",
            "DESK_FAULT": (
                "An internal fault of the desk: nothing was done for this item, and the message has a "
                "reference for the log. In `AutoLiquidation.held`, a fault or damaged data: the desk tries "
                "again automatically."
            ),
        },
    ),
}
