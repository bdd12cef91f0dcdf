// What a person has to know before anything else about orders, whichever list is shown: the venue has not answered for
// an order, or has filled one that had ended.
import type { OrderRowFragment } from "../../api/operations.ts";
import { formatCount, formatQuantity } from "../../exact/format.ts";
import type { Following } from "../../live/desk.ts";
import type { OrderList } from "../../live/orders.ts";
import { Time } from "../../parts/time.tsx";
import { actionWords } from "../../words/actions/words.ts";
import { language, words } from "../../words/words.ts";
import { ContinuityLight } from "../continuity_light.tsx";

type Row = OrderRowFragment;
export type LiveOrders = Following & { readonly list: OrderList<Row> };

/** Lines of a kind; the number of the others is named. */
const LINES_MOST = 20;

interface AttentionProps {
  /** Knows the orders of today, and with them the late fills. */
  readonly today: LiveOrders;
  readonly unknown: LiveOrders;
}

export function Attention({ today, unknown }: AttentionProps) {
  const say = actionWords.value.orders;
  const late = today.list.attention.value.late;
  const unanswered = unknown.list.attention.value.unknown;
  return (
    <>
      {[today, unknown].map(({ light }, at) =>
        isWhole(light.state.value.is) ? null : (
          <div key={at} class="bar">
            <p>{say.watching}</p>
            <ContinuityLight light={light} />
          </div>
        ),
      )}
      {late.length + unanswered.length > 0 && (
        <section class="attention" aria-label={say.attention}>
          <Lines ids={unanswered} list={unknown.list} says={say.unknown} />
          <Lines ids={late} list={today.list} says={say.late} seen={(id) => today.list.seen(id)} />
        </section>
      )}
    </>
  );
}

/** Whether the page may claim that nothing is missing; connecting passes by itself. */
function isWhole(is: string): boolean {
  return ["connecting", "snapshot", "live", "resumed", "gap"].includes(is);
}

interface LinesProps {
  readonly ids: readonly string[];
  readonly list: OrderList<Row>;
  readonly says: string;
  readonly seen?: (id: string) => void;
}

function Lines({ ids, list, says, seen }: LinesProps) {
  if (ids.length === 0) return null;
  const count = (value: number) => formatCount(value, language.value);
  return (
    <>
      <p>
        <strong>{says}</strong>{" "}
        {ids.length > LINES_MOST && <small>{words.value.more(count(LINES_MOST), count(ids.length))}</small>}
      </p>
      <ul>
        {ids.slice(0, LINES_MOST).map((id) => {
          const row = list.rows.entry(id)?.value.row;
          return (
            <li key={id}>
              {row && <Line row={row} />}{" "}
              {seen && (
                <button type="button" onClick={() => seen(id)}>
                  {actionWords.value.orders.seen}
                </button>
              )}
            </li>
          );
        })}
      </ul>
    </>
  );
}

function Line({ row }: { row: Row }) {
  const say = words.value;
  const quantity = (text: string) => formatQuantity(text, language.value);
  return (
    <>
      {row.clientOrderId} · {row.case && <a href={`/console/case/${encodeURIComponent(row.case.id)}`}>{row.case.caseNo}</a>} ·{" "}
      <bdi>{row.account.client.name}</bdi> · {say.side[row.side]} {quantity(row.quantity)} {row.symbol} · {say.columns.filled}{" "}
      {quantity(row.filledQuantity)} · {say.orderStatus[row.status]} · <Time iso={row.updatedAt} shape="clock" />
    </>
  );
}
