// What the page may claim about what it shows, in words; spoken to those who do not see it.
import { formatCount } from "../exact/format.ts";
import type { Continuity } from "../live/continuity.ts";
import type { Light } from "../live/light.ts";
import { timeText } from "../parts/time.tsx";
import { language, words } from "../words/words.ts";
import { useDesk } from "./desk.ts";

export function ContinuityLight({ light }: { light: Light }) {
  const { live } = useDesk();
  const state = light.state.value;
  const { now, stopped } = live.time.time.value;
  return (
    <p class={`light ${state.is.replace(" ", "-")}`}>
      <span role="status">{words.value.continuity[state.is]}</span> <Detail state={state} />{" "}
      {state.is === "gap" && (
        <button type="button" onClick={() => light.looked()}>
          {words.value.looked}
        </button>
      )}
      {state.is === "live" && "· " + words.value.asOf(timeText(new Date(now).toISOString(), language.value, "clock"))}
      {stopped && <strong class="stale"> {words.value.clockStopped}</strong>}
    </p>
  );
}

function Detail({ state }: { state: Continuity }) {
  const say = words.value;
  const count = (value: number) => formatCount(value, language.value);
  switch (state.is) {
    case "snapshot":
      return <>{say.more(count(state.received), count(state.of))}</>;
    case "resumed":
      return <>{say.events(count(state.events))}</>;
    case "gap":
      return <>{timeText(new Date(state.at).toISOString(), language.value, "clock")}</>;
    case "silent":
      return <>{timeText(new Date(state.since).toISOString(), language.value, "clock")}</>;
    case "stopped":
      return <code>{"problem" in state.why ? state.why.problem.code : state.why.is}</code>;
    default:
      return null;
  }
}
