// The words of the page in the language that the person chose, or else in that of the browser.
//
// Another language than English is loaded when it is used.
import { batch, effect, signal, type ReadonlySignal } from "@preact/signals";
import { en, type Words } from "./en.ts";

export type Language = "en" | "zh-Hans" | "zh-Hant";

const KEPT = "desk.language.1";
const CATALOGUES: Record<Language, () => Promise<Words>> = {
  en: async () => en,
  "zh-Hans": async () => (await import("./zh_hans.ts")).zhHans,
  "zh-Hant": async () => (await import("./zh_hant.ts")).zhHant,
};
/** Each by its own name, which who reads it knows. */
export const LANGUAGES: Readonly<Record<Language, string>> = { en: "English", "zh-Hans": "简体中文", "zh-Hant": "繁體中文" };
/** How the API names them. */
export const API_LANGUAGE = {
  en: "ENGLISH",
  "zh-Hans": "SIMPLIFIED_CHINESE",
  "zh-Hant": "TRADITIONAL_CHINESE",
} as const satisfies Record<Language, string>;

/** The language that fits the first of these tags, such as those of `navigator.languages`. */
export function languageFor(tags: readonly string[]): Language {
  for (const tag of tags) {
    const locale = new Intl.Locale(tag).maximize();
    if (locale.language === "zh") return locale.script === "Hant" ? "zh-Hant" : "zh-Hans";
    if (locale.language === "en") return "en";
  }
  return "en";
}

export const language = signal<Language>("en");
const catalogue = signal<Words>(en);
export const words: ReadonlySignal<Words> = catalogue;
let wanted: Language = "en";

/** Use the language that was chosen before, or that of the browser, and mark the page with it. */
export async function keepLanguage(page: Window): Promise<void> {
  const kept = page.localStorage.getItem(KEPT);
  effect(() => {
    // Han glyphs differ by the language of the page.
    page.document.documentElement.lang = language.value;
    page.document.title = words.value.desk;
  });
  await use(kept !== null && kept in CATALOGUES ? (kept as Language) : languageFor(page.navigator.languages));
}

/** Use this language from now on, also after the page was loaded again. */
export async function choose(page: Window, chosen: Language): Promise<void> {
  page.localStorage.setItem(KEPT, chosen);
  await use(chosen);
}

/** One that cannot be loaded leaves the page in the language that it has. */
async function use(chosen: Language): Promise<void> {
  wanted = chosen;
  const loaded = await CATALOGUES[chosen]().catch(() => null);
  if (loaded === null || wanted !== chosen) return;
  batch(() => {
    catalogue.value = loaded;
    language.value = chosen;
  });
}
