// Mercurius with its just-in-time compiler.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { resolversOf, typeDefs } from './desk.mjs'

const [port, databaseUrl] = process.argv.slice(2)
const app = Fastify()
app.register(mercurius, { schema: typeDefs, resolvers: resolversOf(databaseUrl), jit: 1 })
await app.listen({ port: Number(port), host: '127.0.0.1' })
