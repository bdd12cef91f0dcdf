import { formatAmount, formatPrice, formatQuantity, formatRatio } from "../exact/format.ts";
import { language } from "../words/words.ts";

interface Shown {
  /** The decimal as the API sent it; null where it is not known. */
  readonly text: string | null | undefined;
}

/** An amount with the digits of its currency; the exact text is one hover away. */
export function Amount({ text, currency }: Shown & { readonly currency: string }) {
  return <Digits exact={text} shown={formatAmount(text, currency, language.value)} unit={currency} />;
}

export function Price({ text, currency }: Shown & { readonly currency: string }) {
  return <Digits exact={text} shown={formatPrice(text, currency, language.value)} unit={currency} />;
}

export function Quantity({ text }: Shown) {
  return <Digits exact={text} shown={formatQuantity(text, language.value)} />;
}

export function Ratio({ text }: Shown) {
  return <Digits exact={text} shown={formatRatio(text, language.value)} />;
}

function Digits({ exact, shown, unit = "" }: { exact: string | null | undefined; shown: string; unit?: string }) {
  return (
    <data class="digits" value={exact ?? ""} title={exact == null ? undefined : `${exact} ${unit}`.trim()}>
      {shown}
    </data>
  );
}
