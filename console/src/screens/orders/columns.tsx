// The columns of Liquidation Orders: what the clipboard takes is the exact text, and what the cell shows is for people.
import type { TargetedMouseEvent } from "preact";
import type { OrderRowFragment } from "../../api/operations.ts";
import { formatAmount, formatPrice, formatQuantity } from "../../exact/format.ts";
import type { Column } from "../../grid/columns.ts";
import { Time } from "../../parts/time.tsx";
import { actionWords } from "../../words/actions/words.ts";
import { language, words } from "../../words/words.ts";

type Row = OrderRowFragment;
type Made = Column<Row>;

/** In the language of now. `cancel` is null for a person who may not cancel orders. */
export function orderColumns(cancel: ((id: string) => void) | null): Made[] {
  const say = words.value;
  const { columns } = say;
  const more = actionWords.value;
  const made: Made[] = [
    { id: "order", title: columns.order, width: 150, pinned: true, text: (row) => row.clientOrderId },
    { id: "case", title: columns.caseNo, width: 136, text: (row) => row.case?.caseNo ?? null, shown: (row) => <CaseLink row={row} /> },
    { id: "client", title: columns.client, width: 180, text: (row) => row.account.client.name, shown: (row) => <bdi>{row.account.client.name}</bdi> },
    { id: "account", title: columns.account, width: 96, text: (row) => row.account.accountNo },
    { id: "symbol", title: columns.symbol, width: 110, text: (row) => row.symbol, shown: (row) => <span title={row.instrument?.name}>{row.symbol}</span> },
    { id: "side", title: columns.side, width: 64, text: (row) => row.side, shown: (row) => say.side[row.side] },
    { id: "type", title: columns.orderType, width: 84, text: (row) => row.type, shown: (row) => say.orderType[row.type] },
    { id: "session", title: more.columns.session, width: 110, text: (row) => row.session, shown: (row) => more.session[row.session] },
    quantity("quantity", columns.quantity, (row) => row.quantity),
    { id: "filled", title: columns.filled, width: 150, isNumber: true, text: (row) => row.filledQuantity, shown: (row) => <Filled row={row} /> },
    quantity("open", more.columns.open, (row) => row.leavesQuantity),
    price("limit", columns.limit, (row) => row.limitPrice),
    price("average", columns.average, (row) => row.averagePrice),
    { id: "currency", title: columns.currency, width: 80, text: (row) => row.instrument?.currency ?? null },
    { id: "status", title: columns.status, width: 170, text: (row) => row.status, shown: (row) => <span title={row.rawStatus}>{say.orderStatus[row.status]}</span> },
    { id: "reason", title: columns.reason, width: 220, text: (row) => row.reason, shown: (row) => <bdi>{row.reason ?? ""}</bdi> },
    { id: "relief", title: more.columns.relief, width: 130, isNumber: true, text: (row) => row.estimatedReduction, shown: (row) => formatAmount(row.estimatedReduction, row.account.baseCurrency, language.value) },
    { id: "base", title: more.columns.base, width: 72, text: (row) => row.account.baseCurrency },
    { id: "by", title: columns.by, width: 130, text: (row) => row.placedBy, shown: (row) => <bdi>{row.placedBy}</bdi> },
    { id: "created", title: more.columns.created, width: 150, text: (row) => row.createdAt, shown: (row) => <Time iso={row.createdAt} /> },
    { id: "updated", title: more.columns.updated, width: 120, text: (row) => row.updatedAt, shown: (row) => <Time iso={row.updatedAt} shape="clock" /> },
  ];
  if (cancel === null) return made;
  const button: Made = { id: "cancel", title: more.columns.cancel, width: 90, text: () => "", shown: (row) => <CancelButton row={row} cancel={cancel} /> };
  return [...made.slice(0, 1), button, ...made.slice(1)];
}

function quantity(id: string, title: string, text: (row: Row) => string): Made {
  return { id, title, width: 100, isNumber: true, text, shown: (row) => formatQuantity(text(row), language.value) };
}

function price(id: string, title: string, text: (row: Row) => string | null): Made {
  const shown = (row: Row) => formatPrice(text(row), row.instrument?.currency ?? "", language.value);
  return { id, title, width: 110, isNumber: true, text, shown };
}

function CaseLink({ row }: { row: Row }) {
  if (row.case === null) return <>–</>;
  return (
    <a tabIndex={-1} href={`/console/case/${encodeURIComponent(row.case.id)}`}>
      {row.case.caseNo}
    </a>
  );
}

/** The browser draws the bar from the texts; the figure beside it is exact. */
function Filled({ row }: { row: Row }) {
  return (
    <>
      <progress class="filled" aria-hidden="true" value={row.filledQuantity} max={row.quantity} />{" "}
      {formatQuantity(row.filledQuantity, language.value)}
    </>
  );
}

/** No tab stop of its own: the grid is one, where X does the same, and where the focus comes back to. */
function CancelButton({ row, cancel }: { row: Row; cancel: (id: string) => void }) {
  if (!row.cancellable) return <></>;
  const pressed = (event: TargetedMouseEvent<HTMLButtonElement>) => {
    event.currentTarget.closest<HTMLElement>("[role=grid]")?.focus();
    cancel(row.id);
  };
  return (
    <button type="button" class="in-cell" tabIndex={-1} onClick={pressed}>
      {actionWords.value.cancel.action}
    </button>
  );
}
