// Liquidation processing: the orders of the case, kept up by their events, and Cancel for those that are open.
import type { ReadonlySignal } from "@preact/signals";
import { OrderEventsDocument, type OrderRowFragment } from "../../api/operations.ts";
import { formatCount } from "../../exact/format.ts";
import { byTime } from "../../live/order_of_rows.ts";
import { Price, Quantity } from "../../parts/amount.tsx";
import { Table, type Column } from "../../parts/table.tsx";
import { Time } from "../../parts/time.tsx";
import { actionWords } from "../../words/actions/words.ts";
import { language, words } from "../../words/words.ts";
import { useCancel, type Cancel } from "../cancel/use_cancel.tsx";
import { useFollowing } from "../desk.ts";

type Row = OrderRowFragment;

const newestFirst = byTime<Row>((row) => row.createdAt, "DESC");

export function Processing({ caseId }: { caseId: string }) {
  const followed = useFollowing((live) => live.orders<Row>(OrderEventsDocument, { caseId }, newestFirst));
  const cancel = useCancel(followed && { rows: followed.list.rows, light: followed.light });
  const say = words.value;
  const ids = followed?.list.rows.ids.value ?? [];
  const rows = ids.flatMap((id) => {
    const entry: ReadonlySignal<{ readonly row: Row }> | undefined = followed?.list.rows.entry(id);
    return entry ? [entry.value.row] : [];
  });
  const open = rows.filter((row) => row.cancellable).map(({ id }) => id);
  return (
    <section>
      <h2>{say.processing}</h2>
      <Table caption={say.processing} columns={orderColumns(cancel.open)} rows={rows} keyOf={(row) => row.id} empty={say.noOrders} />
      {cancel.open && open.length > 1 && (
        <button type="button" onClick={() => cancel.open?.(open)}>
          {actionWords.value.cancel.allOpen(formatCount(open.length, language.value))}
        </button>
      )}
      {cancel.dialog}
    </section>
  );
}

function orderColumns(cancel: Cancel["open"]): Column<Row>[] {
  const say = words.value;
  const { columns } = say;
  const priced = (text: string | null, row: Row) => <Price text={text} currency={row.instrument?.currency ?? ""} />;
  const columnsShown: Column<Row>[] = [
    { key: "order", title: columns.order, cell: (row) => row.clientOrderId },
    { key: "symbol", title: columns.symbol, cell: (row) => row.symbol },
    { key: "side", title: columns.side, cell: (row) => say.side[row.side] },
    { key: "type", title: columns.orderType, cell: (row) => say.orderType[row.type] },
    { key: "status", title: columns.status, cell: (row) => say.orderStatus[row.status] },
    { key: "filled", title: columns.filled, digits: true, cell: (row) => <Quantity text={row.filledQuantity} /> },
    { key: "quantity", title: columns.quantity, digits: true, cell: (row) => <Quantity text={row.quantity} /> },
    { key: "limit", title: columns.limit, digits: true, cell: (row) => priced(row.limitPrice, row) },
    { key: "average", title: columns.average, digits: true, cell: (row) => priced(row.averagePrice, row) },
    { key: "currency", title: columns.currency, cell: (row) => row.instrument?.currency ?? "–" },
    { key: "by", title: columns.by, cell: (row) => <bdi>{row.placedBy}</bdi> },
    { key: "at", title: columns.opened, cell: (row) => <Time iso={row.createdAt} shape="clock" /> },
    { key: "reason", title: columns.reason, cell: (row) => <bdi>{row.reason ?? ""}</bdi> },
  ];
  const button = (row: Row) =>
    row.cancellable && (
      <button type="button" onClick={() => cancel?.([row.id])}>
        {actionWords.value.cancel.action}
      </button>
    );
  return cancel === null ? columnsShown : [...columnsShown, { key: "cancel", title: actionWords.value.columns.cancel, cell: button }];
}
