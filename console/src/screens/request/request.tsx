// One request that a second person decides: who asked for what, until when, and what would change.
import { useRoute } from "preact-iso/router";
import { ApprovalRequestOfDocument, type ApprovalRequestOfQuery } from "../../api/operations.ts";
import { Fact } from "../../parts/fact.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { Table, type Column } from "../../parts/table.tsx";
import { Time } from "../../parts/time.tsx";
import { liquidateWords } from "../../words/liquidate/words.ts";
import { words } from "../../words/words.ts";
import { useAnswer } from "../desk.ts";

type Node = NonNullable<ApprovalRequestOfQuery["node"]>;
type Found = Extract<Node, { readonly maker: string }>;
type Change = Found["changes"][number];

export default function Request() {
  const { params } = useRoute();
  const id = decodeURIComponent(params["id"] ?? "");
  return <RequestOf key={id} id={id} />;
}

function RequestOf({ id }: { id: string }) {
  const { answer, again } = useAnswer(ApprovalRequestOfDocument, () => ({ id }));
  const say = liquidateWords.value.request;
  const given = answer.value;
  if (given === null) return <p aria-busy="true">{words.value.loading}</p>;
  if (!given.ok) return <ProblemNote {...given} again={again} />;
  const { node } = given.data;
  if (node === null || !isRequest(node)) return <p class="empty">{say.notFound}</p>;
  return <Shown request={node} />;
}

/** The id may be that of another object. */
function isRequest(node: Node): node is Found {
  return "maker" in node;
}

function Shown({ request }: { request: Found }) {
  const say = liquidateWords.value.request;
  const { columns } = words.value;
  return (
    <article>
      <h1>{say.title}</h1>
      <dl class="facts">
        <Fact title={say.kind}>{say.kinds[request.kind]}</Fact>
        <Fact title={columns.status}>{say.statuses[request.status]}</Fact>
        {request.case && (
          <Fact title={columns.caseNo}>
            <a href={`/console/case/${encodeURIComponent(request.case.id)}`}>{request.case.caseNo}</a>
          </Fact>
        )}
        <Fact title={say.maker}>
          <bdi>{request.maker}</bdi>
        </Fact>
        <Fact title={columns.reason}>
          <bdi>{request.reason ?? "–"}</bdi>
        </Fact>
        <Fact title={say.createdAt}>
          <Time iso={request.createdAt} />
        </Fact>
        <Fact title={say.expiresAt}>
          <Time iso={request.expiresAt} />
        </Fact>
        {request.decidedAt !== null && (
          <>
            <Fact title={say.decidedBy}>
              <bdi>{request.decidedBy ?? "–"}</bdi>
            </Fact>
            <Fact title={say.decidedAt}>
              <Time iso={request.decidedAt} />
            </Fact>
            <Fact title={say.decisionReason}>
              <bdi>{request.decisionReason ?? "–"}</bdi>
            </Fact>
          </>
        )}
      </dl>
      <h2>{say.changes}</h2>
      <Table caption={say.changes} columns={changeColumns()} rows={request.changes} keyOf={(row) => row.field} empty={say.noChanges} />
    </article>
  );
}

function changeColumns(): Column<Change>[] {
  const say = liquidateWords.value.request;
  return [
    { key: "field", title: say.field, cell: (row) => row.field },
    { key: "before", title: say.before, cell: (row) => <bdi>{row.before ?? "–"}</bdi> },
    { key: "after", title: say.after, cell: (row) => <bdi>{row.after ?? "–"}</bdi> },
  ];
}
