/** The words of the pages; its type is what every other language must have. */
export const en = {
  signedInAs: (subject: string) => `Signed in as ${subject}`,
  signedOut: "You are signed out. Open the link that your desk gave you.",
  signIn: "Sign in",
  loading: "Loading…",
};

export type Words = typeof en;
