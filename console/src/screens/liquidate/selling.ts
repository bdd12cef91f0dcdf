// What the dialog Liquidate holds from its opening, or from another look, to its results; without a page.
//
// A batch consists of cases for which the desk would do something. Others are left out, and the rest is planned again
// without them: what is sent are exactly the cases of the plan that is shown.
import { batch, computed, effect, signal, untracked, type ReadonlySignal } from "@preact/signals";
import type { Clock } from "../../api/clock.ts";
import type { Answer } from "../../api/http.ts";
import type { LiquidateCaseInput } from "../../api/operations.ts";
import { casesOf, isSendable, type AskedCase, type Overview, type Planned } from "./planned.ts";
import { faultsOf, type Entries, type Fault, type LotSizes } from "./entries.ts";
import { Planning } from "./planning.ts";
import { Sale, type Send } from "./sale.ts";

/** What the desk says once: its limits, and lots of the positions of a single case. */
export interface Basis {
  readonly casesMost: number;
  readonly legsMost: number;
  readonly lotSizes: LotSizes;
}

/** What a plan is asked for. */
export interface Wanted {
  readonly cases: readonly AskedCase[];
  /** By id of the case, read before the plan is asked for; null where the case has left the page. */
  readonly versions: ReadonlyMap<string, number | null>;
  readonly entries: Entries;
  readonly lotSizes: LotSizes;
}

export type AskPlans = (wanted: Wanted, signal: AbortSignal) => Promise<Answer<Overview>>;

export interface SellingOptions {
  readonly cases: readonly AskedCase[];
  readonly entries: ReadonlySignal<Entries>;
  readonly clock: Clock;
  readonly ask: AskPlans;
  readonly send: Send;
  readonly versionOf: (caseId: string) => number | null;
  readonly paused: () => boolean;
  readonly newKey?: () => string;
}

/** Between plans of one case, and of a batch, which is a hundred times the work for the desk. */
export const EVERY_MS = 3_000;
export const BATCH_EVERY_MS = 10_000;
/** Plans in a row from which refused cases are left out; the next ones come with the next question. */
export const ROUNDS_MOST = 3;

const NOTHING: Overview = { planned: [], evidence: null, totals: null };

export class Selling {
  readonly sale: Sale;
  readonly planning: Planning<Overview>;
  /** Null until the desk has said it. */
  readonly basis = signal<Basis | null>(null);
  readonly #left = signal<readonly Planned[]>([]);
  readonly #options: SellingOptions;
  readonly #stops: (() => void)[];

  constructor(options: SellingOptions) {
    this.#options = options;
    const everyMs = options.cases.length > 1 ? BATCH_EVERY_MS : EVERY_MS;
    const { clock, paused } = options;
    this.sale = new Sale(options.send, options.newKey);
    this.planning = new Planning({ clock, paused, everyMs, ask: (giveUp) => this.#ask(giveUp) });
    this.#stops = [
      effect(() => this.#begin(options.entries.value, this.basis.value)),
      effect(() => this.#turn(this.sale.phase.value.is)),
    ];
  }

  /** Cases that the request does not name, with the plans that say why. */
  get left(): ReadonlySignal<readonly Planned[]> {
    return this.#left;
  }

  readonly faults: ReadonlySignal<readonly Fault[]> = computed(() => {
    const basis = this.basis.value;
    return basis === null ? [] : faultsOf(this.#options.entries.value, basis.lotSizes, basis.legsMost);
  });

  /** What a confirmation of the plan shown would send. */
  readonly sent: ReadonlySignal<readonly LiquidateCaseInput[]> = computed(() => {
    const { plan } = this.planning.state.value;
    return plan === null ? [] : casesOf(plan.planned, this.#options.entries.value);
  });

  tryLeftOut(): void {
    this.#left.value = [];
    this.planning.look();
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.planning.stop();
  }

  /** With other entries no case is left out any more. */
  #begin(_entries: Entries, basis: Basis | null): void {
    untracked(() =>
      batch(() => {
        this.#left.value = [];
        if (basis !== null) this.planning.changed();
      }),
    );
  }

  /** What is on its way or answered stays as it is shown. */
  #turn(phase: "deciding" | "sending" | "unanswered" | "answered"): void {
    untracked(() => {
      if (phase !== "deciding") this.planning.stop();
      else if (this.planning.state.peek().plan !== null) this.planning.look();
    });
  }

  #wanted(basis: Basis): Wanted {
    const out = new Set(this.#left.peek().map((each) => each.case.id));
    const cases = this.#options.cases.filter(({ id }) => !out.has(id));
    const versions = new Map(cases.map(({ id }) => [id, this.#options.versionOf(id)]));
    return { cases, versions, entries: this.#options.entries.peek(), lotSizes: basis.lotSizes };
  }

  #ask(giveUp: AbortSignal): Promise<Answer<Overview>> | null {
    const basis = this.basis.peek();
    if (basis === null || this.faults.peek().length > 0 || this.#options.cases.length > basis.casesMost) return null;
    return this.#settled(basis, giveUp);
  }

  async #settled(basis: Basis, giveUp: AbortSignal): Promise<Answer<Overview>> {
    for (let round = 1; ; round += 1) {
      const wanted = this.#wanted(basis);
      if (wanted.cases.length === 0) return { ok: true, data: NOTHING, problems: [] };
      const answer = await this.#options.ask(wanted, giveUp);
      if (!answer.ok || giveUp.aborted || this.#options.cases.length === 1) return answer;
      const refused = answer.data.planned.filter((each) => !isSendable(each));
      if (refused.length === 0) return answer;
      this.#left.value = [...this.#left.peek(), ...refused];
      if (round === ROUNDS_MOST) return answer;
    }
  }
}
