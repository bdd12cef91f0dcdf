// Asks the desk for plans: of one case with its evidence, of several with their totals.
import type { Answer, Http } from "../../api/http.ts";
import { LiquidationPlanDocument, LiquidationPlansDocument, type PlanFragment } from "../../api/operations.ts";
import { problem, type Problem } from "../../api/problems.ts";
import { previewInput } from "./entries.ts";
import type { Overview, Planned } from "./planned.ts";
import type { AskPlans, Wanted } from "./selling.ts";

export function plansFrom(http: Http): AskPlans {
  return (wanted, giveUp) => (wanted.cases.length === 1 ? one(http, wanted, giveUp) : several(http, wanted, giveUp));
}

async function one(http: Http, wanted: Wanted, giveUp: AbortSignal): Promise<Answer<Overview>> {
  const input = previewInput(wanted.cases[0]!.id, wanted.entries, wanted.lotSizes);
  const answer = await http.ask(LiquidationPlanDocument, { input }, giveUp);
  if (!answer.ok) return answer;
  const evidence = answer.data.liquidationPreview;
  if (evidence === null) return noPlan(answer.problems);
  return { ok: true, problems: [], data: { planned: planned(wanted, [evidence]), evidence, totals: null } };
}

async function several(http: Http, wanted: Wanted, giveUp: AbortSignal): Promise<Answer<Overview>> {
  const inputs = wanted.cases.map(({ id }) => previewInput(id, wanted.entries, wanted.lotSizes));
  const answer = await http.ask(LiquidationPlansDocument, { inputs }, giveUp);
  if (!answer.ok) return answer;
  const plans = answer.data.liquidationPreviews;
  if (plans === null) return noPlan(answer.problems);
  const { results, ...totals } = plans;
  return { ok: true, problems: [], data: { planned: planned(wanted, results), evidence: null, totals } };
}

/** Plans come in the order of the cases. */
function planned({ cases, versions }: Wanted, plans: readonly PlanFragment[]): Planned[] {
  return plans.map((plan, at) => {
    const of = cases[at]!;
    return { case: of, version: versions.get(of.id) ?? null, plan };
  });
}

function noPlan([first]: readonly Problem[]): Answer<Overview> {
  return { ok: false, ...(first ?? problem("NOT_GRAPHQL", "the desk answered without a plan")) };
}
