'use strict'

const { Redis } = require('./redis.js')

const PAUSE = 300
const SETTLE = 500
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const key = (id) => `catalog:product:${id}`

// The cache is trusted or it is not. After any failure nobody asks it, until somebody in the background has reached it
// and deleted what it was not told meanwhile.

class Cache {
  constructor({ url, timeoutMs, ttlS, negTtlS, warn }) {
    Object.assign(this, { ttlS, negTtlS, warn, trusted: true, writes: 0, untold: new Set() })
    this.redis = new Redis(url, timeoutMs)
  }

  // What is known: { product }, with null for one that does not exist. Undefined if nothing is.
  async get(id) {
    if (!this.trusted) return undefined
    let text
    try {
      text = await this.redis.send('GET', key(id))
    } catch (error) {
      if (!error.message.startsWith('WRONGTYPE')) this.#distrust(error)
      return undefined
    }
    if (text === null) return undefined
    try {
      const { product } = JSON.parse(text)
      return product === null || Number.isInteger(product?.version) ? { product } : undefined
    } catch {
      return undefined
    }
  }

  // `writes` is this.writes of before the origin was asked: who has written since knows better.
  async set(id, product, writes) {
    if (!this.trusted || writes !== this.writes) return
    const ttl = product ? this.ttlS * (0.8 + 0.4 * Math.random()) : this.negTtlS
    const ms = String(Math.max(1, Math.floor(ttl * 1000)))
    try {
      await this.redis.send('SET', key(id), JSON.stringify({ product }), 'PX', ms)
    } catch (error) {
      this.#distrust(error)
    }
  }

  async forget(id) {
    this.writes++
    if (this.trusted) {
      try {
        return await this.redis.send('DEL', key(id))
      } catch (error) {
        this.#distrust(error)
      }
    }
    this.untold.add(id)
  }

  async ping() {
    try {
      await this.redis.send('PING')
      return this.trusted
    } catch (error) {
      this.#distrust(error)
      return false
    }
  }

  #distrust(error) {
    this.warn('redis failed', error)
    if (!this.trusted) return
    this.trusted = false
    this.#recover()
  }

  async #recover() {
    for (;;) {
      await pause(PAUSE)
      try {
        await this.#deleteUntold()
        // What Redis had been sent before it stood still may be done just now.
        await pause(SETTLE)
        const ids = await this.#deleteUntold()
        for (const id of ids) this.untold.delete(id)
        if (this.untold.size) continue
        this.trusted = true
        return
      } catch (error) {
        this.warn('redis is still away', error)
      }
    }
  }

  async #deleteUntold() {
    const ids = [...this.untold]
    await this.redis.send('PING')
    for (const id of ids) await this.redis.send('DEL', key(id))
    return ids
  }
}

module.exports = { Cache }
