// The dialog Liquidate: what is entered, the plan of it beside, and its confirmation; afterwards the results.
import { batch, useSignal, useSignalEffect, type Signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { LiquidateDocument, LiquidationBasisDocument, type LiquidationBasisQuery } from "../../api/operations.ts";
import { formatCount } from "../../exact/format.ts";
import { allowed } from "../../live/continuity.ts";
import { ConfirmButton, TypedWord, useConfirm } from "../../parts/confirm.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { Time } from "../../parts/time.tsx";
import "../../style/liquidate.css";
import { actionWords } from "../../words/actions/words.ts";
import { liquidateWords } from "../../words/liquidate/words.ts";
import { language, words } from "../../words/words.ts";
import { useAnswer, useDesk } from "../desk.ts";
import { plansFrom } from "./asking.ts";
import { BatchView } from "./batch_view.tsx";
import { confirmText, figuresText, obstacle, typedWord, type Obstacle } from "./confirming.ts";
import { firstEntries, type Entries } from "./entries.ts";
import { Form } from "./form.tsx";
import type { AskedCase, Overview } from "./planned.ts";
import { PlanView } from "./plan_view.tsx";
import { presentCases, presentRow } from "./present.ts";
import { Results } from "./results.tsx";
import { Selling, type Basis } from "./selling.ts";
import type { Asked } from "./use_liquidate.tsx";

export default function LiquidateDialog({ ids, symbols, rows, light, onClose }: Asked) {
  const entries = useSignal(firstEntries(symbols));
  const cases = useSignal<readonly AskedCase[]>(useMemo(() => presentCases(rows, ids), []));
  const attempt = useSignal(0);
  const sending = useSignal(false);
  const say = liquidateWords.value;
  const [first] = cases.value;
  const title =
    cases.value.length === 1 && first !== undefined
      ? say.title(first.caseNo, first.clientName)
      : say.titleOfBatch(formatCount(cases.value.length, language.value));
  const lookAgain = (again: readonly AskedCase[]) =>
    batch(() => {
      cases.value = again;
      attempt.value += 1;
    });
  return (
    <Dialog title={title} open onClose={onClose} busy={sending.value}>
      {first === undefined ? (
        <>
          <p>{say.obstacles.nothing}</p>
          <Close onClose={onClose} />
        </>
      ) : (
        <Attempt
          key={attempt.value}
          asked={{ cases: cases.value, rows, light, onClose }}
          entries={entries}
          sending={sending}
          lookAgain={lookAgain}
        />
      )}
    </Dialog>
  );
}

interface Attempted extends Pick<Asked, "rows" | "light" | "onClose"> {
  readonly cases: readonly AskedCase[];
}

interface AttemptProps {
  readonly asked: Attempted;
  readonly entries: Signal<Entries>;
  readonly sending: Signal<boolean>;
  readonly lookAgain: (cases: readonly AskedCase[]) => void;
}

/** One intention, with an idempotency key of its own. */
function Attempt({ asked, entries, sending, lookAgain }: AttemptProps) {
  const { http, clock } = useDesk().live.session;
  const say = liquidateWords.value;
  const { cases, rows, onClose } = asked;
  const basis = useAnswer(LiquidationBasisDocument, () => ({ id: cases[0]!.id, one: cases.length === 1 }));
  const selling = useMemo(
    () =>
      new Selling({
        ...{ cases, entries, clock },
        versionOf: (id) => presentRow(rows, id)?.version ?? null,
        ask: plansFrom(http),
        send: (input) => http.ask(LiquidateDocument, { input }),
        paused: () => document.hidden,
      }),
    [],
  );
  useEffect(() => () => selling.stop(), []);
  useSignalEffect(() => {
    const given = basis.answer.value;
    if (given?.ok) selling.basis.value = basisOf(given.data);
  });
  useSignalEffect(() => {
    sending.value = selling.sale.phase.value.is === "sending";
  });
  const phase = selling.sale.phase.value;
  const given = basis.answer.value;
  switch (phase.is) {
    case "answered":
      return <Results lines={phase.lines} lookAgain={lookAgain} onClose={onClose} />;
    case "sending":
      return (
        <p role="status" aria-busy="true">
          {actionWords.value.sending}
        </p>
      );
    case "unanswered":
      return (
        <>
          <ProblemNote {...phase.problem} />
          <p>
            <strong>{say.unanswered}</strong>
          </p>
          <div class="dialog-actions">
            <button type="button" onClick={onClose}>
              {actionWords.value.close}
            </button>
            <button type="button" onClick={() => void selling.sale.again()}>
              {say.sendAgain}
            </button>
          </div>
        </>
      );
    case "deciding": {
      if (given?.ok === false) {
        return (
          <>
            <ProblemNote {...given} again={basis.again} />
            <Close onClose={onClose} />
          </>
        );
      }
      const positions = given?.ok ? given.data.case?.account.positions : undefined;
      return (
        <>
          {phase.problem && <ProblemNote {...phase.problem} />}
          <div class={entries.value.by === "legs" ? "sell by-legs" : "sell"}>
            <Form
              entries={entries}
              faults={selling.faults.value}
              positions={positions?.nodes ?? null}
              positionsInAll={positions?.totalCount ?? 0}
            />
            <Plan selling={selling} entries={entries.value} />
          </div>
          <Deciding selling={selling} asked={asked} entries={entries.value} />
        </>
      );
    }
  }
}

function Close({ onClose }: { onClose: () => void }) {
  return (
    <div class="dialog-actions">
      <button type="button" onClick={onClose}>
        {actionWords.value.close}
      </button>
    </div>
  );
}

function basisOf({ desk, case: read }: LiquidationBasisQuery): Basis {
  const positions = read?.account.positions?.nodes ?? [];
  return {
    casesMost: desk.limits.liquidateCases,
    legsMost: desk.limits.legs,
    lotSizes: new Map(positions.map(({ instrument: { symbol, lotSize } }) => [symbol, lotSize])),
  };
}

/** The old plan is greyed while the next one is made, and never taken away. */
function Plan({ selling, entries }: { selling: Selling; entries: Entries }) {
  const say = liquidateWords.value;
  const { plan, pending, problem } = selling.planning.state.value;
  const left = selling.left.value;
  const asOf = plan?.evidence?.asOf ?? plan?.totals?.asOf ?? null;
  return (
    <section class={pending ? "sell-plan pending" : "sell-plan"} aria-label={say.plan} aria-busy={pending}>
      <h3>
        {say.plan}{" "}
        {asOf !== null && (
          <small>
            {say.askedAt} <Time iso={asOf} shape="clock" />
          </small>
        )}{" "}
        <button type="button" onClick={() => selling.planning.look()}>
          {say.lookNow}
        </button>
      </h3>
      {problem && <ProblemNote {...problem} again={() => selling.planning.look()} />}
      {plan === null && problem === null && <p>{words.value.loading}</p>}
      {plan && <Plans overview={plan} entries={entries} selling={selling} left={left} />}
    </section>
  );
}

interface PlansProps {
  readonly overview: Overview;
  readonly entries: Entries;
  readonly selling: Selling;
  readonly left: Selling["left"]["value"];
}

function Plans({ overview, entries, selling, left }: PlansProps) {
  const [only] = overview.planned;
  if (overview.evidence !== null && only !== undefined && left.length === 0) {
    return <PlanView planned={only} evidence={overview.evidence} entries={entries} />;
  }
  return <BatchView overview={overview} left={left} tryLeftOut={() => selling.tryLeftOut()} />;
}

interface DecidingProps {
  readonly selling: Selling;
  readonly asked: Attempted;
  readonly entries: Entries;
}

/** What stands in the way of a confirmation, or the confirmation. */
function Deciding({ selling, asked, entries }: DecidingProps) {
  const { live } = useDesk();
  void live.time.time.value; // each second: the plan gets old
  const { plan, pending, problem, at } = selling.planning.state.value;
  const sent = selling.sent.value;
  const basis = selling.basis.value;
  const hindered = obstacle({
    live: allowed(asked.light.state.value).liquidate,
    casesMost: basis?.casesMost ?? asked.cases.length,
    cases: asked.cases.length,
    faults: selling.faults.value,
    overview: plan,
    pending,
    failed: problem !== null,
    age: live.session.clock.now() - at,
    sent,
  });
  const planned = plan?.planned ?? [];
  const cases = planned.map((each) => each.case);
  return (
    <Confirmation
      figures={figuresText(plan, hindered, entries)}
      typed={typedWord(entries, cases.map(({ caseNo }) => caseNo))}
      text={confirmText(planned, liquidateWords.value, language.value)}
      hindered={hindered}
      begin={() => void selling.sale.begin(sent, cases)}
      onClose={asked.onClose}
    />
  );
}

interface ConfirmationProps {
  readonly figures: string;
  readonly typed: string | undefined;
  readonly text: string;
  readonly hindered: Obstacle | null;
  readonly begin: () => void;
  readonly onClose: () => void;
}

function Confirmation({ figures, typed, text, hindered, begin, onClose }: ConfirmationProps) {
  const say = liquidateWords.value;
  const confirming = useConfirm({ figures, typed });
  return (
    <>
      {typed !== undefined && hindered === null && <TypedWord word={typed} typed={confirming.typed} />}
      <div class="dialog-actions">
        {hindered !== null && <strong role="status">{say.obstacles[hindered]}</strong>}
        <button type="button" onClick={onClose}>
          {actionWords.value.back}
        </button>
        {hindered === null && <ConfirmButton label={text} confirming={confirming} pressed={begin} />}
      </div>
    </>
  );
}
