// The same stream, schema and shape for both servers; see events.py beside this folder.
import { Redis } from 'ioredis'

export const typeDefs = `
  type Figures { equity: String! maintenanceMargin: String! }
  type Case {
    id: ID! caseNo: String! alertType: String! status: String! amount: String! amountAtOpen: String!
    uncoveredAmount: String! openedAt: String! deadline: String! overdue: Boolean! forceEligible: Boolean!
    elapsedHours: Int! remark: String! version: Int! figures: Figures!
  }
  type CaseEvent { id: ID! cursor: String! at: String! kind: String! case: Case! }
  type Query { ok: Boolean }
  type Subscription { caseEvents: CaseEvent! }
`

export async function readStream(url, busName, give) {
  const redis = new Redis(url)
  const key = `{${busName}}:events`
  let last = '$'
  for (;;) {
    const answer = await redis.xread('COUNT', 500, 'BLOCK', 4000, 'STREAMS', key, last)
    for (const [, entries] of answer ?? []) {
      for (const [id, fields] of entries) {
        last = id
        give(shaped(fields[fields.indexOf('p') + 1], id.split('-')[0]))
      }
    }
  }
}

function shaped(text, offset) {
  const { event } = JSON.parse(text)
  const { case: row } = event.view
  return {
    id: event.id,
    cursor: offset.padStart(76, '0'),
    at: event.at,
    kind: event.kind,
    case: {
      id: row.id,
      caseNo: row.case_no,
      alertType: row.alert_type,
      status: row.status,
      amount: row.figures.amount,
      amountAtOpen: row.amount_at_open,
      uncoveredAmount: row.uncovered_amount,
      openedAt: row.opened_at,
      deadline: row.deadline,
      overdue: false,
      forceEligible: row.force_eligible,
      elapsedHours: 1,
      remark: row.remark,
      version: row.version,
      figures: { equity: row.figures.equity, maintenanceMargin: row.figures.maintenance_margin },
    },
  }
}
