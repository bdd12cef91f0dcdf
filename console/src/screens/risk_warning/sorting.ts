// The orders of Risk Warning: by any column, and among equals by the number of the case.
import type { CaseRowFragment } from "../../api/operations.ts";
import { byCount, byDecimal, byText, byTime } from "../../live/order_of_rows.ts";
import { orderBy, type Orders, type Sorting } from "../sorting.ts";

type Row = CaseRowFragment;

/** What falls due first is on top. */
export const DUE_FIRST: Sorting = { column: "deadline", direction: "ASC" };

/** Names and numbers, which are not in the language of the page. */
const LOCALE = "en";
const numbered = byText<Row>((row) => row.caseNo, "ASC", LOCALE);
const RISKS = ["SAFE", "MEDIUM", "WARNING", "DANGER"];

const ORDERS: Orders<Row> = {
  caseNo: (direction) => byText((row) => row.caseNo, direction, LOCALE),
  client: (direction) => byText((row) => row.client.name, direction, LOCALE),
  account: (direction) => byText((row) => row.account.accountNo, direction, LOCALE),
  type: (direction) => byText((row) => row.account.type, direction, LOCALE),
  alert: (direction) => byText((row) => row.alertType, direction, LOCALE),
  status: (direction) => byText((row) => row.status, direction, LOCALE),
  // Amounts of different currencies are compared by their worth in one.
  amount: (direction) => byDecimal((row) => row.reportingAmount?.amount, direction),
  uncovered: (direction) => byDecimal((row) => row.uncoveredAmount, direction),
  currency: (direction) => byText((row) => row.account.baseCurrency, direction, LOCALE),
  deadline: (direction) => byTime((row) => row.deadline, direction),
  left: (direction) => byTime((row) => row.deadline, direction),
  opened: (direction) => byTime((row) => row.openedAt, direction),
  elapsed: (direction) => byCount((row) => row.elapsedHours, direction),
  risk: (direction) => byCount((row) => RISKS.indexOf(row.figures.riskLevel), direction),
  ratio: (direction) => byDecimal((row) => row.figures.netAssetRatio, direction),
  lna: (direction) => byDecimal((row) => row.figures.liquidNetAssets, direction),
  mm: (direction) => byDecimal((row) => row.figures.maintenanceMargin, direction),
  mcm: (direction) => byDecimal((row) => row.figures.marginCallMargin, direction),
  im: (direction) => byDecimal((row) => row.figures.initialMargin, direction),
  fm: (direction) => byDecimal((row) => row.figures.forceCloseMargin, direction),
  cash: (direction) => byDecimal((row) => row.figures.cash, direction),
  long: (direction) => byDecimal((row) => row.figures.longMarketValue, direction),
  short: (direction) => byDecimal((row) => row.figures.shortMarketValue, direction),
  dead: (direction) => byDecimal((row) => row.figures.deadMarketValue, direction),
  equity: (direction) => byDecimal((row) => row.figures.equity, direction),
  forceEligible: (direction) => byCount((row) => row.forceEligible, direction),
  automatic: (direction) => byTime((row) => row.autoLiquidation?.at, direction),
  longTerm: (direction) => byCount((row) => row.longTermUnsettled, direction),
  followUps: (direction) => byCount((row) => row.followUpCount, direction),
  muted: (direction) => byCount((row) => row.messagesMuted, direction),
  remark: (direction) => byText((row) => row.remark, direction, LOCALE),
  asOf: (direction) => byTime((row) => row.figures.asOf, direction),
};

export const orderOf = orderBy(ORDERS, numbered);
