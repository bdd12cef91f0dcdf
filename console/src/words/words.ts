// The words of the page in the language that the person chose, or else in that of the browser.
import { computed, signal } from "@preact/signals";
import { en, type Words } from "./en.ts";
import { zhHans } from "./zh_hans.ts";
import { zhHant } from "./zh_hant.ts";

export type Language = "en" | "zh-Hans" | "zh-Hant";

const CATALOGUES: Record<Language, Words> = { en, "zh-Hans": zhHans, "zh-Hant": zhHant };

/** The language that fits the first of these tags, such as those of `navigator.languages`. */
export function languageFor(tags: readonly string[]): Language {
  for (const tag of tags) {
    const locale = new Intl.Locale(tag).maximize();
    if (locale.language === "zh") return locale.script === "Hant" ? "zh-Hant" : "zh-Hans";
    if (locale.language === "en") return "en";
  }
  return "en";
}

export const language = signal<Language>(languageFor(globalThis.navigator?.languages ?? []));
export const words = computed(() => CATALOGUES[language.value]);
