// What a service in Node does with node-redis, in RESP2 and then in RESP3: one line for each thing.
import { createClient } from 'redis'
import { tell, code } from './tell.js'

for (const RESP of [2, 3]) {
  const open = async () => createClient({ url: process.env.REDIS_URL, RESP, name: 'conformance' })
    .on('error', (error) => console.log('error event:', error.message)).connect()
  const client = await open()
  const say = (name, action) => tell(`RESP${RESP} ${name}`, action)
  await client.flushAll()
  await say('name', () => client.clientGetName())
  await say('set with expiry', () => client.set('k', 'v', { EX: 60, NX: true }))
  await say('get', () => client.get('k'))
  await say('hash', async () => (await client.hSet('h', { a: 1, b: 2 }), ({ ...(await client.hGetAll('h')) })))
  await say('scores', async () => (await client.zAdd('z', [{ score: 1.5, value: 'a' }, { score: 2, value: 'b' }]), client.zRangeWithScores('z', 0, -1)))
  await say('members', async () => (await client.sAdd('set', ['a']), client.sMembers('set')))
  await say('transaction', () => client.multi().set('t', '1').incr('t').exec())
  await say('conflict', async () => {
    const other = await open()
    await client.watch('t')
    await other.set('t', '9')
    other.destroy()
    return client.multi().incr('t').exec().catch((error) => error.constructor.name)
  })
  await say('bad transaction', () => code(client.multi().addCommand(['NONSENSE']).exec()))
  await say('wrong type', () => code(client.lPush('k', 'x')))
  await say('at once', () => Promise.all(Array.from({ length: 1000 }, () => client.incr('n'))).then((all) => all.at(-1)))
  await say('five megabytes', async () => (await client.set('big', 'x'.repeat(5_000_000)), (await client.get('big')).length))
  await say('blocking', async () => {
    const blocked = await open()
    const popped = blocked.blPop('queue', 5)
    await client.rPush('queue', 'job')
    const got = await popped
    blocked.destroy()
    return { ...got }
  })
  await say('stream', async () => {
    await client.xGroupCreate('s', 'g', '$', { MKSTREAM: true })
    await client.xAdd('s', '1-1', { f: 'v' })
    const read = await client.xReadGroup('g', 'c', { key: 's', id: '>' })
    return [read, await client.xAck('s', 'g', '1-1')]
  })
  await say('busy group', () => code(client.xGroupCreate('s', 'g', '$')))
  await say('no group', () => code(client.xReadGroup('none', 'c', { key: 's', id: '>' })))
  await say('script', () => client.eval('return {KEYS[1], ARGV[1]}', { keys: ['a'], arguments: ['b'] }))
  await say('no script', () => code(client.evalSha('f'.repeat(40))))
  await say('scan', async () => {
    await Promise.all(Array.from({ length: 10_000 }, (_, i) => client.set(`scan:${i}`, String(i))))
    let seen = 0
    for await (const keys of client.scanIterator({ MATCH: 'scan:*', COUNT: 500 })) seen += keys.length
    return seen
  })
  await say('publish and subscribe', async () => {
    const listener = await open()
    const heard = []
    let done
    const all = new Promise((resolve) => { done = resolve })
    const hear = (kind) => (message, channel) => heard.push([kind, channel, message]) === 3 && done()
    await listener.subscribe('news', hear('message'))
    await listener.pSubscribe('n*', hear('pmessage'))
    await listener.sSubscribe('shard', hear('smessage'))
    await client.publish('news', 'one')
    await client.sPublish('shard', 'two')
    await all
    const inBetween = RESP === 3 ? await listener.get('k') : 'not in RESP2'
    await listener.unsubscribe('news')
    await listener.pUnsubscribe('n*')
    await listener.sUnsubscribe('shard')
    const after = await listener.get('k')
    listener.destroy()
    return [heard.map(String).sort(), inBetween, after]
  })
  await say('many connections', async () => {
    const many = await Promise.all(Array.from({ length: 100 }, open))
    const said = await Promise.all(many.map((one) => one.incr('many')))
    many.forEach((one) => one.destroy())
    return Math.max(...said)
  })
  await say('info', async () => (await client.info('server')).includes('redis_version'))
  await say('config', async () => ({ ...(await client.configGet('databases')) }))
  await say('client info', async () => (await client.clientInfo()).resp)
  await client.close()
}
process.exit(0)
