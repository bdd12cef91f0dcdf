// GraphQL Yoga as its documentation shows it.
import { createServer } from 'node:http'
import { createSchema, createYoga } from 'graphql-yoga'
import { resolversOf, typeDefs } from './desk.mjs'

const [port, databaseUrl] = process.argv.slice(2)
const schema = createSchema({ typeDefs, resolvers: resolversOf(databaseUrl) })
createServer(createYoga({ schema, logging: false })).listen(Number(port), '127.0.0.1')
