// The dialog that cancels orders: one, or those selected. What it lists is what it asks for, and the answers stay in it.
import { useSignal } from "@preact/signals";
import { useId, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { CancelDocument, type OrderRowFragment } from "../../api/operations.ts";
import { formatCount, formatQuantity } from "../../exact/format.ts";
import { BATCH_MOST } from "../../grid/selection.ts";
import { allowed } from "../../live/continuity.ts";
import type { Light } from "../../live/light.ts";
import type { Rows } from "../../live/rows.ts";
import { ConfirmButton, useConfirm } from "../../parts/confirm.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { actionWords } from "../../words/actions/words.ts";
import { language, words } from "../../words/words.ts";
import { useDesk } from "../desk.ts";
import { RefusalNote } from "../refusal.tsx";
import { Cancelling, type Line } from "./cancelling.ts";
import { cancellable, figuresOf, SeenOrders, type SeenOrder } from "./seen_orders.ts";

type Row = OrderRowFragment;

/** Of `CancelInput.reason`. */
const REASON_MOST = 1_000;

interface CancelDialogProps {
  readonly ids: readonly string[];
  readonly rows: Rows<Row>;
  readonly light: Light;
  readonly closed: () => void;
}

/** From its opening to its end it is one intention, with one idempotency key. */
export function CancelDialog({ ids, rows, light, closed }: CancelDialogProps) {
  const { http } = useDesk().live.session;
  const cancelling = useMemo(() => new Cancelling((input) => http.ask(CancelDocument, { input })), []);
  const seen = useMemo(() => new SeenOrders(rows, ids), []);
  const orders = seen.look();
  const state = cancelling.state.value;
  const say = actionWords.value;
  return (
    <Dialog title={say.cancel.title} open onClose={closed} busy={state.is === "sending"}>
      {state.is === "deciding" && <Deciding orders={orders} light={light} cancelling={cancelling} closed={closed} />}
      {state.is === "sending" && (
        <>
          <Orders orders={orders.filter(({ id }) => cancelling.sent?.includes(id))} />
          <p role="status">{say.sending}</p>
        </>
      )}
      {state.is === "answered" && <Answers lines={state.lines} orders={orders} closed={closed} />}
      {state.is === "failed" && (
        <>
          <ProblemNote {...state.problem} {...(state.problem.retryable && { again: cancelling.again })} />
          {state.problem.retryable && <p class="note">{say.sameKey}</p>}
          <Buttons closed={closed} />
        </>
      )}
    </Dialog>
  );
}

interface DecidingProps {
  readonly orders: readonly SeenOrder[];
  readonly light: Light;
  readonly cancelling: Cancelling;
  readonly closed: () => void;
}

function Deciding({ orders, light, cancelling, closed }: DecidingProps) {
  const name = useId();
  const reason = useSignal("");
  const say = actionWords.value;
  const chosen = cancellable(orders);
  const continuity = light.state.value;
  const instead = insteadOf(chosen.length, allowed(continuity).cancel);
  // A list that was built again has to be looked at again.
  const rebuilt = continuity.is === "gap" ? continuity.at : null;
  const confirming = useConfirm({ figures: `${rebuilt} ${instead} ${figuresOf(orders)}` });
  const pressed = () => void cancelling.cancel(chosen.map(({ id }) => id), reason.peek());
  return (
    <>
      <p>
        <label for={name}>{say.cancel.reason}</label>{" "}
        <input id={name} size={40} maxLength={REASON_MOST} value={reason} onInput={(event) => (reason.value = event.currentTarget.value)} />
      </p>
      <Orders orders={orders} />
      <p class="note">{say.cancel.note}</p>
      <Buttons closed={closed}>
        {instead === null ? (
          <ConfirmButton label={labelOf(chosen)} confirming={confirming} pressed={pressed} />
        ) : (
          <strong role="status">{instead}</strong>
        )}
      </Buttons>
    </>
  );
}

/** Why nothing can be confirmed; null if it can. */
function insteadOf(count: number, isAllowed: boolean): string | null {
  const say = actionWords.value;
  if (!isAllowed) return say.notLive;
  if (count === 0) return say.cancel.none;
  return count > BATCH_MOST ? say.cancel.tooMany(formatCount(BATCH_MOST, language.value)) : null;
}

/** What it does, with the numbers of the request. */
function labelOf(chosen: readonly SeenOrder[]): string {
  const say = actionWords.value.cancel;
  const [{ row } = { row: null }] = chosen;
  if (chosen.length !== 1 || row === null) return say.many(formatCount(chosen.length, language.value));
  const quantity = (text: string) => formatQuantity(text, language.value);
  return say.one(words.value.side[row.side], quantity(row.quantity), row.symbol, quantity(row.leavesQuantity));
}

function Orders({ orders }: { orders: readonly SeenOrder[] }) {
  const say = actionWords.value;
  return (
    <ul class="lines" tabIndex={0} aria-label={say.cancel.title}>
      {orders.map((order) => (
        <li key={order.id}>
          <Order order={order} /> {!order.row?.cancellable && <em>{say.cancel.willNot}</em>}
        </li>
      ))}
    </ul>
  );
}

function Order({ order: { id, row, current } }: { order: SeenOrder }) {
  if (row === null) return <code>{id}</code>;
  const say = words.value;
  const quantity = (text: string) => formatQuantity(text, language.value);
  return (
    <>
      <strong>
        {say.side[row.side]} {quantity(row.quantity)} {row.symbol}
      </strong>{" "}
      {actionWords.value.cancel.openPart(quantity(row.leavesQuantity), quantity(row.quantity))} · {row.clientOrderId} ·{" "}
      {row.account.accountNo} {current && <span>· {say.orderStatus[row.status]}</span>}
    </>
  );
}

interface AnswersProps {
  readonly lines: readonly Line[];
  readonly orders: readonly SeenOrder[];
  readonly closed: () => void;
}

/** They stay until the person has read them; statuses go on as events come. */
function Answers({ lines, orders, closed }: AnswersProps) {
  const list = useRef<HTMLUListElement>(null);
  const say = actionWords.value.cancel;
  // The button that had the focus is gone. A key that is still held must not press the one that took its place.
  useLayoutEffect(() => list.current?.focus(), []);
  const byId = new Map(orders.map((order) => [order.id, order]));
  return (
    <>
      <ul ref={list} class="lines" tabIndex={0} aria-label={say.results}>
        {lines.map(({ orderId, outcome }) => (
          <li key={orderId}>
            <Order order={byId.get(orderId) ?? { id: orderId, row: null, current: false }} /> →{" "}
            {outcome.is === "requested" && <em>{outcome.before ? say.before : say.requested}</em>}
            {outcome.is === "missing" && <em class="refusal">{say.missing}</em>}
            {outcome.is === "refused" && <RefusalNote {...outcome} />}
          </li>
        ))}
      </ul>
      <p class="note">{say.note}</p>
      <Buttons closed={closed} />
    </>
  );
}

function Buttons({ closed, children }: { closed: () => void; children?: preact.ComponentChildren }) {
  const say = actionWords.value;
  return (
    <div class="dialog-actions">
      <button type="button" onClick={closed}>
        {children === undefined ? say.close : say.back}
      </button>
      {children}
    </div>
  );
}
