'use strict'

const http = require('node:http')
const { Breaker } = require('./breaker.js')

const number = (name, fallback) => Number(process.env[name] ?? fallback)
const TIMEOUT = number('HTTP_TIMEOUT_MS', 1500)

function log(level, msg, more = {}) {
  console.log(JSON.stringify({ ts: new Date().toISOString(), level, service: 'gateway', msg, ...more }))
}

const breakers = ['users', 'reco'].map(
  (name) =>
    new Breaker(name, {
      failures: number('BREAKER_FAILURES', 5),
      resetMs: number('BREAKER_RESET_MS', 2000),
      probes: number('BREAKER_HALF_OPEN_MAX', 1),
      onChange: (state) => log('warn', `breaker of ${name}: ${state}`, { event: 'breaker', name, state }),
    }),
)
const [users, reco] = breakers

// An answer below 500 is one; what it says is for the caller to judge.
async function get(url) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT), redirect: 'manual' })
  if (answer.status >= 500) throw new Error(`answered ${answer.status}`)
  return { status: answer.status, body: answer.ok ? await answer.json() : await answer.text() }
}

async function ask(breaker, url) {
  try {
    return await breaker.fire(() => get(url))
  } catch (error) {
    return { status: 503 }
  }
}

function send(response, status, body, type = 'application/json') {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) })
  response.end(text)
}

async function orderView(response, id) {
  const [user, recommended] = await Promise.all([
    ask(users, `${process.env.USERS_URL}/users/${id}`),
    ask(reco, `${process.env.RECO_URL}/recommendations/${id}`),
  ])
  if (user.status === 404) {
    const problem = { title: 'Not Found', status: 404, code: 'unknown_user' }
    return send(response, 404, problem, 'application/problem+json')
  }
  send(response, 200, {
    user: user.status === 200 ? user.body : null,
    recommendations: recommended.body?.items ?? [],
    degraded: user.status !== 200 || recommended.status !== 200,
  })
}

function metrics(response) {
  const lines = breakers.flatMap(({ name, metric, transitions }) => [
    `breaker_state{name="${name}"} ${metric}`,
    `breaker_transitions_total{name="${name}"} ${transitions}`,
  ])
  send(response, 200, lines.join('\n') + '\n', 'text/plain; version=0.0.4')
}

const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://gateway')
  const id = pathname.match(/^\/order-view\/([^/]+)$/)?.[1]
  if (id) return orderView(response, id)
  if (pathname === '/metrics') return metrics(response)
  if (pathname === '/healthz') return send(response, 200, { status: 'alive' })
  if (pathname === '/readyz') return send(response, 200, { status: 'ready', checks: {} })
  send(response, 404, { title: 'Not Found', status: 404, code: 'not_found' }, 'application/problem+json')
})

server.listen(Number(process.env.PORT), process.env.HOST)
process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
