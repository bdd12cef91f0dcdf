/** The text of a GraphQL operation, whose type knows its answer and its variables. */
export type Operation<Answer, Variables> = string & {
  readonly __answer?: (variables: Variables) => Answer;
};
