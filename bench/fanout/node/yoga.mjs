// GraphQL Yoga with graphql-ws on ws, put together as Yoga's documentation shows.
import { createServer } from 'node:http'
import { useServer } from 'graphql-ws/use/ws'
import { createPubSub, createSchema, createYoga } from 'graphql-yoga'
import { WebSocketServer } from 'ws'
import { readStream, typeDefs } from './events.mjs'

const [port, redisUrl, busName] = process.argv.slice(2)
// Its pings would end the sockets of a burst that keeps it busy for longer than they wait.
const NO_KEEP_ALIVE = 0
const pubSub = createPubSub()
const resolvers = {
  Subscription: {
    caseEvents: { subscribe: () => pubSub.subscribe('caseEvents'), resolve: (event) => event },
  },
}
const yoga = createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false })
const httpServer = createServer(yoga)
const wsServer = new WebSocketServer({ server: httpServer, path: yoga.graphqlEndpoint })
useServer(
  {
    execute: (args) => args.rootValue.execute(args),
    subscribe: (args) => args.rootValue.subscribe(args),
    onSubscribe: async (ctx, _id, params) => {
      const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
        ...ctx,
        req: ctx.extra.request,
        socket: ctx.extra.socket,
        params,
      })
      const args = {
        schema,
        operationName: params.operationName,
        document: parse(params.query),
        variableValues: params.variables,
        contextValue: await contextFactory(),
        rootValue: { execute, subscribe },
      }
      const errors = validate(args.schema, args.document)
      return errors.length ? errors : args
    },
  },
  wsServer,
  NO_KEEP_ALIVE,
)
httpServer.listen(Number(port), '127.0.0.1', () => {
  readStream(redisUrl, busName, (event) => pubSub.publish('caseEvents', event))
})
