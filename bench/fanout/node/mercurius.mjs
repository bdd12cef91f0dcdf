// Mercurius as its documentation shows subscriptions: an emitter in memory, fed from the stream.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { readStream, typeDefs } from './events.mjs'

const [port, redisUrl, busName] = process.argv.slice(2)
const app = Fastify()
app.register(mercurius, {
  schema: typeDefs,
  resolvers: { Subscription: { caseEvents: { subscribe: (_, __, { pubsub }) => pubsub.subscribe('caseEvents') } } },
  subscription: true,
  jit: 1,
})
await app.listen({ port: Number(port), host: '127.0.0.1' })
readStream(redisUrl, busName, (event) =>
  app.graphql.pubsub.publish({ topic: 'caseEvents', payload: { caseEvents: event } }),
)
