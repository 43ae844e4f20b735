// What a service in Node does with ioredis: one line for each thing, the same on every Redis.
import Redis from 'ioredis'
import { tell, code } from './tell.js'

const open = (more = {}) => new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: 2, ...more })
const redis = open({ connectionName: 'conformance' })
await new Promise((ready, failed) => redis.once('ready', ready).once('error', failed))
await redis.flushall()
await tell('ready', () => redis.status)
await tell('name', () => redis.client('GETNAME'))
await tell('set with expiry', () => redis.set('k', 'v', 'EX', 60, 'NX'))
await tell('get', () => redis.get('k'))
await tell('ttl', () => redis.ttl('k'))
await tell('hash', async () => (await redis.hset('h', { a: 1, b: 2 }), redis.hgetall('h')))
await tell('pipeline', () => redis.pipeline().incr('n').incr('n').lpush('k', 'x').get('n').exec().then((all) => all.map(([error, value]) => error?.message ?? value)))
await tell('transaction', () => redis.multi().set('t', '1').incr('t').exec())
await tell('conflict', async () => {
  const other = open()
  await redis.watch('t')
  await other.set('t', '9')
  other.disconnect()
  return redis.multi().incr('t').exec()
})
await tell('bad transaction', () => code(redis.multi().call('NONSENSE').exec()))
await tell('wrong type', () => code(redis.lpush('k', 'x')))
await tell('unknown command', () => code(redis.call('NONSENSE')))
await tell('buffer', async () => (await redis.set('bin', Buffer.from([0, 255, 13, 10])), (await redis.getBuffer('bin')).toString('hex')))
await tell('five megabytes', async () => (await redis.set('big', 'x'.repeat(5_000_000)), (await redis.get('big')).length))
await tell('blocking', async () => {
  const blocked = open()
  await blocked.ping()
  const popped = blocked.blpop('queue', 5)
  await redis.rpush('queue', 'job')
  const got = await popped
  blocked.disconnect()
  return got
})
await tell('stream', async () => {
  await redis.xgroup('CREATE', 's', 'g', '$', 'MKSTREAM')
  const id = await redis.xadd('s', '1-1', 'f', 'v')
  const read = await redis.xreadgroup('GROUP', 'g', 'c', 'COUNT', 10, 'STREAMS', 's', '>')
  return [id, read, await redis.xack('s', 'g', id), await redis.xpending('s', 'g')]
})
await tell('busy group', () => code(redis.xgroup('CREATE', 's', 'g', '$')))
await tell('no group', () => code(redis.xreadgroup('GROUP', 'none', 'c', 'STREAMS', 's', '>')))
redis.defineCommand('twice', { numberOfKeys: 1, lua: 'return redis.call("INCRBY", KEYS[1], ARGV[1] * 2)' })
await tell('script', async () => [await redis.twice('script', 21), await redis.twice('script', 21)])
await tell('scan', async () => {
  const filling = redis.pipeline()
  for (let i = 0; i < 10_000; i++) filling.set(`scan:${i}`, i)
  await filling.exec()
  const seen = new Set()
  for await (const keys of redis.scanStream({ match: 'scan:*', count: 500 })) keys.forEach((key) => seen.add(key))
  return seen.size
})
await tell('publish and subscribe', async () => {
  const listener = open()
  const heard = []
  const all = new Promise((done) => listener.on('message', (...said) => heard.push(said) === 2 && done()))
  const wide = new Promise((done) => listener.on('pmessage', (...said) => done(said)))
  await listener.subscribe('news', 'other')
  await listener.psubscribe('n*')
  await redis.publish('news', 'one')
  await redis.publish('other', 'two')
  await all
  const wildly = await wide
  const refused = await code(listener.get('k'))
  await listener.unsubscribe('news', 'other')
  await listener.punsubscribe('n*')
  const after = await listener.get('k')
  listener.disconnect()
  return [heard, wildly, refused, after]
})
await tell('many connections', async () => {
  const many = Array.from({ length: 100 }, () => open())
  const said = await Promise.all(many.map((one) => one.incr('many')))
  many.forEach((one) => one.disconnect())
  return Math.max(...said)
})
await tell('killed', async () => {
  const victim = open()
  const id = await victim.client('ID')
  await redis.client('KILL', 'ID', id)
  return victim.ping()
    .finally(() => victim.disconnect())
})
await tell('info', async () => (await redis.info('server')).includes('redis_version'))
await tell('config', () => redis.config('GET', 'databases'))
await tell('select', async () => (await redis.select(3), redis.dbsize()))
await redis.quit()
process.exit(0)
