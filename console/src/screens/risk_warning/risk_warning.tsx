import { words } from "../../words/words.ts";

export default function RiskWarning() {
  return <h1>{words.value.riskWarning}</h1>;
}
