// The pages that are measured, over the desk's own tables, as one would write them with pg: a pool, one
// statement for each list, numbers as text.
import pg from 'pg'

export const typeDefs = /* GraphQL */ `
  type Query {
    cases(first: Int! = 50, after: String): CaseConnection!
    case(id: ID!): Case
  }
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type CaseConnection { nodes: [Case!]! pageInfo: PageInfo! }
  type Case {
    id: ID! caseNo: String! alertType: String! status: String!
    amount: String! amountAtOpen: String! uncoveredAmount: String!
    openedAt: String! deadline: String! overdue: Boolean! forceEligible: Boolean!
    elapsedHours: Int! longTermUnsettled: Boolean! followUpCount: Int! version: Int!
    client: Client! figures: MarginFigures! account: Account!
    orders(first: Int! = 50): OrderConnection!
    snapshots(first: Int! = 20): SnapshotConnection!
  }
  type Client { id: ID! clientNo: String! name: String! group: String }
  type MarginFigures {
    asOf: String! stale: Boolean! equity: String! liquidNetAssets: String! maintenanceMargin: String!
    marginCallMargin: String! forceCloseMargin: String! riskLevel: String!
  }
  type Account {
    id: ID! accountNo: String! type: String! baseCurrency: String!
    cashBalances: [CashBalance!]!
    positions(first: Int! = 100): PositionConnection!
  }
  type CashBalance { currency: String! balance: String! fxRate: String! baseValue: String! }
  type PositionConnection { nodes: [Position!]! }
  type Position {
    id: ID! quantity: String! mark: String marketValue: String baseMarketValue: String
    instrument: Instrument!
  }
  type Instrument { symbol: String! name: String! currency: String! lotSize: String! }
  type OrderConnection { nodes: [Order!]! }
  type Order {
    id: ID! clientOrderId: String! symbol: String! side: String! quantity: String! limitPrice: String
    filledQuantity: String! status: String! createdAt: String!
  }
  type SnapshotConnection { nodes: [Snapshot!]! }
  type Snapshot { id: ID! kind: String! occasion: String! takenAt: String! hash: String! }
`

const HOUR_MS = 3_600_000
const LONG_TERM_MS = 90 * 24 * HOUR_MS
const CASES = `
  SELECT c.*, a.account_no, a.type AS account_type, a.base_currency, a.client_id,
         k.client_no, k.name AS client_name, k.client_group
  FROM margin_case c JOIN account a ON a.id = c.account_id JOIN client k ON k.id = a.client_id`
const LIVE = `c.status IN ('OPEN', 'LIQUIDATING', 'EXCEPTION')`

const globalId = (type, id) => Buffer.from(`${type}:${id}`).toString('base64url')
const localId = (id) => Buffer.from(id, 'base64url').toString().split(':')[1]
const levelOf = (figures) => (figures.risk_level ?? 'MARGIN_CALL')

function caseOf(row, now) {
  const figures = JSON.parse(row.figures)
  const opened = row.opened_at.getTime()
  return {
    row,
    id: globalId('Case', row.id),
    caseNo: row.case_no,
    alertType: row.alert_type,
    status: row.status,
    amount: row.amount,
    amountAtOpen: row.amount_at_open,
    uncoveredAmount: row.uncovered_amount,
    openedAt: row.opened_at.toISOString(),
    deadline: row.deadline.toISOString(),
    overdue: row.closed_at === null && row.deadline.getTime() < now,
    forceEligible: row.force_eligible,
    elapsedHours: Math.max(1, Math.ceil(((row.closed_at?.getTime() ?? now) - opened) / HOUR_MS)),
    longTermUnsettled: row.closed_at === null && now - opened > LONG_TERM_MS,
    followUpCount: row.follow_ups,
    version: row.version,
    client: {
      id: globalId('Client', row.client_id),
      clientNo: row.client_no,
      name: row.client_name,
      group: row.client_group,
    },
    figures: {
      asOf: figures.as_of,
      stale: figures.stale,
      equity: figures.equity,
      liquidNetAssets: figures.liquid_net_assets,
      maintenanceMargin: figures.maintenance_margin,
      marginCallMargin: figures.margin_call_margin,
      forceCloseMargin: figures.force_close_margin,
      riskLevel: levelOf(figures),
    },
    account: {
      row,
      id: globalId('Account', row.account_id),
      accountNo: row.account_no,
      type: row.account_type,
      baseCurrency: row.base_currency,
    },
  }
}

export function resolversOf(databaseUrl) {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 })
  // A named statement is prepared once for each connection.
  const rows = async (name, text, values) => (await pool.query({ name, text, values })).rows

  return {
    Query: {
      async cases(_, { first, after }) {
        const now = Date.now()
        const order = `ORDER BY c.opened_at DESC, c.id DESC LIMIT`
        const found = after
          ? await rows(
              'cases-after',
              `${CASES} WHERE ${LIVE} AND (c.opened_at, c.id) < ($1, $2) ${order} $3`,
              [...Buffer.from(after, 'base64url').toString().split('|'), first + 1],
            )
          : await rows('cases', `${CASES} WHERE ${LIVE} ${order} $1`, [first + 1])
        const nodes = found.slice(0, first).map((row) => caseOf(row, now))
        const last = found[nodes.length - 1]
        const endCursor = last
          ? Buffer.from(`${last.opened_at.toISOString()}|${last.id}`).toString('base64url')
          : null
        return { nodes, pageInfo: { hasNextPage: found.length > first, endCursor } }
      },
      async case(_, { id }) {
        const [row] = await rows('case', `${CASES} WHERE c.id = $1`, [localId(id)])
        return row ? caseOf(row, Date.now()) : null
      },
    },
    Case: {
      async orders({ row }, { first }) {
        const found = await rows(
          'orders',
          `SELECT * FROM liquidation_order WHERE case_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2`,
          [row.id, first],
        )
        return {
          nodes: found.map((order) => ({
            id: globalId('Order', order.id),
            clientOrderId: order.client_order_id,
            symbol: order.symbol,
            side: order.side,
            quantity: order.quantity,
            limitPrice: order.limit_price,
            filledQuantity: order.filled_quantity,
            status: order.status,
            createdAt: order.created_at.toISOString(),
          })),
        }
      },
      async snapshots({ row }, { first }) {
        const found = await rows(
          'snapshots',
          `SELECT id, kind, occasion, at, hash FROM snapshot WHERE case_id = $1 ORDER BY at DESC, id DESC LIMIT $2`,
          [row.id, first],
        )
        return {
          nodes: found.map((each) => ({
            id: globalId('Snapshot', each.id),
            kind: each.kind,
            occasion: each.occasion,
            takenAt: each.at.toISOString(),
            hash: each.hash,
          })),
        }
      },
    },
    Account: {
      async cashBalances({ row }) {
        const found = await rows(
          'cash',
          `SELECT b.currency, b.balance, COALESCE(f.rate, 1) AS rate, b.balance * COALESCE(f.rate, 1) AS base
           FROM cash_balance b LEFT JOIN fx_rate f ON f.base_currency = b.currency AND f.quote_currency = $2
           WHERE b.account_id = $1 ORDER BY b.currency`,
          [row.account_id, row.base_currency],
        )
        return found.map((each) => ({
          currency: each.currency,
          balance: each.balance,
          fxRate: each.rate,
          baseValue: each.base,
        }))
      },
      async positions({ row }, { first }) {
        const found = await rows(
          'positions',
          `SELECT p.instrument_id, p.quantity, i.name, i.currency, i.lot_size, q.last_price AS mark,
                  p.quantity * q.last_price * i.multiplier AS value,
                  p.quantity * q.last_price * i.multiplier * COALESCE(f.rate, 1) AS base
           FROM position p JOIN instrument i ON i.symbol = p.instrument_id
           LEFT JOIN quote q ON q.symbol = i.symbol
           LEFT JOIN fx_rate f ON f.base_currency = i.currency AND f.quote_currency = $2
           WHERE p.account_id = $1 AND p.quantity <> 0 ORDER BY p.instrument_id LIMIT $3`,
          [row.account_id, row.base_currency, first],
        )
        return {
          nodes: found.map((each) => ({
            id: globalId('Position', `${row.account_id}:${each.instrument_id}`),
            quantity: each.quantity,
            mark: each.mark,
            marketValue: each.value,
            baseMarketValue: each.base,
            instrument: {
              symbol: each.instrument_id,
              name: each.name,
              currency: each.currency,
              lotSize: each.lot_size,
            },
          })),
        }
      },
    },
  }
}
