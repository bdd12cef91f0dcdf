// The operations of the programs, typed by the client preset of GraphQL Code Generator.
import { graphql } from "./gql/index.js";

export const CasePage = graphql(`
  query CasePage($first: Int!, $after: String) {
    cases(first: $first, after: $after) {
      edges { cursor node { ...CaseRow } }
      pageInfo { endCursor hasNextPage }
    }
  }
  fragment CaseRow on Case {
    id caseNo status amount version deadline
    client { id name }
    figures { liquidNetAssets maintenanceMargin }
  }
`);

export const SetRemark = graphql(`
  mutation SetRemark($input: UpdateRemarkInput!) {
    updateRemark(input: $input) {
      result {
        __typename
        ... on CaseChanged { case { id remark version } }
        ...Refused
      }
    }
  }
  fragment Refused on Refusal { code message details { case { id version } } }
`);

export const CaseEvents = graphql(`
  subscription CaseEvents($after: String) {
    caseEvents(after: $after) { id cursor kind case { id caseNo status amount remark } }
  }
`);
