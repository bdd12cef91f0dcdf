// By which column a list is sorted, and the orders of rows that follow from it.
import type { Direction } from "../live/order_of_rows.ts";
import type { Order } from "../live/rows.ts";

export interface Sorting {
  readonly column: string;
  readonly direction: Direction;
}

/** The order of each column that has one. */
export type Orders<Row> = Readonly<Record<string, (direction: Direction) => Order<Row>>>;

/** `ties` decides among rows that are equal by the column, and where the column has no order. */
export function orderBy<Row>(orders: Orders<Row>, ties: Order<Row>): (sorting: Sorting) => Order<Row> {
  return ({ column, direction }) => {
    const first = orders[column]?.(direction) ?? ties;
    return (a, b) => first(a, b) || ties(a, b);
  };
}

/** A person asked for this column: it is sorted ascending, and if it was already, descending. */
export function turned(sorting: Sorting, column: string): Sorting {
  return { column, direction: sorting.column === column && sorting.direction === "ASC" ? "DESC" : "ASC" };
}
