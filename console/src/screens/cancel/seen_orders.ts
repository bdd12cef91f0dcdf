// Orders as a dialog sees them: the newest row of each while the list has it, and after that the last one.

import type { OrderRowFragment } from "../../api/operations.ts";
import type { Rows } from "../../live/rows.ts";

type Row = OrderRowFragment;

export interface SeenOrder {
  readonly id: string;
  /** Null if the list has never had it. */
  readonly row: Row | null;
  /** The list still has it, or it has ended: `row` is as the order is now. */
  readonly current: boolean;
}

export class SeenOrders {
  readonly #rows: Pick<Rows<Row>, "entry" | "ids">;
  readonly #ids: readonly string[];
  readonly #last = new Map<string, Row>();

  constructor(rows: Pick<Rows<Row>, "entry" | "ids">, ids: readonly string[]) {
    this.#rows = rows;
    this.#ids = ids;
  }

  /** In the order of the ids. It reads the signals of the rows. */
  look(): SeenOrder[] {
    void this.#rows.ids.value; // a row that comes again has another signal
    return this.#ids.map((id) => {
      const entry = this.#rows.entry(id)?.value;
      // A row that left is as it was when it left.
      if (entry) this.#last.set(id, entry.gone?.row ?? entry.row);
      const row = this.#last.get(id) ?? null;
      return { id, row, current: row !== null && (row.terminal || entry?.gone === null) };
    });
  }
}

/** Those that the desk can still be asked to cancel. */
export function cancellable(orders: readonly SeenOrder[]): SeenOrder[] {
  return orders.filter(({ row }) => row?.cancellable);
}

/** Changes when something changes on which a person decides. */
export function figuresOf(orders: readonly SeenOrder[]): string {
  return JSON.stringify(orders.map(({ id, row }) => [id, row?.status, row?.quantity, row?.leavesQuantity, row?.cancellable]));
}
