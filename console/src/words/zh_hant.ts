import type { Words } from "./en.ts";

export const zhHant: Words = {
  signedInAs: (subject) => `已登入：${subject}`,
  signedOut: "您已登出。請開啟交易台提供的連結。",
  signIn: "登入",
  loading: "載入中…",
};
