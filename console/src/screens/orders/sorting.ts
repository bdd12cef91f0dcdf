// The orders of the list of orders: by any column, and among equals the newest first.
import type { OrderRowFragment } from "../../api/operations.ts";
import { byDecimal, byText, byTime, type Direction } from "../../live/order_of_rows.ts";
import { orderBy, type Orders, type Sorting } from "../sorting.ts";

type Row = OrderRowFragment;

export const NEWEST_FIRST: Sorting = { column: "created", direction: "DESC" };

/** Names and numbers, which are not in the language of the page. */
const LOCALE = "en";

const text = (value: (row: Row) => string | null | undefined) => (direction: Direction) => byText(value, direction, LOCALE);
const decimal = (value: (row: Row) => string | null) => (direction: Direction) => byDecimal(value, direction);
const time = (value: (row: Row) => string) => (direction: Direction) => byTime(value, direction);

const ORDERS: Orders<Row> = {
  order: text((row) => row.clientOrderId),
  case: text((row) => row.case?.caseNo),
  client: text((row) => row.account.client.name),
  account: text((row) => row.account.accountNo),
  symbol: text((row) => row.symbol),
  side: text((row) => row.side),
  type: text((row) => row.type),
  session: text((row) => row.session),
  status: text((row) => row.status),
  quantity: decimal((row) => row.quantity),
  filled: decimal((row) => row.filledQuantity),
  open: decimal((row) => row.leavesQuantity),
  limit: decimal((row) => row.limitPrice),
  average: decimal((row) => row.averagePrice),
  currency: text((row) => row.instrument?.currency),
  relief: decimal((row) => row.estimatedReduction),
  base: text((row) => row.account.baseCurrency),
  reason: text((row) => row.reason),
  by: text((row) => row.placedBy),
  created: time((row) => row.createdAt),
  updated: time((row) => row.updatedAt),
};

export const orderOf = orderBy(ORDERS, byTime<Row>((row) => row.createdAt, "DESC"));
