'use strict'

const http = require('node:http')
const { Cache } = require('./cache.js')
const { Origin, Unavailable } = require('./origin.js')

const number = (name, fallback) => Number(process.env[name] ?? fallback)

function log(level, msg, more = {}) {
  console.log(JSON.stringify({ ts: new Date().toISOString(), level, service: 'catalog', msg, ...more }))
}

const origin = new Origin(process.env.ORIGIN_URL, number('HTTP_TIMEOUT_MS', 2000), number('ORIGIN_MAX', 10))
const cache = new Cache({
  url: process.env.REDIS_URL,
  timeoutMs: number('REDIS_TIMEOUT_MS', 200),
  ttlS: number('CACHE_TTL_S', 30),
  negTtlS: number('NEG_TTL_S', 2),
  warn: (msg, error) => log('warn', msg, { error: String(error) }),
})

function send(response, status, body, headers = {}) {
  const type = status >= 400 ? 'application/problem+json' : 'application/json'
  response.writeHead(status, { 'Content-Type': type, ...headers })
  response.end(JSON.stringify(body))
}

const problem = (response, status, code, headers) => send(response, status, { title: code, status, code }, headers)

const reads = { hit: 0, miss: 0, bypass: 0 }
const loads = new Map()

// Who finds a load under way waits for what it brings.
function load(id) {
  const known = loads.get(id)
  if (known) return known
  const begun = (async () => {
    const writes = cache.writes
    const product = await origin.ask('GET', id)
    await cache.set(id, product, writes)
    return product
  })().finally(() => {
    if (loads.get(id) === begun) loads.delete(id)
  })
  loads.set(id, begun)
  return begun
}

async function show(response, id) {
  const known = await cache.get(id)
  const how = known ? 'hit' : cache.trusted ? 'miss' : 'bypass'
  const product = known ? known.product : await load(id)
  reads[how]++
  if (!product) return problem(response, 404, 'unknown_product')
  send(response, 200, product, { 'X-Cache': how })
}

async function change(request, response, id) {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  let row
  try {
    row = JSON.parse(text)
  } catch {
    row = null
  }
  if (typeof row?.name !== 'string' || !Number.isInteger(row.price)) return problem(response, 400, 'invalid_product')
  cache.writes++
  let product
  try {
    product = await origin.ask('PUT', id, { id, name: row.name, price: row.price })
  } finally {
    loads.delete(id) // a load from before the write is nobody's any more
    await cache.forget(id)
  }
  send(response, 200, product)
}

async function answer(request, response) {
  const { pathname } = new URL(request.url, 'http://catalog')
  const id = pathname.match(/^\/products\/([^/]+)$/)?.[1]
  if (id && request.method === 'GET') return show(response, decodeURIComponent(id))
  if (id && request.method === 'PUT') return change(request, response, decodeURIComponent(id))
  if (pathname === '/healthz') return send(response, 200, { status: 'alive' })
  if (pathname === '/readyz') {
    const well = await cache.ping()
    return send(response, 200, { status: well ? 'ready' : 'degraded', checks: { redis: well ? 'ok' : 'away' } })
  }
  if (pathname === '/metrics') {
    const lines = Object.entries(reads).map(([result, count]) => `cache_requests_total{result="${result}"} ${count}\n`)
    response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4' })
    return response.end(`# TYPE cache_requests_total counter\n${lines.join('')}`)
  }
  problem(response, 404, 'not_found')
}

const server = http.createServer((request, response) => {
  answer(request, response).catch((error) => {
    log('error', String(error))
    if (error instanceof Unavailable) problem(response, 503, 'origin_unavailable', { 'Retry-After': '1' })
    else problem(response, 500, 'internal_error')
  })
})

server.listen(Number(process.env.PORT), process.env.HOST)
process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
