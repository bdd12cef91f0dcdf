import { words } from "../words/words.ts";

interface ProblemProps {
  readonly code: string;
  readonly message: string;
  readonly requestId: string | null;
  readonly again?: () => void;
}

/** A failure: its code, the sentence of the desk, the id to name when one asks for help, and another try. */
export function ProblemNote({ code, message, requestId, again }: ProblemProps) {
  const say = words.value;
  return (
    <div class="problem" role="alert">
      <strong>{code}</strong> <span>{message}</span>
      {requestId !== null && (
        <span>
          {" "}
          {say.requestId} <code>{requestId}</code>
        </span>
      )}
      {again && (
        <button type="button" onClick={again}>
          {say.again}
        </button>
      )}
    </div>
  );
}
