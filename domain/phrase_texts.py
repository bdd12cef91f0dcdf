"""The texts of the desk's records, one table for three languages, and their rendering.

Numbers keep all their digits, times are UTC, and symbols, currencies, sides and codes are shown as the API
states them. Values are inserted as they are and never scanned for placeholders.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from string import Formatter
from typing import NamedTuple

from domain.message import Language
from domain.money import plain_text
from domain.phrase import Code, DetailCode, FollowUpCode, Parameter, Phrase


class Texts(NamedTuple):
    """One text in every language, with the same placeholders in each."""

    english: str
    simplified: str
    traditional: str

    def of(self, language: Language) -> str:
        """The text in this language."""
        match language:
            case Language.ENGLISH:
                return self.english
            case Language.SIMPLIFIED_CHINESE:
                return self.simplified
            case Language.TRADITIONAL_CHINESE:
                return self.traditional


def render(phrase: Phrase, language: Language) -> str:
    """The phrase in this language."""
    text = TEXTS[phrase.code].of(language)
    return text.format(**{name: _shown(value, language) for name, value in phrase.parameters.items()})


def english(phrase: Phrase) -> str:
    """The phrase in English, for the log, the audit trail and the stored text."""
    return render(phrase, Language.ENGLISH)


def placeholders(text: str) -> set[str]:
    """The names of the placeholders of a text."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def can_be_rendered(phrase: Phrase) -> bool:
    """Whether it and all its parts have every parameter of their texts: a stored phrase may not."""
    parts = [value for value in phrase.parameters.values() if isinstance(value, Phrase)]
    for value in phrase.parameters.values():
        if isinstance(value, tuple):
            parts += [each for each in value if isinstance(each, Phrase)]
    complete = placeholders(TEXTS[phrase.code].english) <= phrase.parameters.keys()
    return complete and all(can_be_rendered(each) for each in parts)


def _shown(value: Parameter, language: Language) -> str:
    match value:
        case Phrase():
            return render(value, language)
        case Decimal():
            return plain_text(value)
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        case tuple():
            return _joined(value, language)
        case str() | int():
            return str(value)


def _joined(values: tuple[str, ...] | tuple[Phrase, ...], language: Language) -> str:
    """Texts as a list; phrases as sentences that follow a sentence."""
    between = " " if language is Language.ENGLISH else ""
    sentences = [between + render(each, language) for each in values if isinstance(each, Phrase)]
    return "".join(sentences) or ", ".join(each for each in values if isinstance(each, str))


_F, _D = FollowUpCode, DetailCode

TEXTS: Mapping[Code, Texts] = {
    _F.ORDER_NEEDS_ATTENTION: Texts(
        "Order {order} ({side} {symbol}) needs attention: {finding}.",
        "订单 {order}（{side} {symbol}）需要处理：{finding}。",
        "訂單 {order}（{side} {symbol}）需要處理：{finding}。",
    ),
    _F.ACCOUNT_NEEDS_ATTENTION: Texts(
        "The account needs attention: {finding}.",
        "账户需要处理：{finding}。",
        "賬戶需要處理：{finding}。",
    ),
    _F.AUTO_LIQUIDATION_PLACED: Texts(
        "Number of orders placed by the automatic liquidation: {orders}.{more}",
        "自动平仓已下订单数：{orders}。{more}",
        "自動平倉已下訂單數：{orders}。{more}",
    ),
    _F.AUTO_LIQUIDATION_WAITS: Texts(
        "The automatic liquidation waits until {until}: {reason}",
        "自动平仓等待至 {until}：{reason}",
        "自動平倉等待至 {until}：{reason}",
    ),
    _F.AUTO_LIQUIDATION_OFF: Texts(
        "The automatic liquidation did not run and is off: {reason}",
        "自动平仓未执行，现已关闭：{reason}",
        "自動平倉未執行，現已關閉：{reason}",
    ),
    _F.AUTO_LIQUIDATION_KEPT_AFTER_CURE: Texts(
        "Orders of the automatic liquidation are being cancelled because the shortfall is cured. If the "
        "shortfall returns before the case is closed, the automatic liquidation continues.",
        "差额已补足，正在撤销自动平仓的订单。如结案前差额再次出现，自动平仓将继续。",
        "差額已補足，正在撤銷自動平倉的訂單。如結案前差額再次出現，自動平倉將繼續。",
    ),
    _F.AUTO_LIQUIDATION_KEPT_AFTER_EXCESS: Texts(
        "Orders of the automatic liquidation are being cancelled because they exceeded the position. Once "
        "they have ended, the desk plans again what remains to be collected.",
        "自动平仓的订单超出持仓，正在撤销。订单结束后，系统将就尚需收取的金额重新安排。",
        "自動平倉的訂單超出持倉，正在撤銷。訂單結束後，系統將就尚需收取的金額重新安排。",
    ),
    _F.AUTO_LIQUIDATION_KEPT_AFTER_COLLAR: Texts(
        "Orders of the automatic liquidation were not sent because the market had moved beyond the price "
        "collar. The desk plans them again and waits while the market is too far from the mark.",
        "市价已超出价格限制，自动平仓的订单未发送。系统将重新安排，并在市价过于偏离估值价时等待。",
        "市價已超出價格限制，自動平倉的訂單未發送。系統將重新安排，並在市價過於偏離估值價時等待。",
    ),
    _F.DEADLINE_MOVED: Texts(
        "The trading days of the market changed. The deadline moved from {before} to {after}.",
        "市场的交易日有变，期限由 {before} 改为 {after}。",
        "市場的交易日有變，期限由 {before} 改為 {after}。",
    ),
    _F.CASH_ROSE: Texts(
        "Cash rose by {received} {currency}. {amount}",
        "现金增加 {received} {currency}。{amount}",
        "現金增加 {received} {currency}。{amount}",
    ),
    _D.AMOUNT_UNKNOWN: Texts(
        "The amount to collect is not certain, because a price, a rate or a statement is missing.",
        "因缺少价格、汇率或对账数据，应收金额尚不确定。",
        "因缺少價格、匯率或對賬數據，應收金額尚不確定。",
    ),
    _D.AMOUNT_IS: Texts(
        "The amount to collect is {amount} {currency}.",
        "应收金额为 {amount} {currency}。",
        "應收金額為 {amount} {currency}。",
    ),
    _D.AMOUNT_STAYS: Texts(
        "The amount to collect stays at {amount} {currency}.",
        "应收金额仍为 {amount} {currency}。",
        "應收金額仍為 {amount} {currency}。",
    ),
    _D.AMOUNT_FELL: Texts(
        "The amount to collect fell from {before} to {amount} {currency}.",
        "应收金额由 {before} 降至 {amount} {currency}。",
        "應收金額由 {before} 降至 {amount} {currency}。",
    ),
    _D.REMAINS_TO_COLLECT: Texts(
        "After that, {amount} {currency} will still have to be collected.",
        "其后尚需收取 {amount} {currency}。",
        "其後尚需收取 {amount} {currency}。",
    ),
    _D.STOCK_BROUGHT_BACK: Texts(
        "When they are filled, all of the stock is brought back.",
        "订单全部成交后，股票即全数归还。",
        "訂單全部成交後，股票即全數歸還。",
    ),
    _D.STOCK_NOT_BROUGHT_BACK: Texts(
        "Stock not brought back: {positions}.",
        "未能归还的股票：{positions}。",
        "未能歸還的股票：{positions}。",
    ),
    _D.SHORTFALL_RETURNED: Texts(
        "The shortfall had been cured, and it returned before the case was closed.",
        "差额曾补足，但在结案前再次出现。",
        "差額曾補足，但在結案前再次出現。",
    ),
    _D.NEXT_SLICE_FOLLOWS: Texts(
        "The order size is limited: the next slice follows when these orders have ended.",
        "单笔订单的数量受限，这些订单结束后将下下一批订单。",
        "單筆訂單的數量受限，這些訂單結束後將下下一批訂單。",
    ),
    _D.IN_DOUBT: Texts(
        "A price, a rate or a statement that the amount to collect depends on is missing: `unwatched` names "
        "it.",
        "缺少计算应收金额所需的价格、汇率或对账数据，详见 `unwatched`。",
        "缺少計算應收金額所需的價格、匯率或對賬數據，詳見 `unwatched`。",
    ),
    _D.STALE_PRICE: Texts(
        "A price or an FX rate is too old.",
        "价格或汇率已过时。",
        "價格或匯率已過時。",
    ),
    _D.COLLAR_WAITS: Texts(
        "Positions whose quotes are too far from the mark, or from the previous close, wait until the quotes "
        "are closer.",
        "报价过于偏离估值价或前收市价的持仓，将等待报价回到限制之内。",
        "報價過於偏離估值價或前收市價的持倉，將等待報價回到限制之內。",
    ),
    _D.RESTING_ORDERS: Texts(
        "Open orders rest away from the market. They are cancelled first; what remains is planned "
        "afterwards.",
        "未完成订单的限价远离市价，将先予撤销，其余随后再作安排。",
        "未完成訂單的限價遠離市價，將先予撤銷，其餘隨後再作安排。",
    ),
    _D.SLICE_OPEN: Texts(
        "Orders of the last slice are still open.",
        "上一批订单尚未结束。",
        "上一批訂單尚未結束。",
    ),
    _D.SLICE_CANCELLED: Texts(
        "An order of the last slice was cancelled or rejected. Set the automatic liquidation again to "
        "continue.",
        "上一批中有订单被撤销或拒绝。如需继续，请重新设置自动平仓。",
        "上一批中有訂單被撤銷或拒絕。如需繼續，請重新設置自動平倉。",
    ),
    _D.SLICE_CANCEL_REQUESTED: Texts(
        "The cancel of an order of the last slice was requested. Set the automatic liquidation again to "
        "continue.",
        "上一批中有订单已被要求撤销。如需继续，请重新设置自动平仓。",
        "上一批中有訂單已被要求撤銷。如需繼續，請重新設置自動平倉。",
    ),
    _D.INTERNAL_FAULT: Texts(
        "An internal fault stopped the automatic liquidation; no order was placed.",
        "系统内部故障使自动平仓中止，未下任何订单。",
        "系統內部故障使自動平倉中止，未下任何訂單。",
    ),
    _D.SETTING_DAMAGED: Texts(
        "A risk setting that applies to the account is damaged and cannot be read: set it again.",
        "适用于该账户的风控设置已损坏，无法读取，请重新设置。",
        "適用於該賬戶的風控設置已損壞，無法讀取，請重新設置。",
    ),
    _D.SHORTFALL_CURED: Texts(
        "The shortfall is cured. If it returns before the case is closed, the liquidation continues.",
        "差额已补足。如结案前再次出现，平仓将继续。",
        "差額已補足。如結案前再次出現，平倉將繼續。",
    ),
    _D.MARKET_CLOSED: Texts(
        "The market is closed.",
        "市场休市。",
        "市場休市。",
    ),
    _D.CLOSED_UNTIL: Texts(
        "Positions in closed markets wait until {opens}.",
        "休市市场的持仓等待至 {opens}。",
        "休市市場的持倉等待至 {opens}。",
    ),
    _D.UNKNOWN_MARKETS: Texts(
        "The desk places no automatic orders in a market without a known calendar: {markets}.",
        "系统不在交易日历未知的市场自动下单：{markets}。",
        "系統不在交易日曆未知的市場自動下單：{markets}。",
    ),
    _D.SECOND_PERSON: Texts(
        "A second person must approve it: {why}. Liquidate the case to request the approval.",
        "须由第二人批准：{why}。请对该案件执行平仓以提交批准申请。",
        "須由第二人批准：{why}。請對該案件執行平倉以提交批准申請。",
    ),
    _D.KILL_SWITCH_ON: Texts(
        "The kill switch ({scope}) is on since {since}: {reason}",
        "紧急停止开关（{scope}）自 {since} 起开启：{reason}",
        "緊急停止開關（{scope}）自 {since} 起開啟：{reason}",
    ),
    _D.KILL_SWITCH_WAS_ON: Texts(
        "The kill switch ({scope}) was on from {since} to {until}: {reason}",
        "紧急停止开关（{scope}）曾于 {since} 至 {until} 开启：{reason}",
        "緊急停止開關（{scope}）曾於 {since} 至 {until} 開啟：{reason}",
    ),
    _D.CASE_IN_EXCEPTION: Texts(
        "The case is in exception: clear the exception before liquidating.",
        "案件处于例外状态，请先解除例外再平仓。",
        "案件處於例外狀態，請先解除例外再平倉。",
    ),
    _D.SWITCH_OFF: Texts(
        "Automatic liquidation of {accounts} accounts is switched off in the risk settings.",
        "风控设置已关闭 {accounts} 账户的自动平仓。",
        "風控設置已關閉 {accounts} 賬戶的自動平倉。",
    ),
    _D.NOTHING_TO_COLLECT: Texts(
        "Nothing is left to collect: nothing is outstanding, or open orders cover it.",
        "已无须收取：没有欠额，或未完成订单足以抵补。",
        "已無須收取：沒有欠額，或未完成訂單足以抵補。",
    ),
    _D.FAR_FROM_MARK: Texts(
        "The market is too far from the mark or the previous close.{positions}",
        "市价过于偏离估值价或前收市价。{positions}",
        "市價過於偏離估值價或前收市價。{positions}",
    ),
    _D.CANNOT_CURE: Texts(
        "Closing these positions would not lower the amount to collect.{positions}",
        "平掉这些持仓不能降低应收金额。{positions}",
        "平掉這些持倉不能降低應收金額。{positions}",
    ),
    _D.NOTHING_SELLABLE: Texts(
        "No position can be closed now.{positions}",
        "目前没有可平的持仓。{positions}",
        "目前沒有可平的持倉。{positions}",
    ),
    _D.POSITIONS_LEFT: Texts(
        "Positions: {positions}.",
        "持仓：{positions}。",
        "持倉：{positions}。",
    ),
    _D.OTHER_REFUSAL: Texts(
        "{message} ({refusal})",
        "{message} ({refusal})",
        "{message} ({refusal})",
    ),
    _D.NOTHING_LEFT: Texts(
        "nothing is left to collect",
        "已无须收取",
        "已無須收取",
    ),
    _D.PRICED_OUTSIDE_COLLAR: Texts(
        "{prices}",
        "价格超出限制（{prices}）",
        "價格超出限制（{prices}）",
    ),
    _D.MANY_CASES: Texts(
        "{cases} cases in one request are more than {most}",
        "一次请求包含 {cases} 宗案件，超过 {most} 宗",
        "一次請求包含 {cases} 宗案件，超過 {most} 宗",
    ),
    _D.TRADED_UNKNOWN: Texts(
        "the notional traded within a day is not known in {currency}",
        "一日内的成交金额无法以 {currency} 计算",
        "一日內的成交金額無法以 {currency} 計算",
    ),
    _D.NOTIONAL_UNKNOWN: Texts(
        "the notional in {currency} is not known, because an FX rate is missing",
        "因缺少汇率，无法以 {currency} 计算订单金额",
        "因缺少匯率，無法以 {currency} 計算訂單金額",
    ),
    _D.NOTIONAL_ABOVE: Texts(
        "the notional within a day is above {most} {currency}",
        "一日内的订单金额超过 {most} {currency}",
        "一日內的訂單金額超過 {most} {currency}",
    ),
    _D.ALONE_UNKNOWN: Texts(
        "the notional that one person has liquidated alone within a day is not known in {currency}",
        "一人于一日内单独平仓的金额无法以 {currency} 计算",
        "一人於一日內單獨平倉的金額無法以 {currency} 計算",
    ),
    _D.ALONE_ABOVE: Texts(
        "the notional that one person liquidates alone within a day, over all accounts, is above {most} "
        "{currency}",
        "一人于一日内在所有账户单独平仓的金额超过 {most} {currency}",
        "一人於一日內在所有賬戶單獨平倉的金額超過 {most} {currency}",
    ),
    _D.EXECUTION_ID: Texts(
        "its execution id is empty, longer than {characters} characters, or contains a NUL character",
        "成交编号为空、超过 {characters} 个字符，或含有 NUL 字符",
        "成交編號為空、超過 {characters} 個字元，或含有 NUL 字元",
    ),
    _D.TIME_WITHOUT_OFFSET: Texts(
        "its time has no UTC offset",
        "回报的时间没有 UTC 偏移",
        "回報的時間沒有 UTC 偏移",
    ),
    _D.TRADE_CANCELLED: Texts(
        "the venue cancels {execution}; the desk does not reverse bookings automatically",
        "交易场所取消成交 {execution}；系统不会自动冲销已入账的成交",
        "交易場所取消成交 {execution}；系統不會自動沖銷已入賬的成交",
    ),
    _D.UNNAMED_TRADE_CANCELLED: Texts(
        "the venue cancels an execution without naming it; the desk does not reverse bookings automatically",
        "交易场所取消一笔成交但未指明编号；系统不会自动冲销已入账的成交",
        "交易場所取消一筆成交但未指明編號；系統不會自動沖銷已入賬的成交",
    ),
    _D.OTHER_ACCOUNT: Texts(
        "the report names the account {reported}, but the order has {ordered}",
        "回报的账户为 {reported}，而订单的账户为 {ordered}",
        "回報的賬戶為 {reported}，而訂單的賬戶為 {ordered}",
    ),
    _D.OTHER_INSTRUMENT: Texts(
        "the report names the instrument {reported}, but the order has {ordered}",
        "回报的产品为 {reported}，而订单的产品为 {ordered}",
        "回報的產品為 {reported}，而訂單的產品為 {ordered}",
    ),
    _D.OTHER_SIDE: Texts(
        "the report names the side {reported}, but the order has {ordered}",
        "回报的买卖方向为 {reported}，而订单的方向为 {ordered}",
        "回報的買賣方向為 {reported}，而訂單的方向為 {ordered}",
    ),
    _D.NUMBER_NOT_STORABLE: Texts(
        "its quantity, price or fee is not a number that can be stored",
        "回报的数量、价格或费用不是可以存储的数字",
        "回報的數量、價格或費用不是可以儲存的數字",
    ),
    _D.QUANTITY_NOT_POSITIVE: Texts(
        "a trade must have a quantity above zero",
        "成交数量必须大于零",
        "成交數量必須大於零",
    ),
    _D.PRICE_NOT_POSITIVE: Texts(
        "its price of {price} is not above zero, and prices of {symbol} cannot be negative (negativePrices)",
        "成交价 {price} 不大于零，而 {symbol} 的价格不能为负（negativePrices）",
        "成交價 {price} 不大於零，而 {symbol} 的價格不能為負（negativePrices）",
    ),
    _D.VALUE_TOO_LARGE: Texts(
        "its quantity times price exceeds the value of any trade",
        "数量与价格之积超过任何成交可能的金额",
        "數量與價格之積超過任何成交可能的金額",
    ),
    _D.ODD_LOT: Texts(
        "its fill of {filled} is not a multiple of the lot of {lot}",
        "成交数量 {filled} 不是每手 {lot} 的整数倍",
        "成交數量 {filled} 不是每手 {lot} 的整數倍",
    ),
    _D.TIME_OUTSIDE: Texts(
        "the venue's time {time} is not between the order and the arrival of its report",
        "交易场所的时间 {time} 不在下单与收到回报之间",
        "交易場所的時間 {time} 不在下單與收到回報之間",
    ),
    _D.PRICE_FAR_FROM_MARK: Texts(
        "its price of {price} is far from the mark of {mark}, as if in another currency or with another "
        "decimal place",
        "成交价 {price} 远离估值价 {mark}，可能是币种或小数位有误",
        "成交價 {price} 遠離估值價 {mark}，可能是幣種或小數位有誤",
    ),
    _D.PRICE_WORSE_THAN_LIMIT: Texts(
        "its price of {price} is worse than the order's limit of {limit}",
        "成交价 {price} 劣于订单限价 {limit}",
        "成交價 {price} 劣於訂單限價 {limit}",
    ),
    _D.REPEATED_EXECUTION: Texts(
        "the execution id {execution} is already booked with other content ({differences}); the report is "
        "not booked",
        "成交编号 {execution} 已以不同内容入账（{differences}）；本回报未入账",
        "成交編號 {execution} 已以不同內容入賬（{differences}）；本回報未入賬",
    ),
    _D.UNKNOWN_ORDER: Texts(
        "the report names an order that the desk never placed",
        "回报的订单并非由本系统所下",
        "回報的訂單並非由本系統所下",
    ),
    _D.LATE_FILL: Texts(
        "a fill of an order that had already ended; it is booked",
        "订单结束后才收到成交；该成交已入账",
        "訂單結束後才收到成交；該成交已入賬",
    ),
    _D.OVERFILL: Texts(
        "a fill beyond the ordered quantity; it is booked",
        "成交超出订单数量；该成交已入账",
        "成交超出訂單數量；該成交已入賬",
    ),
    _D.FILL_TURNS_POSITION: Texts(
        "its fill of {filled} takes the position from {held} to {after}",
        "成交 {filled} 使持仓由 {held} 变为 {after}",
        "成交 {filled} 使持倉由 {held} 變為 {after}",
    ),
    _D.FILLS_TURN_STATEMENT: Texts(
        "later fills take {symbol} from the stated {stated} to {held}",
        "其后的成交使 {symbol} 的持仓由对账数量 {stated} 变为 {held}",
        "其後的成交使 {symbol} 的持倉由對賬數量 {stated} 變為 {held}",
    ),
    _D.EXCESS_CANCELLED: Texts(
        "a quantity of {open} was in open orders and only {held} can be closed: the desk cancels this order",
        "未完成订单合计 {open}，而可平数量仅为 {held}：系统撤销本订单",
        "未完成訂單合計 {open}，而可平數量僅為 {held}：系統撤銷本訂單",
    ),
    _D.EXCESS_CANCEL_REQUESTED: Texts(
        "a quantity of {open} was in open orders and only {held} can be closed: the desk cancels this order; "
        "the venue may fill it before the cancel arrives",
        "未完成订单合计 {open}，而可平数量仅为 {held}：系统撤销本订单；撤单到达之前交易场所仍可能成交",
        "未完成訂單合計 {open}，而可平數量僅為 {held}：系統撤銷本訂單；撤單到達之前交易場所仍可能成交",
    ),
    _D.EXCESS_UNCONFIRMED: Texts(
        "{at_risk} more may fill than the {held} that can be closed, since the venue has not confirmed the "
        "cancel",
        "交易场所尚未确认撤单，成交可能比可平数量 {held} 多出 {at_risk}",
        "交易場所尚未確認撤單，成交可能比可平數量 {held} 多出 {at_risk}",
    ),
    _D.EXCESS_CANCEL_REFUSED: Texts(
        "the venue refuses to cancel it, and it exceeds the position; the desk requests the cancel again",
        "交易场所拒绝撤单，而订单超出持仓；系统将再次要求撤单",
        "交易場所拒絕撤單，而訂單超出持倉；系統將再次要求撤單",
    ),
    _D.NOT_SENT: Texts(
        "the desk did not send it ({reason}); liquidate again",
        "系统未发送该订单（{reason}）；请重新平仓",
        "系統未發送該訂單（{reason}）；請重新平倉",
    ),
    _D.DAY_ENDED: Texts(
        "its trading day has ended, and the venue still works it",
        "订单的交易日已结束，而交易场所仍在执行",
        "訂單的交易日已結束，而交易場所仍在執行",
    ),
    _D.NEVER_RECEIVED: Texts(
        "the venue reports that it never received the order, and {contradiction}",
        "交易场所称从未收到该订单，但{contradiction}",
        "交易場所稱從未收到該訂單，但{contradiction}",
    ),
    _D.ORDER_NEVER_SENT: Texts(
        "the order was never sent: the report cannot concern it",
        "订单从未发送，该回报不可能与其有关",
        "訂單從未發送，該回報不可能與其有關",
    ),
    _D.ORDER_WAITS_FOR_APPROVAL: Texts(
        "the order is waiting for its approval",
        "订单正在等待批准",
        "訂單正在等待批准",
    ),
    _D.ORDER_NEEDS_NO_APPROVAL: Texts(
        "the order is not waiting for an approval",
        "订单并非在等待批准",
        "訂單並非在等待批准",
    ),
    _D.ORDER_NOT_SENT_YET: Texts(
        "the order has not been sent yet",
        "订单尚未发送",
        "訂單尚未發送",
    ),
    _D.ORDER_SENT: Texts(
        "the order has already been sent",
        "订单已经发送",
        "訂單已經發送",
    ),
    _D.ORDER_WITH_VENUE: Texts(
        "the order has been sent: only the venue can cancel it",
        "订单已发送，只有交易场所可以撤销",
        "訂單已發送，只有交易場所可以撤銷",
    ),
    _D.ORDER_ANSWERED: Texts(
        "the venue has already answered",
        "交易场所已经答复",
        "交易場所已經答覆",
    ),
    _D.ORDER_ACKNOWLEDGED: Texts(
        "the venue has already acknowledged the order",
        "交易场所已确认该订单",
        "交易場所已確認該訂單",
    ),
    _D.ORDER_TRADED: Texts(
        "an order that has traded cannot be rejected",
        "已有成交的订单不能被拒绝",
        "已有成交的訂單不能被拒絕",
    ),
    _D.ORDER_FILLED: Texts(
        "the order is completely filled: a further fill is an overfill",
        "订单已全部成交，再有成交即为超额成交",
        "訂單已全部成交，再有成交即為超額成交",
    ),
    _D.ORDER_ENDED: Texts(
        "the order has ended",
        "订单已结束",
        "訂單已結束",
    ),
}
