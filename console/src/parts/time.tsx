// Times: the zone is always written, and UTC is one hover away.
import { language } from "../words/words.ts";

const FORMATS_KEPT = 50;
const formats = new Map<string, Intl.DateTimeFormat>();

export type Shape = "moment" | "clock";

const SHAPES: Record<Shape, Intl.DateTimeFormatOptions> = {
  moment: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" },
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short" },
};

/** A time of the API, such as "2020-03-16T06:02:07Z", in a zone; that of the person where none is named. */
export function timeText(iso: string, locale: string, shape: Shape, zone?: string): string {
  const key = `${locale} ${shape} ${zone ?? ""}`;
  let made = formats.get(key);
  if (made === undefined) {
    if (formats.size >= FORMATS_KEPT) formats.clear();
    made = new Intl.DateTimeFormat(locale, { ...SHAPES[shape], ...(zone === undefined ? {} : { timeZone: zone }) });
    formats.set(key, made);
  }
  return made.format(new Date(iso));
}

export function Time({ iso, shape = "moment", zone }: { iso: string | null; shape?: Shape; zone?: string }) {
  if (iso === null) return <span>–</span>;
  return (
    <time dateTime={iso} title={iso}>
      {timeText(iso, language.value, shape, zone)}
    </time>
  );
}
