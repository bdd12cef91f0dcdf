// The words of the page in the language that the person chose, or else in that of the browser.
import { computed, effect, signal } from "@preact/signals";
import { en, type Words } from "./en.ts";
import { zhHans } from "./zh_hans.ts";
import { zhHant } from "./zh_hant.ts";

export type Language = "en" | "zh-Hans" | "zh-Hant";

const KEPT = "desk.language.1";
const CATALOGUES: Record<Language, Words> = { en, "zh-Hans": zhHans, "zh-Hant": zhHant };
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
export const words = computed(() => CATALOGUES[language.value]);

/** Use the language that was chosen before, or that of the browser; remember another choice, and mark the page. */
export function keepLanguage(page: Window): void {
  const kept = page.localStorage.getItem(KEPT);
  language.value = kept !== null && kept in CATALOGUES ? (kept as Language) : languageFor(page.navigator.languages);
  effect(() => {
    // Han glyphs differ by the language of the page.
    page.document.documentElement.lang = language.value;
    page.document.title = words.value.desk;
  });
}

/** Use this language from now on, also after the page was loaded again. */
export function choose(page: Window, chosen: Language): void {
  language.value = chosen;
  page.localStorage.setItem(KEPT, chosen);
}
